// SPDX-License-Identifier: GPL-2.0-only
// Who may open what: inode_permission() of fs/namei.c, and whose the files of /proc/PID are, as functions that are
// proved equal to the rules.
#ifndef CAPCHECK_SOLVER_KERNEL_NAMEI_H_
#define CAPCHECK_SOLVER_KERNEL_NAMEI_H_

#include <vector>

#include "solver/kernel/functions.h"

namespace capcheck {

std::vector<ProvedFunction> namei_functions();

}  // namespace capcheck

#endif
