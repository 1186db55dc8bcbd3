// SPDX-License-Identifier: GPL-2.0-only
// What invariants of worlds (world_invariants.h) say of a step: how tasks stood to each other before it, and stand
// after it. Each is said of all tasks; the rules have their own ways to find out.
#ifndef CAPCHECK_MODEL_WORLD_STEP_H_
#define CAPCHECK_MODEL_WORLD_STEP_H_

#include <cstddef>
#include <cstdint>

#include "model/domain.h"
#include "model/invariants.h"
#include "model/step.h"
#include "model/world.h"

namespace capcheck::invariant {

template <Domain D>
constexpr typename D::Bool gives(const Step<D>& step, std::uint64_t error) {
  return step.result == typename D::Word(0) - typename D::Word(error);
}
template <Domain D>
constexpr typename D::Bool equivalent(const typename D::Bool& a, const typename D::Bool& b) {
  return (a & b) | (!a & !b);
}
/// Bits in which two values of one type differ in any word. One word, since each part of a conclusion is a question.
template <Domain D, class T>
constexpr typename D::Word differing(const T& a, const T& b) {
  T copy = a;
  typename D::Word bits(0);
  zip_words(copy, b, [&](const typename D::Word& x, const typename D::Word& y) { bits = bits | (x ^ y); });
  return bits;
}
using detail::asks_for;
/// What the caller itself comes to, not a child or a helper.
template <Domain D>
constexpr typename D::Bool of_caller(const Step<D>& step) {
  return typename D::Bool(step.whose == Whose::caller || step.whose == Whose::gone);
}
template <Domain D>
constexpr const Task<D>& caller_before(const Step<D>& step) {
  return step.world->tasks[step.call.task];
}
/// The caller as its call finds it: with the session keyring that waited for it.
template <Domain D>
constexpr Task<D> caller_in_call(const Step<D>& step) {
  using Word = typename D::Word;
  Task<D> task = caller_before(step);
  const typename D::Bool waits = !(task.pending_session == Word(0));
  task.session = D::select(waits, task.pending_session, task.session);
  task.session_uid = D::select(waits, task.pending_uid, task.session_uid);
  task.pending_session = task.pending_uid = Word(0);
  return task;
}
/// The caller's own namespace, as it was.
template <Domain D>
constexpr UserNamespace<D> own_namespace(const Step<D>& step) {
  return D::at(step.world->namespaces, step.before.user_ns);
}

/// The task's thread group has no other task.
template <Domain D>
constexpr typename D::Bool is_alone(const World<D>& world, const Task<D>& task, const typename D::Word& number) {
  using Word = typename D::Word;
  return (task.leader == number) & all_living<D>(world, [&](const Task<D>& other, std::size_t i) {
           return (number == Word(i)) | !(other.leader == task.leader);
         });
}
/// No other task uses the task's fs_struct.
template <Domain D>
constexpr typename D::Bool has_own_fs(const World<D>& world, const Task<D>& task, const typename D::Word& number) {
  using Word = typename D::Word;
  return all_living<D>(
      world, [&](const Task<D>& other, std::size_t i) { return (number == Word(i)) | !(other.fs == task.fs); });
}
/// The task's parent; of use only where that is in the world.
template <Domain D>
constexpr Task<D> parent_of(const World<D>& world, const Task<D>& task) {
  return D::at(world.tasks, detail::parent_of(task));
}
/// Nothing of a task changed but who its parent and its tracer are.
template <Domain D>
constexpr typename D::Bool keeps_all_but_relatives(const Task<D>& task, const Task<D>& left) {
  Task<D> expected = task;
  expected.parent = left.parent;
  expected.traced = left.traced;
  expected.tracer = left.tracer;
  return differing<D>(expected, left) == typename D::Word(0);
}

}  // namespace capcheck::invariant

#endif
