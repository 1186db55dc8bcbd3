// SPDX-License-Identifier: GPL-2.0-only
// Rules of kernel/ptrace.c.
#ifndef CAPCHECK_MODEL_RULES_PTRACE_H_
#define CAPCHECK_MODEL_RULES_PTRACE_H_

#include "model/domain.h"
#include "model/outcome.h"
#include "model/rules/commoncap.h"
#include "model/world.h"

namespace capcheck {

/// ptrace_traceme(): the parent becomes the tracer. What counts at an exec are the credentials kept at this moment, and
/// those are the tracee's own. A parent outside the world has every capability.
template <Domain D>
constexpr Outcome<D, Task<D>> ptrace_traceme(const Namespaces<D>& namespaces, const Task<D>& task,
                                             const Task<D>& parent) {
  using Word = typename D::Word;
  const typename D::Bool outside = task.parent == Word(kOutside);
  Verdict<D> verdict;
  verdict.require(Guard::not_traced, task.traced == Word(0));
  verdict.require(Guard::parent_may_trace, outside | cap_ptrace_traceme<D>(namespaces, parent, task));
  Task<D> traced = task;
  traced.traced = Word(1);
  traced.tracer = task.parent;
  traced.tracer_user_ns = task.user_ns;
  traced.tracer_euid = task.cred.euid;
  traced.tracer_effective = task.cred.effective;
  return {verdict, Word(0), traced};
}

}  // namespace capcheck

#endif
