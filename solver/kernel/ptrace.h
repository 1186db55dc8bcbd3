// SPDX-License-Identifier: GPL-2.0-only
// Functions that decide who may trace whom.
#ifndef CAPCHECK_SOLVER_KERNEL_PTRACE_H_
#define CAPCHECK_SOLVER_KERNEL_PTRACE_H_

#include <vector>

#include "solver/kernel/functions.h"

namespace capcheck {

std::vector<ProvedFunction> ptrace_functions();

}  // namespace capcheck

#endif
