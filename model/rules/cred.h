// SPDX-License-Identifier: GPL-2.0-only
// Rules of kernel/cred.c.
#ifndef CAPCHECK_MODEL_RULES_CRED_H_
#define CAPCHECK_MODEL_RULES_CRED_H_

#include "model/domain.h"
#include "model/profile.h"
#include "model/rules/commoncap.h"
#include "model/world.h"

namespace capcheck {

/// cred_cap_issubset(): the new credentials (in namespace `user_ns`) give no more than the old ones did.
template <Domain D>
constexpr typename D::Bool cred_cap_issubset(const Namespaces<D>& namespaces, const Task<D>& old,
                                             const Credentials<D>& cred, const typename D::Word& user_ns) {
  const typename D::Bool same = old.user_ns == user_ns;
  return (same & subset<D>(cred.permitted, old.cred.permitted)) |
         (!same & owns_ancestor<D>(namespaces, subject_of(old), user_ns));
}

/// commit_creds(): whether the address space stays dumpable as it was. If not, it becomes what suid_dumpable says,
/// which is 0.
template <Domain D>
constexpr typename D::Bool stays_dumpable(const Namespaces<D>& namespaces, const Task<D>& old,
                                          const Credentials<D>& cred, const typename D::Word& user_ns) {
  return kernel_function<D>("commit_creds", [&] {
    return (old.cred.euid == cred.euid) & (old.cred.egid == cred.egid) & (old.cred.fsuid == cred.fsuid) &
           (old.cred.fsgid == cred.fsgid) & cred_cap_issubset<D>(namespaces, old, cred, user_ns);
  });
}

}  // namespace capcheck

#endif
