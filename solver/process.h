// SPDX-License-Identifier: GPL-2.0-only
// A program that is given a text, and time to answer.
#ifndef CAPCHECK_SOLVER_PROCESS_H_
#define CAPCHECK_SOLVER_PROCESS_H_

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace capcheck {

struct Finished {
  std::optional<int> status;  ///< waitpid's; none if it was killed because its time was over
  std::string output;         ///< standard output and error, the first 64 KiB
};

/// By the clock, a program has so many times the processor time that it is given.
inline constexpr int kPatience = 5;

/// Runs a program with that text for its standard input. It is killed, with what it started in its process group, when
/// it has used so much processor time: that the machine is busy does not count against it. So it is if it uses none and
/// takes kPatience times as much by the clock. If its caller dies it ends a little later. Throws std::system_error that
/// names a program which cannot be started.
Finished run_on(const std::vector<std::string>& command, std::string_view input, std::chrono::milliseconds time);

}  // namespace capcheck

#endif
