// SPDX-License-Identifier: GPL-2.0-only
// A call in a world that Z3 found, over machine integers.
#ifndef CAPCHECK_SOLVER_CONCRETE_WORLD_H_
#define CAPCHECK_SOLVER_CONCRETE_WORLD_H_

#include <z3++.h>

#include <cstddef>
#include <span>

#include "model/call.h"
#include "model/world.h"
#include "solver/symbolic.h"

namespace capcheck {

struct ConcreteCall {
  World<Concrete> world;
  Call<Concrete> call;
};

/// The call in the world of a model. Of the namespaces that were read where the table has no slot, `ends` are those of
/// which the level alone was: they get ancestors of which nothing is known. Whether what holds of all worlds holds of
/// this one is to be seen.
ConcreteCall concrete_call(const World<Symbolic>& world, const Call<Symbolic>& call, std::span<const std::size_t> ends,
                           const z3::model& model);

/// Whether all numbers of tasks and namespaces that others have are such numbers. Else nothing can be looked up.
bool refers_to_what_exists(const World<Concrete>& world);

}  // namespace capcheck

#endif
