// SPDX-License-Identifier: GPL-2.0-only
// Rules of kernel/fork.c: unshare(2) and clone(2).
#ifndef CAPCHECK_MODEL_RULES_FORK_H_
#define CAPCHECK_MODEL_RULES_FORK_H_

#include "model/capability.h"
#include "model/domain.h"
#include "model/outcome.h"
#include "model/profile.h"
#include "model/rules/user_namespace.h"
#include "model/world.h"

namespace capcheck {

/// The flags of unshare(2) that check_unshare_flags() knows.
inline constexpr std::uint64_t kUnshareKnownFlags =
    CLONE_THREAD | CLONE_FS | CLONE_NEWNS | CLONE_SIGHAND | CLONE_VM | CLONE_FILES | CLONE_SYSVSEM | CLONE_NEWUTS |
    CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWCGROUP | CLONE_NEWTIME;

/// The known flags that the model follows. The other namespaces and shared resources carry no capability state.
inline constexpr std::uint64_t kUnshareModelledFlags = CLONE_NEWUSER | CLONE_THREAD | CLONE_FS;

/// The flags of clone(2) that the model follows; CLONE_VM only together with CLONE_THREAD.
inline constexpr std::uint64_t kCloneModelledFlags = CLONE_NEWUSER | CLONE_FS | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;

/// A user namespace that a call created, and the credentials of who enters it. `entered` is false where CLONE_NEWUSER
/// was not asked for: then the credentials are the old ones.
template <Domain D>
struct Unshared {
  typename D::Bool entered;
  Credentials<D> cred;
  UserNamespace<D> child;
  typename D::Bool unshares_fs;  ///< of unshare(2): the task gets an fs_struct of its own
};

namespace detail {

template <Domain D>
constexpr typename D::Bool asks_for(const typename D::Word& flags, std::uint64_t flag) {
  return !((flags & typename D::Word(flag)) == typename D::Word(0));
}

template <Domain D>
constexpr Credentials<D> entering(const Profile& profile, const Sysctls<D>& sysctls, const Credentials<D>& old,
                                  const typename D::Bool& entered) {
  Credentials<D> cred = old;
  D::assign(cred, entered, set_cred_user_ns(profile, sysctls, old));
  return cred;
}

}  // namespace detail

/// sys_unshare(), for flags within kUnshareModelledFlags or not known at all. CLONE_NEWUSER brings CLONE_THREAD and
/// CLONE_FS with it.
template <Domain D>
constexpr Outcome<D, Unshared<D>> sys_unshare(const Profile& profile, const Sysctls<D>& sysctls, const Task<D>& task,
                                              const UserNamespace<D>& parent, const typename D::Word& flags,
                                              const typename D::Bool& thread_group_empty) {
  using Bool = typename D::Bool;
  const Bool enters = detail::asks_for<D>(flags, CLONE_NEWUSER);
  Verdict<D> verdict;
  verdict.require(Guard::flags_known, subset<D>(flags, typename D::Word(kUnshareKnownFlags)));
  verdict.require(Guard::single_threaded,
                  implies<D>(detail::asks_for<D>(flags, CLONE_NEWUSER | CLONE_THREAD), thread_group_empty));
  const UserNamespace<D> child = create_user_ns(verdict, profile, task, parent, enters);
  return {verdict,
          typename D::Word(0),
          {enters, detail::entering(profile, sysctls, task.cred, enters), child,
           detail::asks_for<D>(flags, CLONE_NEWUSER | CLONE_FS)}};
}

/// clone(2), for flags within kCloneModelledFlags: copy_process() with copy_creds(). The value is the child's thread
/// id, for which there must be a free task.
template <Domain D>
constexpr Outcome<D, Unshared<D>> copy_process(const Profile& profile, const Sysctls<D>& sysctls, const Task<D>& task,
                                               const UserNamespace<D>& parent, const typename D::Word& flags,
                                               const typename D::Bool& task_free, const typename D::Word& child_id) {
  using Bool = typename D::Bool;
  const Bool enters = detail::asks_for<D>(flags, CLONE_NEWUSER), thread = detail::asks_for<D>(flags, CLONE_THREAD),
             sighand = detail::asks_for<D>(flags, CLONE_SIGHAND), vm = detail::asks_for<D>(flags, CLONE_VM);
  Verdict<D> verdict;
  verdict.require(Guard::clone_flags_consistent, !(enters & detail::asks_for<D>(flags, CLONE_FS)) &
                                                     implies<D>(thread, sighand) & implies<D>(sighand, vm) &
                                                     !(thread & enters));
  const UserNamespace<D> child = create_user_ns(verdict, profile, task, parent, enters);
  verdict.require(Guard::task_free, task_free);
  return {verdict, child_id, {enters, detail::entering(profile, sysctls, task.cred, enters), child, Bool(false)}};
}

}  // namespace capcheck

#endif
