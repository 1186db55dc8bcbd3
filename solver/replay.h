// SPDX-License-Identifier: GPL-2.0-only
// Programs found by the solver, run on the model over machine integers.
#ifndef CAPCHECK_SOLVER_REPLAY_H_
#define CAPCHECK_SOLVER_REPLAY_H_

#include "model/faults.h"
#include "model/profile.h"
#include "model/program.h"
#include "model/world.h"
#include "solver/statement.h"

namespace capcheck {

/// The state that programs start from.
World<Concrete> initial_world(const Profile& profile);

/// Whether all calls of a program are made, and the last meets a goal; for the empty program, whether the initial state
/// does.
bool replays(const Profile& profile, Fault fault, const Goal& goal, const Program& program);

}  // namespace capcheck

#endif
