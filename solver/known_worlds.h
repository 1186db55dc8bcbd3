// SPDX-License-Identifier: GPL-2.0-only
// Worlds that Z3 found, kept for questions of the same name about other kernels: most have the same answer, and a world
// shows it in no time.
#ifndef CAPCHECK_SOLVER_KNOWN_WORLDS_H_
#define CAPCHECK_SOLVER_KNOWN_WORLDS_H_

#include <z3++.h>

#include <string>
#include <vector>

namespace capcheck {

/// Keeps a world for questions of that name. What one thread learnt, all know.
void keep_world(const std::string& question, const z3::model& world);

/// Those that were kept for questions of that name, as models of this thread's TermScope. They are no answers: whether
/// a goal and the facts hold there is for the caller to see.
std::vector<z3::model> known_worlds(const std::string& question);

}  // namespace capcheck

#endif
