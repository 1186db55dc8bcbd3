// SPDX-License-Identifier: GPL-2.0-only
// Rules of kernel/ptrace.c.
#ifndef CAPCHECK_MODEL_RULES_PTRACE_H_
#define CAPCHECK_MODEL_RULES_PTRACE_H_

#include "model/domain.h"
#include "model/outcome.h"
#include "model/rules/commoncap.h"
#include "model/world.h"

namespace capcheck {

/// ptrace_link(): the tracee with its tracer, and of that which of its credentials are kept: those of the task that
/// made the call.
template <Domain D>
constexpr Task<D> ptrace_link(const Task<D>& tracee, const typename D::Word& tracer, const Task<D>& caller) {
  Task<D> linked = tracee;
  linked.traced = typename D::Word(1);
  linked.tracer = tracer;
  linked.tracer_user_ns = caller.user_ns;
  linked.tracer_euid = caller.cred.euid;
  linked.tracer_effective = caller.cred.effective;
  return linked;
}

/// ptrace_traceme(): the parent becomes the tracer. What counts at an exec are the credentials kept at this moment, and
/// those are the tracee's own. A parent outside the world has every capability.
template <Domain D>
constexpr Outcome<D, Task<D>> ptrace_traceme(const Namespaces<D>& namespaces, const Task<D>& task,
                                             const Task<D>& parent) {
  using Word = typename D::Word;
  const typename D::Bool outside = task.parent == Word(kOutside);
  Verdict<D> verdict;
  verdict.require(Guard::not_traced, task.traced == Word(0));
  verdict.require(Guard::parent_may_trace, outside | cap_ptrace_access_check<D>(namespaces, parent, task));
  return {verdict, Word(0), ptrace_link(task, task.parent, task)};
}

/// __ptrace_may_access() of another thread group's task, with PTRACE_MODE_ATTACH_REALCREDS. `leader` leads its group.
template <Domain D>
constexpr typename D::Bool ptrace_may_access(const Namespaces<D>& namespaces, const Task<D>& task,
                                             const Task<D>& tracee, const Task<D>& leader) {
  return kernel_function<D>("__ptrace_may_access", [&] {
    using Word = typename D::Word;
    const auto has_cap = [&](const Word& user_ns) {
      return cap_capable<D>(namespaces, subject_of(task), user_ns, Word(CAP_SYS_PTRACE));
    };
    const Credentials<D>&own = task.cred, &other = tracee.cred;
    const typename D::Bool same_ids = (own.uid == other.euid) & (own.uid == other.suid) & (own.uid == other.uid) &
                                      (own.gid == other.egid) & (own.gid == other.sgid) & (own.gid == other.gid);
    return (same_ids | has_cap(tracee.user_ns)) & ((leader.dumpable == Word(1)) | has_cap(leader.mm_user_ns)) &
           cap_ptrace_access_check<D>(namespaces, task, tracee);
  });
}

/// ptrace_attach() by PTRACE_SEIZE, which stops nothing. `number` is the caller's. `after` is the tracee.
template <Domain D>
constexpr Outcome<D, Task<D>> ptrace_seize(const Namespaces<D>& namespaces, const Task<D>& task,
                                           const typename D::Word& number, const Task<D>& tracee,
                                           const Task<D>& leader) {
  using Word = typename D::Word;
  Verdict<D> verdict;
  verdict.require(Guard::tracee_exists, !(tracee.alive == Word(0)));
  verdict.require(Guard::tracee_in_other_group, !(task.leader == tracee.leader));
  verdict.require(Guard::ptrace_access_allowed, ptrace_may_access<D>(namespaces, task, tracee, leader));
  verdict.require(Guard::tracee_not_traced, tracee.traced == Word(0));
  return {verdict, Word(0), ptrace_link(tracee, number, task)};
}

}  // namespace capcheck

#endif
