// SPDX-License-Identifier: GPL-2.0-only
// Rules of kernel/nsproxy.c: setns(2) with a user namespace.
#ifndef CAPCHECK_MODEL_RULES_NSPROXY_H_
#define CAPCHECK_MODEL_RULES_NSPROXY_H_

#include "model/capability.h"
#include "model/domain.h"
#include "model/outcome.h"
#include "model/profile.h"
#include "model/rules/user_namespace.h"
#include "model/world.h"

namespace capcheck {

/// The namespace of that number, and whether there is one. Where there is none, it is the initial one.
template <Domain D>
struct NamedNamespace {
  typename D::Bool exists;
  typename D::Word number;
};

template <Domain D>
constexpr NamedNamespace<D> named_namespace(const World<D>& world, const typename D::Word& number) {
  const typename D::Bool exists = number < world.namespace_count;
  return {exists, D::select(exists, number, typename D::Word(0))};
}

/// sys_setns() with a descriptor of a user namespace. `after` are the joiner's credentials: its own U decides, not the
/// creator's.
template <Domain D>
constexpr Outcome<D, Credentials<D>> sys_setns(const Profile& profile, const World<D>& world, const Task<D>& task,
                                               const NamedNamespace<D>& target, const typename D::Word& flags,
                                               const typename D::Bool& thread_group_empty,
                                               const typename D::Bool& fs_shared) {
  using Word = typename D::Word;
  Verdict<D> verdict;
  verdict.require(Guard::namespace_exists, target.exists);
  verdict.require(Guard::setns_type_matches, (flags == Word(0)) | (flags == Word(CLONE_NEWUSER)));
  userns_install<D>(verdict, world.namespaces, task, target.number, thread_group_empty, fs_shared);
  return {verdict, Word(0), set_cred_user_ns(profile, world.sysctls, task.cred)};
}

/// ns_capable() of a namespace, as a call: 1 or 0.
template <Domain D>
constexpr Outcome<D, typename D::Word> ns_capable(const World<D>& world, const Task<D>& task,
                                                  const NamedNamespace<D>& target, const typename D::Word& capability) {
  Verdict<D> verdict;
  verdict.require(Guard::namespace_exists, target.exists);
  const auto answer = as_word<D>(cap_capable<D>(world.namespaces, subject_of(task), target.number, capability));
  return {verdict, answer, answer};
}

}  // namespace capcheck

#endif
