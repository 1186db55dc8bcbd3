// SPDX-License-Identifier: GPL-2.0-only
// Rules of fs/userfaultfd.c: who gets a userfaultfd, and which of its features.
#ifndef CAPCHECK_MODEL_RULES_USERFAULTFD_H_
#define CAPCHECK_MODEL_RULES_USERFAULTFD_H_

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/stat.h>

#include "model/capability.h"
#include "model/domain.h"
#include "model/guard.h"
#include "model/outcome.h"
#include "model/profile.h"
#include "model/rules/commoncap.h"
#include "model/rules/namei.h"
#include "model/rules/umh.h"
#include "model/world.h"

namespace capcheck {

/// The flags that userfaultfd(2) knows.
inline constexpr std::uint64_t kUserfaultfdFlags = O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY;

/// The features that every kernel here has whatever its architecture, without UFFD_FEATURE_SIGBUS; and one that none
/// has.
inline constexpr std::uint64_t kUserfaultfdFeatures =
    UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_EVENT_REMAP | UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_MISSING_HUGETLBFS |
    UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_EVENT_UNMAP | UFFD_FEATURE_THREAD_ID;
inline constexpr std::uint64_t kUnknownUserfaultfdFeature = std::uint64_t{1} << 63;

/// The mode bits of /dev/userfaultfd that differ between nodes.
inline constexpr std::uint64_t kDeviceModeBits = S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH;

/// capable(): asked of the initial namespace, so a set held in another does not count.
template <Domain D>
constexpr typename D::Bool capable(const Namespaces<D>& namespaces, const Task<D>& task, unsigned capability) {
  using Word = typename D::Word;
  return cap_capable<D>(namespaces, subject_of(task), Word(0), Word(capability));
}

/// userfaultfd_syscall_allowed().
template <Domain D>
constexpr typename D::Bool userfaultfd_syscall_allowed(const Profile& profile, const Namespaces<D>& namespaces,
                                                       const Sysctls<D>& sysctls, const Task<D>& task,
                                                       const typename D::Word& flags) {
  return kernel_function<D>("sys_userfaultfd", [&] {
    using Word = typename D::Word;
    const typename D::Bool proposed =
        profile.features.userfaultfd_cap ? capable<D>(namespaces, task, kCapUserfaultfd) : typename D::Bool(false);
    return !((flags & Word(UFFD_USER_MODE_ONLY)) == Word(0)) | proposed | capable<D>(namespaces, task, CAP_SYS_PTRACE) |
           !(sysctls.unprivileged_userfaultfd == Word(0));
  });
}

/// new_userfaultfd(): what the task has of userfaultfd when it has got another descriptor.
template <Domain D>
constexpr Userfaultfd<D> new_userfaultfd(const Task<D>& task, const typename D::Word& flags) {
  using Word = typename D::Word;
  const auto has = [&](std::uint64_t flag) { return as_word<D>(!((flags & Word(flag)) == Word(0))); };
  return {Word(1), has(UFFD_USER_MODE_ONLY), Word(0), has(O_CLOEXEC), Word(0), task.userfaultfd.device_open};
}

/// userfaultfd(2). `after` is the descriptor.
template <Domain D>
constexpr Outcome<D, Userfaultfd<D>> sys_userfaultfd(const Profile& profile, const Namespaces<D>& namespaces,
                                                     const Sysctls<D>& sysctls, const Task<D>& task,
                                                     const typename D::Word& flags) {
  using Word = typename D::Word;
  Verdict<D> verdict;
  verdict.require(Guard::userfaultfd_allowed,
                  userfaultfd_syscall_allowed<D>(profile, namespaces, sysctls, task, flags));
  verdict.require(Guard::userfaultfd_flags_known, (flags & ~Word(kUserfaultfdFlags)) == Word(0));
  return {verdict, Word(0), new_userfaultfd<D>(task, flags)};
}

/// open(2) of /dev/userfaultfd, to read and write. `after` is what the task then has of userfaultfd.
template <Domain D>
constexpr Outcome<D, Userfaultfd<D>> open_userfaultfd_device(const Namespaces<D>& namespaces, const Task<D>& task,
                                                             const Inode<D>& node) {
  using Word = typename D::Word;
  Verdict<D> verdict;
  verdict.require(Guard::device_permitted,
                  inode_permission<D>(task.cred, D::at(namespaces, task.user_ns), node, Permission::read_write));
  Userfaultfd<D> after = task.userfaultfd;
  after.device_open = Word(1);
  return {verdict, Word(0), after};
}

/// userfaultfd_dev_ioctl(): whoever could open the device gets any userfaultfd. `after` is the descriptor.
template <Domain D>
constexpr Outcome<D, Userfaultfd<D>> userfaultfd_dev_ioctl(const Task<D>& task, const typename D::Word& flags) {
  using Word = typename D::Word;
  Verdict<D> verdict;
  verdict.require(Guard::device_open, !(task.userfaultfd.device_open == Word(0)));
  verdict.require(Guard::userfaultfd_flags_known, (flags & ~Word(kUserfaultfdFlags)) == Word(0));
  return {verdict, Word(0), new_userfaultfd<D>(task, flags)};
}

/// userfaultfd_register() of a page, and handle_userfault() of that page without contents when it is used: by a load of
/// its own, or by the kernel, which reads into it for the task. A monitor then gives the page its contents.
template <Domain D>
constexpr Outcome<D, Userfaultfd<D>> handle_userfault(const Task<D>& task, bool in_user_mode) {
  return kernel_function<D>("handle_userfault", [&] {
    using Word = typename D::Word;
    const Userfaultfd<D>& descriptor = task.userfaultfd;
    Verdict<D> verdict;
    verdict.require(Guard::userfaultfd_open, !(descriptor.open == Word(0)));
    verdict.require(Guard::userfaultfd_initialised, !(descriptor.initialised == Word(0)));
    verdict.require(Guard::userfaultfd_memory_lives, descriptor.memory_gone == Word(0));
    verdict.require(Guard::kernel_faults_handled,
                    typename D::Bool(in_user_mode) | (descriptor.user_mode_only == Word(0)));
    return Outcome<D, Userfaultfd<D>>{verdict, Word(0), descriptor};
  });
}

/// ioctl(UFFDIO_API) of the task's userfaultfd. The features are enabled once; that EVENT_FORK is about the memory of
/// another process is why CAP_USERFAULTFD does not do for it. `after` is the descriptor.
template <Domain D>
constexpr Outcome<D, Userfaultfd<D>> userfaultfd_api(const Namespaces<D>& namespaces, const Task<D>& task,
                                                     const typename D::Word& api, const typename D::Word& features) {
  return kernel_function<D>("userfaultfd_api", [&] {
    using Word = typename D::Word;
    Verdict<D> verdict;
    verdict.require(Guard::userfaultfd_open, !(task.userfaultfd.open == Word(0)));
    verdict.require(Guard::userfaultfd_api_known, api == Word(UFFD_API));
    verdict.require(Guard::event_fork_has_sys_ptrace, ((features & Word(UFFD_FEATURE_EVENT_FORK)) == Word(0)) |
                                                          capable<D>(namespaces, task, CAP_SYS_PTRACE));
    verdict.require(Guard::userfaultfd_features_known, (features & ~Word(kUserfaultfdFeatures)) == Word(0));
    verdict.require(Guard::userfaultfd_api_new, task.userfaultfd.initialised == Word(0));
    Userfaultfd<D> after = task.userfaultfd;
    after.initialised = Word(1);
    return Outcome<D, Userfaultfd<D>>{verdict, Word(0), after};
  });
}

/// proc_dointvec_minmax() of vm.unprivileged_userfaultfd, and before it test_perm() for a file of mode 0644.
template <Domain D>
constexpr Outcome<D, typename D::Word> write_unprivileged_userfaultfd(const Task<D>& task,
                                                                      const typename D::Word& value) {
  using Word = typename D::Word;
  Verdict<D> verdict;
  verdict.require(Guard::sysctl_writable, task.cred.euid == Word(0));
  return {verdict, Word(kFlagSysctlSize), value};
}

}  // namespace capcheck

#endif
