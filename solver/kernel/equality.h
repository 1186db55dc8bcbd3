// SPDX-License-Identifier: GPL-2.0-only
// The kernel's own functions against the model's rules, for every input.
#ifndef CAPCHECK_SOLVER_KERNEL_EQUALITY_H_
#define CAPCHECK_SOLVER_KERNEL_EQUALITY_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/profile.h"
#include "model/program.h"
#include "solver/kernel/code.h"
#include "solver/kernel/functions.h"
#include "solver/obligation.h"
#include "solver/query.h"

namespace capcheck {

enum class EqualityVerdict : std::uint8_t {
  proved,       ///< equal for every input
  refuted,      ///< there is an input for which they differ
  unreachable,  ///< there is one, but proved invariants say that no program leads to it
  timeout,      ///< Z3 gave no answer in time
  unknown,      ///< Z3 gave no answer
  unconfirmed,  ///< proved by Z3, and not by the solver that was to confirm it
  error,        ///< the code is not what was expected, or not understood
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
  std::set<std::string> run{};  ///< the kernel's functions that were run
  /// Of refuted, if it was looked for: a program whose last call shows the difference; else why there is none.
  std::optional<Program> program{};
  std::string no_program{};
  double seconds = 0;
  double slowest = 0;         ///< of the questions to Z3, in seconds
  std::size_t confirmed = 0;  ///< questions that the other solver answers alike
};

struct EqualityOptions {
  std::chrono::milliseconds timeout;  ///< for each question to Z3
  std::string kernel{};               ///< as obligations name it: "6.12+userns"
  /// Is given what was proved, as SMT-LIB: in each situation, that nothing differs, and that the paths which the
  /// translation left out cannot be taken.
  std::function<void(const Obligation& obligation)> on_obligation{};
  /// Puts it to another solver.
  std::function<Answer(const Obligation& obligation)> confirm{};
  /// Of what is refuted, looks for a program that shows it.
  bool find_program = false;
};

/// Compares one function with its rule.
EqualityResult prove_equal(const KernelCode& code, const Profile& profile, const ProvedFunction& function,
                           const EqualityOptions& options);

/// The bitcode of a kernel, with a fault planted or (empty) none, of a source tree or (empty) Debian's: made by a
/// script, which keeps it. Throws std::runtime_error with what the script said.
std::filesystem::path kernel_bitcode(std::string_view kernel, std::string_view fault,
                                     const std::filesystem::path& source = {});

}  // namespace capcheck

#endif
