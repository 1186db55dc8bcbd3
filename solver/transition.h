// SPDX-License-Identifier: GPL-2.0-only
// One call of the first task, with the worlds around it.
#ifndef CAPCHECK_SOLVER_TRANSITION_H_
#define CAPCHECK_SOLVER_TRANSITION_H_

#include "model/call.h"
#include "model/domain.h"
#include "model/faults.h"
#include "model/invariants.h"
#include "model/profile.h"
#include "model/world.h"

namespace capcheck {

template <Domain D>
struct Transition {
  TaskState<D> before;
  Call<D> call;
  typename D::Word result;
  World<D> world;  ///< after the call
  TaskState<D> after;

  Step<D> seen() const { return {before, call, result, after}; }
};

/// Makes a call in a world, by the rules with a fault planted in them (or none).
template <Domain D>
Transition<D> take(const Profile& profile, Fault fault, const World<D>& world, const Call<D>& call) {
  Transition<D> transition{observe(world, call.task), call, typename D::Word(0), world, {}};
  transition.result = faulty_step(profile, fault, transition.world, call).result;
  transition.after = observe(transition.world, call.task);
  return transition;
}

}  // namespace capcheck

#endif
