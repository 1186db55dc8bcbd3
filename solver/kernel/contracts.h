// SPDX-License-Identifier: GPL-2.0-only
// What is taken for granted of the kernel's functions that are not run, but stood for. Each is an assumption of every
// proof in which it is made use of, and is printed with it.
#ifndef CAPCHECK_SOLVER_KERNEL_CONTRACTS_H_
#define CAPCHECK_SOLVER_KERNEL_CONTRACTS_H_

#include "solver/kernel/interpreter.h"

namespace capcheck {

/// All of them, by the names of the functions.
const Contracts& kernel_contracts();

/// The credentials of the current task, in a state of a interpreter in which there is only one object that they can be.
ObjectId current_credentials(Interpreter& interpreter, State& state);

}  // namespace capcheck

#endif
