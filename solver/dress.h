// SPDX-License-Identifier: GPL-2.0-only
// From root to a task with credentials that somebody asks about.
#ifndef CAPCHECK_SOLVER_DRESS_H_
#define CAPCHECK_SOLVER_DRESS_H_

#include "model/profile.h"
#include "model/program.h"
#include "model/world.h"

namespace capcheck {

/// Calls by which the first task takes on these credentials in the initial namespace, as a login or a service manager
/// would: sets that bound others are lowered first, ids change with PR_SET_KEEPCAPS, permitted and effective come last.
/// Credentials that no task can have are not reached; the model says so.
Program dress(const Profile& profile, const Credentials<Concrete>& wanted);

}  // namespace capcheck

#endif
