// SPDX-License-Identifier: GPL-2.0-only
// Decides every invariant of the catalogue on a profile: a proof for call sequences of any length, or a trace that
// breaks it, a shortest one where it has few calls. How: solver/README.md.
#ifndef CAPCHECK_SOLVER_PROVE_H_
#define CAPCHECK_SOLVER_PROVE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/faults.h"
#include "model/invariants.h"
#include "model/profile.h"
#include "model/program.h"
#include "solver/obligation.h"
#include "solver/query.h"
#include "solver/statement.h"

namespace capcheck {

enum class ProofVerdict : std::uint8_t {
  proved,       ///< in every state that any sequence of calls can reach
  refuted,      ///< by the counterexample, which was replayed on the model over machine integers
  unknown,      ///< not inductive, yet no trace was found that breaks it; or Z3 gave up
  vacuous,      ///< it holds, but no trace was found that meets its premise
  timeout,      ///< a question took longer than its time
  unconfirmed,  ///< proved by Z3, but ProveOptions::confirm does not confirm what the proof had to show
};

/// "proved", "refuted", …
std::string_view to_string(ProofVerdict verdict);
/// Whether it decides the invariant, one way or the other.
bool is_answer(ProofVerdict verdict);

struct ProofResult {
  const InvariantInfo* info;
  Claim claim;
  ProofVerdict verdict;
  std::string detail;                     ///< one sentence: what the proof assumes, or why there is none
  std::optional<Program> counterexample;  ///< of refuted: a shortest one, if `detail` says so
  std::optional<Program> witness;         ///< of a proved statement of steps: a trace that meets its premise
  std::size_t calls;                      ///< of the counterexample or the witness; else the bound of the search, or 0
  std::size_t queries;                    ///< the questions that Z3 was asked
  std::size_t confirmed;                  ///< the obligations that were confirmed, without those of results before it
  double seconds;
  double slowest_obligation;  ///< of these seconds, those for the kind of call that took longest

  /// The claim came out as it was made.
  bool as_claimed() const;
};

struct ProveOptions {
  Fault fault = Fault::none;                               ///< planted in the model
  std::chrono::milliseconds timeout{10'000};               ///< for each question to Z3
  std::size_t bound = 2;                                   ///< all traces of up to so many calls are looked at;
                                                           ///< of one more, where sampled ones show nothing
  std::vector<std::string> invariants{};                   ///< the names of those to report; all if empty
  std::function<void(const Obligation&)> on_obligation{};  ///< called with what each proof had to show, and the
                                                           ///< proofs of the lemmas it rests on: each once
  std::function<Answer(const Obligation&)> confirm{};      ///< asked of the same, but of nothing that is plain: whether
                                                           ///< that can be; a proof stands only if never (`no`)
  std::function<void(const ProofResult&)> on_result{};     ///< called as each result comes, in their order
  bool from_last = false;  ///< inductions ask of the last statement of steps and the last kind of call first
};

/// Decides world-well-formed and every invariant of the Catalogue that applies to the profile, in that order. The same
/// arguments give the same verdicts and programs. Throws std::invalid_argument for an unknown name among
/// `invariants`, z3::exception if Z3 fails, std::logic_error if a counterexample does not replay.
std::vector<ProofResult> prove_catalogue(const Profile& profile, const ProveOptions& options = {});

/// What came of one profile.
struct ProfileProofs {
  Profile profile;
  std::vector<ProofResult> results;
  double seconds;
};

/// Told of proofs as they come, of profiles by their index. Never called twice at once.
struct ProofObserver {
  std::function<void(std::size_t, const ProofResult&)> on_result = [](std::size_t, const ProofResult&) {};
  std::function<void(std::size_t, const ProfileProofs&)> on_profile = [](std::size_t, const ProfileProofs&) {};
};

/// prove_catalogue of each profile, `jobs` (at least 1) of them at a time; what is learnt of one spares the others
/// questions. The options' functions may be called by several threads at once; but the observer is called in place of
/// options.on_result. Throws what prove_catalogue throws.
std::vector<ProfileProofs> prove_profiles(std::span<const Profile> profiles, const ProveOptions& options, unsigned jobs,
                                          const ProofObserver& observer = {});

/// As prove_catalogue, of these statements alone. Proofs assume what is proved of states among them.
std::vector<ProofResult> prove_statements(const Profile& profile, const ProveOptions& options,
                                          std::span<const Statement> statements);

/// world-well-formed and the Catalogue.
const std::vector<Statement>& all_statements();

}  // namespace capcheck

#endif
