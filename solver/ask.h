// SPDX-License-Identifier: GPL-2.0-only
// Answers questions: never, with an inductive invariant; yes, with a shortest trace; or not known, and how far it was
// looked.
#ifndef CAPCHECK_SOLVER_ASK_H_
#define CAPCHECK_SOLVER_ASK_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/faults.h"
#include "model/profile.h"
#include "model/program.h"
#include "solver/question.h"

namespace capcheck {

struct AskAnswer {
  enum class Kind : std::uint8_t {
    never,    ///< no sequence of calls, however long, gets there
    vacuous,  ///< no reachable state has a task to start from
    yes,      ///< `trace` does
    unknown,  ///< no trace was found, and no invariant that rules them all out; or Z3 gave up
    timeout,  ///< a question to Z3 took longer than its time
  } kind = Kind::unknown;
  /// Of never: what every task of the lineage has, from its start on. With the lemmas it rules out what was asked for.
  std::vector<PredicatePtr> invariant{};
  std::vector<std::string_view>
      lemmas{};                    ///< of never and vacuous: the statements of the catalogue that this may rest on
  std::optional<Program> trace{};  ///< of yes; its last call gets there
  std::size_t start = 0;           ///< of yes: so many calls make a task to start from
  std::vector<std::uint64_t> variables{};  ///< of yes: capabilities for which it does
  std::size_t looked_at = 0;               ///< no trace of up to so many calls gets there
  std::string detail{};                    ///< of unknown and timeout: why
};

/// "never", "vacuous", "yes", "unknown", "timeout".
std::string_view to_string(AskAnswer::Kind kind);

struct AskOptions {
  std::chrono::milliseconds timeout{10'000};  ///< for each question to Z3
  std::size_t bound = 2;                      ///< all traces of up to so many calls are looked at; longer ones sampled
};

/// Answers questions about one profile. What it proves of all reachable states is proved once, for the first question.
class Asker {
 public:
  Asker(const Profile& profile, const AskOptions& options);
  ~Asker();
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;

  /// The same question gets the same answer. Throws z3::exception if Z3 fails, std::logic_error if a trace that it
  /// gives does not replay.
  AskAnswer ask(const Question& question);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Whether the last call of a program gets where the question asks, for some capabilities in place of its variables.
/// If so: they are in `variables`, and in `start` how many calls make a task to start from, at the latest.
bool answers_yes(const Profile& profile, const Question& question, const Program& program,
                 std::vector<std::uint64_t>& variables, std::size_t& start);

}  // namespace capcheck

#endif
