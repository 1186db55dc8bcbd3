// SPDX-License-Identifier: GPL-2.0-only
// The kernels that `capcheck prove --kernel` asks for: those that `capcheck kernel build` made, and those in this
// process on which the programs it finds are run.
#ifndef CAPCHECK_FUZZ_PROOF_KERNELS_H_
#define CAPCHECK_FUZZ_PROOF_KERNELS_H_

#include "solver/kernel/command.h"

namespace capcheck {

/// A kernel that is not there in process yet is built first: some seconds for a planted fault, up to a minute for a
/// source of the user's own.
KernelServices proof_kernels();

}  // namespace capcheck

#endif
