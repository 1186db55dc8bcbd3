// SPDX-License-Identifier: GPL-2.0-only
// One call of a task, with the worlds around it, and the tasks whose lineage goes through it.
#ifndef CAPCHECK_SOLVER_TRANSITION_H_
#define CAPCHECK_SOLVER_TRANSITION_H_

#include <cstddef>
#include <functional>
#include <vector>

#include "model/call.h"
#include "model/domain.h"
#include "model/faults.h"
#include "model/invariants.h"
#include "model/profile.h"
#include "model/world.h"
#include "solver/symbolic.h"

namespace capcheck {

/// A task that comes out of a call: the caller itself (at an exit, as it went), or one that the call created.
template <Domain D>
struct Successor {
  Whose whose;
  typename D::Bool exists;
  TaskState<D> state;
};

template <Domain D>
struct Transition {
  const World<D>* before;  ///< outlives the transition
  Call<D> call;
  TaskState<D> caller;  ///< before the call
  typename D::Word result;
  Output<D> output;
  World<D> after;
  std::vector<Successor<D>> successors;

  Step<D> seen(const Successor<D>& successor) const {
    return {caller, call, result, successor.state, successor.whose, before, &after, &output};
  }
};

namespace detail {

inline bool certainly_not(bool condition) {
  return !condition;
}
inline bool certainly_not(const SymbolicBool& condition) {
  return condition.is_false();
}

/// Whether the task of that number comes out of the call. An exec by a thread goes on as its group's leader.
template <Domain D>
typename D::Bool succeeds_caller(const Transition<D>& transition, std::size_t number) {
  using Word = typename D::Word;
  const bool own = number == transition.call.task;
  if (own) return !(transition.after.tasks[number].alive == Word(0));
  if (transition.call.kind != CallKind::execve) return typename D::Bool(false);
  return (transition.result == Word(0)) & (transition.before->tasks[transition.call.task].leader == Word(number));
}

template <Domain D>
typename D::Bool is_born(const Transition<D>& transition, std::size_t number) {
  using Word = typename D::Word;
  const CallKind kind = transition.call.kind;
  if (kind != CallKind::clone && kind != CallKind::usermodehelper) return typename D::Bool(false);
  return (transition.before->tasks[number].alive == Word(0)) & !(transition.after.tasks[number].alive == Word(0));
}

/// Whether it is the task that the call ended, its own.
template <Domain D>
typename D::Bool is_gone(const Transition<D>& transition, std::size_t number) {
  if (transition.call.kind != CallKind::exit_group || number != transition.call.task) return typename D::Bool(false);
  return transition.after.tasks[number].alive == typename D::Word(0);
}

template <Domain D>
std::vector<Successor<D>> successors(const Transition<D>& transition) {
  std::vector<Successor<D>> found;
  const auto add = [&](Whose whose, const typename D::Bool& exists, std::size_t number) {
    if (!certainly_not(exists)) found.push_back({whose, exists, observe(transition.after, number)});
  };
  const Whose born = transition.call.kind == CallKind::clone ? Whose::child : Whose::helper;
  for (std::size_t number = 0; number < kMaxTasks; ++number) {
    add(Whose::caller, succeeds_caller(transition, number), number);
    add(born, is_born(transition, number), number);
    add(Whose::gone, is_gone(transition, number), number);
  }
  return found;
}

}  // namespace detail

/// What makes a call: step(), or other rules.
template <Domain D>
using Stepper = std::function<Reply<D>(World<D>&, const Call<D>&)>;

/// Makes a call of a live task in a world, by some rules.
template <Domain D, class Step>
Transition<D> take_by(const Step& step_by_rules, const World<D>& world, const Call<D>& call) {
  Transition<D> transition{&world, call, observe(world, call.task), typename D::Word(0), {}, world, {}};
  const Reply<D> reply = step_by_rules(transition.after, call);
  transition.result = reply.result;
  transition.output = reply.output;
  transition.successors = detail::successors(transition);
  return transition;
}

/// The same by the rules with a fault planted in them (or none).
template <Domain D>
Transition<D> take(const Profile& profile, Fault fault, const World<D>& world, const Call<D>& call) {
  return take_by<D>([&](World<D>& now, const Call<D>& made) { return faulty_step(profile, fault, now, made); }, world,
                    call);
}

}  // namespace capcheck

#endif
