// SPDX-License-Identifier: GPL-2.0-only
// Programs by real system calls on the kernel that runs this process, one child each. For comparing rates: nothing is
// observed, and only the child's own credentials change.
#ifndef CAPCHECK_FUZZ_BENCH_HOST_CALLS_H_
#define CAPCHECK_FUZZ_BENCH_HOST_CALLS_H_

#include <cstdint>

#include "model/program.h"

namespace capcheck {

enum class Looking : std::uint8_t {
  away,      ///< the calls alone
  at_state,  ///< and, before the first and after each, the system calls that tell a task's whole state; their answers
             ///< are not read
};

/// How often the loop in a guest runs all programs before it tells how long the fastest of these rounds took.
inline constexpr int kLoopRounds = 4;

/// Runs a program of task 0 alone, of calls up to CallKind::write_setgroups, in a child made with clone(CLONE_VM |
/// CLONE_VFORK) and waits for it. Throws std::system_error if no child can be made, std::runtime_error if it does not
/// end of itself, std::invalid_argument if there are other calls in it.
void run_on_host(const Program& program, Looking looking = Looking::away);

}  // namespace capcheck

#endif
