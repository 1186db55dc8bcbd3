// SPDX-License-Identifier: GPL-2.0-only
// Values worth trying for each role of an argument. The mutator and the property generators draw from them.
#ifndef CAPCHECK_FUZZ_VALUES_H_
#define CAPCHECK_FUZZ_VALUES_H_

#include <cstdint>
#include <random>

#include "model/call.h"
#include "model/profile.h"

namespace capcheck {

/// Any generator of 32-bit numbers would do; this one is small and the same everywhere.
using Random = std::minstd_rand;

/// A number from 0 to bound - 1.
std::uint64_t pick_below(Random& random, std::uint64_t bound);

/// A value for an argument of this role: mostly one that a rule has a reason to treat apart, sometimes any at all.
/// Canonical.
std::uint64_t pick_value(Random& random, Role role, const Profile& profile);

/// A call of this kind by a task, with arguments so picked.
Call<Concrete> pick_call(Random& random, const Profile& profile, CallKind kind, std::uint8_t task = 0);

/// A call of any kind.
Call<Concrete> pick_call(Random& random, const Profile& profile, std::uint8_t task = 0);

}  // namespace capcheck

#endif
