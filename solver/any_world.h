// SPDX-License-Identifier: GPL-2.0-only
// The worlds that the induction looks at: any, but for how tasks and namespaces are numbered.
#ifndef CAPCHECK_SOLVER_ANY_WORLD_H_
#define CAPCHECK_SOLVER_ANY_WORLD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/call.h"
#include "model/faults.h"
#include "model/world.h"
#include "solver/symbolic.h"

namespace capcheck {

/// How the tasks of a world stand to task 0, which makes the call.
struct CallerStanding {
  bool is_thread;  ///< task 1 leads its group, not itself
  enum class Free : std::uint8_t { unknown, next, none } free;
};

inline constexpr std::array kStandings = {
    CallerStanding{false, CallerStanding::Free::unknown}, CallerStanding{true, CallerStanding::Free::unknown},
    CallerStanding{false, CallerStanding::Free::next},    CallerStanding{true, CallerStanding::Free::next},
    CallerStanding{false, CallerStanding::Free::none},    CallerStanding{true, CallerStanding::Free::none},
};

/// Whether a kind of call is looked at where tasks stand so: it makes a difference to what creates one which is free.
bool is_about(CallerStanding standing, CallKind kind);
std::string describe(CallerStanding standing);

/// The number of the next namespace. Those that matter to a call are fewer, and have smaller numbers.
inline constexpr std::uint64_t kNextNamespace = 16;
SymbolicWord any_user_ns(std::string_view name);
/// The namespace that a call names in its first argument.
SymbolicWord named_namespace();

Call<Symbolic> any_call(const CallInfo& call_info);

/// Any world. Of its namespaces those are slots that a call can change, or a proof compares: the initial one, the
/// caller's, the one that the call names, any other, and a new one.
World<Symbolic> any_world(CallerStanding standing, const SymbolicWord& any_namespace);

/// The calls whose first arguments are tasks: whose file of /proc is written, and who opened it.
inline constexpr CallKinds kWritesToProc = kMapWrites | kinds({CallKind::write_setgroups});

/// What a write to a file of /proc is about, by number: the tasks, the namespace of the target and its parent, and the
/// opener's namespace.
struct WriteNumbers {
  std::size_t target, opener;
  std::uint64_t target_ns, parent_ns, opener_ns;
};

/// Together all writes, but for how tasks and namespaces are numbered: besides the initial namespace (0), the caller
/// (task 0) and its leader, each has a number that another has, or the next.
std::vector<WriteNumbers> all_write_numbers(CallerStanding standing);

/// A world in which these have their numbers, which is any otherwise: what is read of them is no choice between slots.
/// Of the initial namespace it says what world-well-formed does, which has to hold.
World<Symbolic> any_world_of(const WriteNumbers& numbers, CallerStanding standing, const SymbolicWord& any_namespace);

}  // namespace capcheck

#endif
