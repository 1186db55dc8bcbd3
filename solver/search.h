// SPDX-License-Identifier: GPL-2.0-only
// A shortest trace from the initial state that meets a quest.
//
// Sequences of calls are looked at one after another by who makes which kind of call, their arguments being unknown: so
// each question is small, and most sequences are ruled out by what their calls can change at all. There are some thirty
// times more of them with each call, so traces of more than a few calls come from sampling, and that there is no
// shorter one is then not claimed.
#ifndef CAPCHECK_SOLVER_SEARCH_H_
#define CAPCHECK_SOLVER_SEARCH_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "model/call.h"
#include "model/faults.h"
#include "model/profile.h"
#include "model/program.h"
#include "solver/query.h"
#include "solver/quest.h"

namespace capcheck {

/// What a search came to. `yes`: a program; `no`: none was found; otherwise a question without an answer, and why.
struct Found {
  Answer answer;
  std::optional<Program> program;
  std::size_t looked_at = 0;  ///< all sequences of up to so many calls were looked at; shorter programs there are none
};

class Search {
 public:
  Search(const Profile& profile, Fault fault, std::chrono::milliseconds timeout);

  /// The shortest program that meets a quest among all of at most `bound` calls (one more, if sampling finds none)
  /// and sampled longer ones, in a readable form. Its last call is of one of the kinds `last`: all those that can meet
  /// the quest in any world must be among them. The same arguments give the same program. Throws std::logic_error if
  /// the program that Z3 found does not meet the quest on the model over machine integers.
  Found shortest(const Quest& quest, std::size_t bound, std::span<const CallKind> last);

  /// Some program that meets a quest, short, but not the shortest for sure. Looks among sampled programs first.
  Found any(const Quest& quest, std::size_t bound);

  std::size_t asked() const { return asked_; }

 private:
  /// Who makes which kind of call.
  struct Move {
    std::uint8_t task;
    CallKind kind;
  };
  using Moves = std::vector<Move>;
  using Visit = std::function<Answer(const Moves&)>;

  Answer for_each_prefix(const Moves& prefix, std::size_t length, const Visit& visit);
  Moves next_moves(const Moves& prefix, std::span<const CallKind> kinds, bool that_change);
  Found of_length(const Quest& quest, std::size_t length, std::span<const CallKind> last);
  Answer can_end(const Quest& quest, const Moves& prefix, std::span<const CallKind> last);
  Found end(const Quest& quest, const Moves& prefix, std::span<const CallKind> last);
  Found program(const Quest& quest, const Moves& moves);

  Profile profile_;
  Fault fault_;
  std::chrono::milliseconds timeout_;
  std::size_t asked_ = 0;
};

}  // namespace capcheck

#endif
