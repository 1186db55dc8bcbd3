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

/// Runs a program with that text for its standard input. It is killed when its time is over, with what it started in
/// its process group; if its caller dies first, when it has used as much processor time. Throws std::system_error that
/// names a program which cannot be started.
Finished run_on(const std::vector<std::string>& command, std::string_view input, std::chrono::milliseconds timeout);

}  // namespace capcheck

#endif
