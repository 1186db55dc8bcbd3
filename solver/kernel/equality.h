// SPDX-License-Identifier: GPL-2.0-only
// The kernel's own functions against the model's rules, for every input.
#ifndef CAPCHECK_SOLVER_KERNEL_EQUALITY_H_
#define CAPCHECK_SOLVER_KERNEL_EQUALITY_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "model/profile.h"
#include "solver/kernel/code.h"
#include "solver/kernel/functions.h"

namespace capcheck {

enum class EqualityVerdict : std::uint8_t {
  proved,   ///< equal for every input
  refuted,  ///< there is an input for which they differ
  timeout,  ///< Z3 gave no answer in time
  unknown,  ///< Z3 gave no answer
  error,    ///< the code is not what was expected, or not understood
};
std::string_view to_string(EqualityVerdict verdict);

/// What came of one function.
struct EqualityResult {
  const ProvedFunction* function;
  EqualityVerdict verdict;
  std::string detail;  ///< of refuted: the input, and what differs, a line each; of the others that are no proof: why
  std::vector<std::string> assumptions;
  std::size_t instructions = 0;  ///< that were run, each for all inputs at once
  std::size_t queries = 0;
  double seconds = 0;
  double slowest = 0;  ///< of the comparisons, in seconds
};

/// Compares one function with its rule. `timeout` is for each question to Z3.
EqualityResult prove_equal(const KernelCode& code, const Profile& profile, const ProvedFunction& function,
                           std::chrono::milliseconds timeout);

/// The bitcode of a kernel, with a fault planted or (empty) none: made by a script, which keeps it. Throws
/// std::runtime_error with what the script said.
std::filesystem::path kernel_bitcode(std::string_view kernel, std::string_view fault);

}  // namespace capcheck

#endif
