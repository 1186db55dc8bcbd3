// SPDX-License-Identifier: GPL-2.0-only
// What a search looks for in traces from the initial state, over terms and over machine integers.
#ifndef CAPCHECK_SOLVER_QUEST_H_
#define CAPCHECK_SOLVER_QUEST_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/call.h"
#include "model/faults.h"
#include "model/profile.h"
#include "model/program.h"
#include "solver/statement.h"
#include "solver/symbolic.h"
#include "solver/transition.h"

namespace capcheck {

/// Follows one sequence of calls over terms. Lives within one TermScope.
struct Watch {
  SymbolicBool given = true;  ///< of the unknowns that it has itself
  /// Whether the next call, if it is this one, meets the quest.
  std::function<SymbolicBool(const Transition<Symbolic>&)> is_met;
  /// The next call was this one.
  std::function<void(const Transition<Symbolic>&)> pass;
};

struct Quest {
  std::string name;  ///< for errors
  std::function<Watch(const World<Symbolic>& initial)> watch;
  /// Whether all calls of a program are made, and the last meets the quest; for the empty program, whether the initial
  /// state does.
  std::function<bool(const Program&)> replays;
  /// The beginning of a program that ends with the first call that meets the quest. Calls of tasks that do not live are
  /// left out.
  std::function<std::optional<Program>(const Program&)> beginning;
  /// Of programs that do not meet it, how near they come, in any unit. Null: there is no telling.
  std::function<std::size_t(const Program&)> nearness{};
  std::vector<Program> starts{};       ///< programs to go on from, of which all come as near
  std::vector<CallKind> last_kinds{};  ///< of the calls that a program of which something is near ends with; empty: all
};

/// For a trace whose last step meets a goal.
Quest quest_for(const Profile& profile, Fault fault, const Goal& goal);

/// The same calls with arguments that a reader takes in at a glance, as long as `replays` is true of them: capabilities
/// of small number, no set larger than it must be, 0 where nothing hangs on the value.
Program make_readable(const Profile& profile, const Quest& quest, Program program);

/// So many programs are worth trying for a quest: more where they can come nearer to it.
std::size_t programs_worth_sampling(const Quest& quest);

/// A program whose last call meets the quest and from which no call can be left out, among so many made by the fuzzer's
/// mutator; nothing if none of them does. A shorter one is looked for among `after_best` more. The same arguments give
/// the same program.
std::optional<Program> sample(const Profile& profile, const Quest& quest, std::size_t programs,
                              std::size_t after_best = 12'000);

}  // namespace capcheck

#endif
