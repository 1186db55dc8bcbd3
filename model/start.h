// SPDX-License-Identifier: GPL-2.0-only
// A world that begins where a machine was found.
#ifndef CAPCHECK_MODEL_START_H_
#define CAPCHECK_MODEL_START_H_

#include "model/profile.h"
#include "model/program.h"
#include "model/world.h"

namespace capcheck {

/// Puts the world into the profile's initial state, but for what the start says.
void begin(World<Concrete>& world, const Profile& profile, const Start& start);

}  // namespace capcheck

#endif
