// SPDX-License-Identifier: GPL-2.0-only
// The shortest and plainest program that still shows what a longer one shows.
#ifndef CAPCHECK_FUZZ_MINIMISE_H_
#define CAPCHECK_FUZZ_MINIMISE_H_

#include <functional>

#include "model/program.h"

namespace capcheck {

/// Whether a program shows what is looked for. Must say the same of the same program.
using Shows = std::function<bool(const Program&)>;

/// Leaves out tasks, with their calls and what made them, for as long as the program shows it. Whether any went.
bool leave_out_tasks(Program& program, const Shows& shows);

/// Leaves out calls, then tasks, then makes arguments plainer (0, a known version, fewer bits, smaller numbers), again
/// and again until nothing more goes: no call and no task can be left out, and no argument be made plainer by one such
/// step. Asks `shows` once of each program. The program must show it; what is returned does.
Program minimise(Program program, const Shows& shows);

}  // namespace capcheck

#endif
