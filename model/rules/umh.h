// SPDX-License-Identifier: GPL-2.0-only
// Rules of kernel/umh.c: the user-mode helper and its sysctls.
#ifndef CAPCHECK_MODEL_RULES_UMH_H_
#define CAPCHECK_MODEL_RULES_UMH_H_

#include "model/capability.h"
#include "model/domain.h"
#include "model/outcome.h"
#include "model/profile.h"
#include "model/rules/commoncap.h"
#include "model/world.h"

namespace capcheck {

/// A write of a set to one of Sysctls is two decimal words, low one first, in the form "%10u %10u\n"; write(2) returns
/// its size.
inline constexpr std::uint64_t kSysctlSize = 22;
/// The same of one that is 0 or 1: "1\n".
inline constexpr std::uint64_t kFlagSysctlSize = 2;

/// proc_cap_handler(), and before it test_perm() of fs/proc/proc_sysctl.c for a file of mode 0600: the mask can only
/// shrink. `exists` says whether this kernel has the file.
template <Domain D>
constexpr Outcome<D, typename D::Word> proc_cap_handler(const Namespaces<D>& namespaces, const Task<D>& task,
                                                        bool exists, const typename D::Word& mask,
                                                        const typename D::Word& set) {
  return kernel_function<D>("proc_cap_handler", [&] {
    using Word = typename D::Word;
    const auto capable = [&](unsigned capability) {
      return cap_capable<D>(namespaces, subject_of(task), Word(0), Word(capability));
    };
    Verdict<D> verdict;
    verdict.require(Guard::sysctl_exists, typename D::Bool(exists));
    verdict.require(Guard::sysctl_writable, task.cred.euid == Word(0));
    verdict.require(Guard::sysctl_has_setpcap_and_sys_module, capable(CAP_SETPCAP) & capable(CAP_SYS_MODULE));
    return Outcome<D, typename D::Word>{verdict, Word(kSysctlSize), mask & set};
  });
}

/// call_usermodehelper_exec_async() up to the exec: the kernel's own credentials, bounded by the sysctls.
template <Domain D>
constexpr Credentials<D> call_usermodehelper_exec_async(const Profile& profile, const Sysctls<D>& sysctls) {
  return kernel_function<D>("call_usermodehelper_exec_async", [&] {
    Credentials<D> cred = init_cred<D>(profile);
    cred.bounding = cred.bounding & sysctls.umh_bset;
    cred.inheritable = cred.inheritable & sysctls.umh_inheritable;
    if (profile.features.userns) cred.userns = cred.userns & sysctls.umh_userns;
    if (profile.features.capbset_drop_lowers_userns) cred.userns = cred.userns & cred.bounding;
    return cred;
  });
}

}  // namespace capcheck

#endif
