// SPDX-License-Identifier: GPL-2.0-only
// `capcheck prove --kernel`: a kernel's own functions, proved equal to the model's rules.
#ifndef CAPCHECK_SOLVER_KERNEL_COMMAND_H_
#define CAPCHECK_SOLVER_KERNEL_COMMAND_H_

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "model/profile.h"
#include "model/trace_text.h"
#include "solver/prove_command.h"

namespace capcheck {

/// A kernel to prove.
struct ProvedKernel {
  std::string name;                ///< as it was asked for
  std::string profile;             ///< version and features that it is built by: "6.12+userns"
  std::string rules;               ///< the profile whose rules it is compared with
  std::string fault{};             ///< planted in its code; empty if none
  std::filesystem::path source{};  ///< its tree, with the user's patches; empty: Debian's
  /// The tree that it is compared with, without the user's patches; empty: Debian's. Only where `source` is not.
  std::filesystem::path base{};
};

/// What a kernel does with a program that the proof says it differs on.
struct KernelShown {
  std::string kernel{};      ///< its release
  std::string divergence{};  ///< a report for a person; empty if it does as the model does
  std::string refused{};     ///< why the kernel did not run it; empty if it did
};

/// What a proof needs of those who build and run kernels. What is missing is said where it would be of use.
struct KernelServices {
  /// A kernel of `capcheck kernel build` by that name that has a source, patches or a fault of its own. Throws
  /// std::runtime_error if what it was made from is no longer there.
  std::function<std::optional<ProvedKernel>(const std::string& name)> find_built{};
  /// Runs a trace on such a kernel, in this process.
  std::function<KernelShown(const ProvedKernel& kernel, const TraceText& trace)> replay{};
};

/// Prints what comes of every kernel. Gives 0 if all functions are proved equal, or equal wherever a program leads; 1
/// if one is refuted, else 2. Throws std::invalid_argument for a name that there is not, and what parse_profile(),
/// kernel_bitcode(), OtherSolver and the services do.
int prove_kernels(const KernelProofOptions& options, const KernelServices& services = {});

}  // namespace capcheck

#endif
