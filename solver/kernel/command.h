// SPDX-License-Identifier: GPL-2.0-only
// `capcheck prove --kernel`: a kernel's own functions, proved equal to the model's rules.
#ifndef CAPCHECK_SOLVER_KERNEL_COMMAND_H_
#define CAPCHECK_SOLVER_KERNEL_COMMAND_H_

#include "solver/prove_command.h"

namespace capcheck {

/// Prints what comes of every kernel. Gives 0 if all functions are proved equal, 1 if one is refuted, else 2. Throws
/// std::invalid_argument for a name that there is not, and what parse_profile() and kernel_bitcode() do.
int prove_kernels(const KernelProofOptions& options);

}  // namespace capcheck

#endif
