// SPDX-License-Identifier: GPL-2.0-only
// Calls aimed at a world: with arguments that it treats apart. What a program has led to decides which ids, sets, tasks
// and namespaces make a difference next.
#ifndef CAPCHECK_FUZZ_AIMED_CALLS_H_
#define CAPCHECK_FUZZ_AIMED_CALLS_H_

#include <cstdint>
#include <span>

#include "fuzz/values.h"
#include "model/call.h"
#include "model/profile.h"
#include "model/world.h"

namespace capcheck {

/// The world that calls of a program lead to.
World<Concrete> world_after(std::span<const Call<Concrete>> calls, const Profile& profile);

/// Makes a call in it, if its task lives and there is room for what it makes.
void advance(World<Concrete>& world, const Profile& profile, const Call<Concrete>& call);

/// A task that lives; 0 if none does.
std::uint8_t pick_living_task(const World<Concrete>& world, Random& random);

/// A call of this kind by a task: of so many, the one that gets furthest. Canonical.
Call<Concrete> pick_furthest_call(const World<Concrete>& world, const Profile& profile, CallKind kind,
                                  std::uint8_t task, unsigned of, Random& random);

/// A call of this kind by a task. Half of them are the furthest of a few.
Call<Concrete> pick_aimed_call(const World<Concrete>& world, const Profile& profile, CallKind kind, std::uint8_t task,
                               Random& random);

/// Gives an executable an attribute that names root of some namespace, mostly.
void give_attribute_of_root(Call<Concrete>& call, const World<Concrete>& world, const Profile& profile, Random& random);

/// Makes a write to a map one of two lines: the opener's own id alone, then the first ids that there are.
void map_own_id_and_first(Call<Concrete>& call, const World<Concrete>& world, Random& random);

/// A call of any kind by a task that lives.
Call<Concrete> pick_aimed_call(const World<Concrete>& world, const Profile& profile, Random& random);

}  // namespace capcheck

#endif
