// SPDX-License-Identifier: GPL-2.0-only
// How far the proofs of the kernel's functions go, as a predicate: what is said in words with each (functions.h).
#ifndef CAPCHECK_SOLVER_KERNEL_BOUNDS_H_
#define CAPCHECK_SOLVER_KERNEL_BOUNDS_H_

#include <string_view>

#include "model/call.h"
#include "model/domain.h"
#include "model/world.h"

namespace capcheck {

/// Whether the situations that a function is proved in are all that a call in a world, which runs it, can come to.
/// Throws std::out_of_range for a function of which no bound is known.
bool is_within_bound(std::string_view function, const World<Concrete>& world, const Call<Concrete>& call);

}  // namespace capcheck

#endif
