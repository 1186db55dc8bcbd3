// SPDX-License-Identifier: GPL-2.0-only
// Functions behind files of /proc: those that set up a user namespace.
#ifndef CAPCHECK_SOLVER_KERNEL_PROC_FILES_H_
#define CAPCHECK_SOLVER_KERNEL_PROC_FILES_H_

#include <vector>

#include "solver/kernel/functions.h"

namespace capcheck {

std::vector<ProvedFunction> proc_file_functions();

}  // namespace capcheck

#endif
