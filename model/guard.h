// SPDX-License-Identifier: GPL-2.0-only
// Guards: the tests a transition makes, in the kernel's order. The first that fails decides the errno.
#ifndef CAPCHECK_MODEL_GUARD_H_
#define CAPCHECK_MODEL_GUARD_H_

#include <array>
#include <cerrno>
#include <cstdint>
#include <string_view>

#include "model/domain.h"

namespace capcheck {

/// Every test of every rule, by the name used in reports. `none` stands for a call that passed them all.
enum class Guard : std::uint8_t {
  none,
  header_readable,
  version_known,
  pid_is_own,
  data_readable,
  inheritable_capped,
  inheritable_bounded,
  permitted_not_raised,
  effective_within_permitted,
  pid_not_negative,
  pid_exists,
  capability_valid,
  drop_has_setpcap,
  securebits_unlocked,
  locks_kept,
  securebits_supported,
  securebits_has_setpcap,
  keepcaps_is_boolean,
  keepcaps_unlocked,
  arguments_zero,
  operation_known,
  ambient_raise_allowed,
  userns_option_known,
  userns_raise_allowed,
  no_new_privs_arguments,
  flags_known,
  single_threaded,
  nesting_within_limit,
  not_chrooted,
  creator_mapped,
  chroot_has_sys_chroot,
  proc_opener_exists,
  proc_target_exists,
  proc_file_writable,
  has_parent,
  opener_in_namespace_or_parent,
  map_unwritten,
  opener_has_sys_admin,
  extent_valid,
  extents_disjoint,
  root_mapping_allowed,
  mapping_permitted,
  lower_ids_mapped,
  setgroups_opener_has_sys_admin,
  setgroups_not_reenabled,
  setgroups_before_gid_map,
  caller_exists,
  clone_flags_consistent,
  task_free,
  namespace_exists,
  setns_type_matches,
  not_own_namespace,
  fs_not_shared,
  target_sys_admin,
  id_mapped,
  id_permitted,
  setgroups_permitted,
  groups_within_limit,
  file_executable,
  file_capability_well_formed,
  file_capabilities_obtained,
  not_traced,
  parent_may_trace,
  parent_is_user_task,
  parent_single_threaded,
  parent_same_owner,
  keyrings_same_owner,
  sysctl_exists,
  sysctl_writable,
  sysctl_has_setpcap_and_sys_module,
  userfaultfd_allowed,
  userfaultfd_flags_known,
  userfaultfd_open,
  userfaultfd_api_known,
  event_fork_has_sys_ptrace,
  userfaultfd_features_known,
  userfaultfd_api_new,
  userfaultfd_initialised,
  userfaultfd_memory_lives,
  device_permitted,
  device_open,
  kernel_faults_handled,
  tracee_exists,
  tracee_in_other_group,
  ptrace_access_allowed,
  tracee_not_traced,
};

struct GuardInfo {
  Guard guard;
  int error;  ///< errno when the guard fails
  std::string_view name;
  std::string_view function;  ///< the kernel function that makes the test
};

inline constexpr std::array kGuards = {
    GuardInfo{Guard::none, 0, "passed", ""},
    GuardInfo{Guard::header_readable, EFAULT, "header readable", "cap_validate_magic"},
    GuardInfo{Guard::version_known, EINVAL, "header version known", "cap_validate_magic"},
    GuardInfo{Guard::pid_is_own, EPERM, "pid is 0 or the caller", "sys_capset"},
    GuardInfo{Guard::data_readable, EFAULT, "data readable", "sys_capset"},
    GuardInfo{Guard::inheritable_capped, EPERM, "SETPCAP in E, or I' within I | P", "cap_capset"},
    GuardInfo{Guard::inheritable_bounded, EPERM, "I' within I | X", "cap_capset"},
    GuardInfo{Guard::permitted_not_raised, EPERM, "P' within P", "cap_capset"},
    GuardInfo{Guard::effective_within_permitted, EPERM, "E' within P'", "cap_capset"},
    GuardInfo{Guard::pid_not_negative, EINVAL, "pid not negative", "sys_capget"},
    GuardInfo{Guard::pid_exists, ESRCH, "pid exists", "cap_get_target_pid"},
    GuardInfo{Guard::capability_valid, EINVAL, "capability valid", "cap_valid"},
    GuardInfo{Guard::drop_has_setpcap, EPERM, "SETPCAP in E", "cap_prctl_drop"},
    GuardInfo{Guard::securebits_unlocked, EPERM, "no locked bit changes", "cap_task_prctl"},
    GuardInfo{Guard::locks_kept, EPERM, "no lock is cleared", "cap_task_prctl"},
    GuardInfo{Guard::securebits_supported, EPERM, "no unsupported bit", "cap_task_prctl"},
    GuardInfo{Guard::securebits_has_setpcap, EPERM, "SETPCAP in E", "cap_task_prctl"},
    GuardInfo{Guard::keepcaps_is_boolean, EINVAL, "argument is 0 or 1", "cap_task_prctl"},
    GuardInfo{Guard::keepcaps_unlocked, EPERM, "KEEP_CAPS_LOCKED clear", "cap_task_prctl"},
    GuardInfo{Guard::arguments_zero, EINVAL, "unused arguments 0, capability valid", "cap_task_prctl"},
    GuardInfo{Guard::operation_known, EINVAL, "operation known", "cap_task_prctl"},
    GuardInfo{Guard::ambient_raise_allowed, EPERM, "c in P & I, NO_CAP_AMBIENT_RAISE clear", "cap_task_prctl"},
    GuardInfo{Guard::userns_option_known, EINVAL, "PR_CAP_USERNS known", "sys_prctl"},
    GuardInfo{Guard::userns_raise_allowed, EPERM, "c in U, or in X and (SETPCAP in E or c in P)", "cap_task_prctl"},
    GuardInfo{Guard::no_new_privs_arguments, EINVAL, "arguments as required", "sys_prctl"},
    GuardInfo{Guard::flags_known, EINVAL, "flags known", "check_unshare_flags"},
    GuardInfo{Guard::single_threaded, EINVAL, "single-threaded", "thread_group_empty"},
    GuardInfo{Guard::nesting_within_limit, ENOSPC, "parent level within the limit", "create_user_ns"},
    GuardInfo{Guard::not_chrooted, EPERM, "not chrooted", "create_user_ns"},
    GuardInfo{Guard::creator_mapped, EPERM, "euid and egid mapped in the parent", "create_user_ns"},
    GuardInfo{Guard::chroot_has_sys_chroot, EPERM, "SYS_CHROOT in E", "sys_chroot"},
    GuardInfo{Guard::proc_opener_exists, EBADF, "opener lives", "fdget"},
    GuardInfo{Guard::proc_target_exists, ENOENT, "target lives", "proc_pid_lookup"},
    GuardInfo{Guard::proc_file_writable, EACCES, "file writable by the opener", "inode_permission"},
    GuardInfo{Guard::has_parent, EPERM, "namespace has a parent", "proc_uid_map_write"},
    GuardInfo{Guard::opener_in_namespace_or_parent, EPERM, "opener in the namespace or its parent",
              "proc_uid_map_write"},
    GuardInfo{Guard::map_unwritten, EPERM, "map not yet written", "map_write"},
    GuardInfo{Guard::opener_has_sys_admin, EPERM, "opener has SYS_ADMIN", "map_write"},
    GuardInfo{Guard::extent_valid, EINVAL, "extent valid", "map_write"},
    GuardInfo{Guard::extents_disjoint, EINVAL, "lines do not overlap", "mappings_overlap"},
    GuardInfo{Guard::root_mapping_allowed, EPERM, "SETFCAP to map parent uid 0", "verify_root_map"},
    GuardInfo{Guard::mapping_permitted, EPERM, "owner maps its own id alone, or SETUID/SETGID in the parent",
              "new_idmap_permitted"},
    GuardInfo{Guard::lower_ids_mapped, EPERM, "ids exist in the parent", "map_write"},
    GuardInfo{Guard::setgroups_opener_has_sys_admin, EACCES, "opener has SYS_ADMIN", "proc_setgroups_open"},
    GuardInfo{Guard::setgroups_not_reenabled, EPERM, "not re-enabled after deny", "proc_setgroups_write"},
    GuardInfo{Guard::setgroups_before_gid_map, EPERM, "denied before gid_map is written", "proc_setgroups_write"},
    GuardInfo{Guard::caller_exists, ESRCH, "caller lives", ""},
    GuardInfo{Guard::clone_flags_consistent, EINVAL, "flags consistent", "copy_process"},
    GuardInfo{Guard::task_free, EAGAIN, "a task is free", "copy_process"},
    GuardInfo{Guard::namespace_exists, EBADF, "namespace exists", "sys_setns"},
    GuardInfo{Guard::setns_type_matches, EINVAL, "type is 0 or CLONE_NEWUSER", "sys_setns"},
    GuardInfo{Guard::not_own_namespace, EINVAL, "not the own namespace", "userns_install"},
    GuardInfo{Guard::fs_not_shared, EINVAL, "fs_struct not shared", "userns_install"},
    GuardInfo{Guard::target_sys_admin, EPERM, "SYS_ADMIN in the target", "userns_install"},
    GuardInfo{Guard::id_mapped, EINVAL, "id mapped", "make_kuid"},
    GuardInfo{Guard::id_permitted, EPERM, "one of the own ids, or SETUID/SETGID in E", "sys_setuid"},
    GuardInfo{Guard::setgroups_permitted, EPERM, "SETGID in E, gid_map written, setgroups allowed", "may_setgroups"},
    GuardInfo{Guard::groups_within_limit, EINVAL, "at most NGROUPS_MAX", "sys_setgroups"},
    GuardInfo{Guard::file_executable, EACCES, "file executable", "inode_permission"},
    GuardInfo{Guard::file_capability_well_formed, EINVAL, "attribute well-formed", "get_vfs_caps_from_disk"},
    GuardInfo{Guard::file_capabilities_obtained, EPERM, "fP obtained, if fE", "bprm_caps_from_vfs_caps"},
    GuardInfo{Guard::not_traced, EPERM, "not traced", "ptrace_traceme"},
    GuardInfo{Guard::parent_may_trace, EPERM, "parent may trace", "cap_ptrace_traceme"},
    GuardInfo{Guard::parent_is_user_task, EPERM, "parent is a user's task", "keyctl_session_to_parent"},
    GuardInfo{Guard::parent_single_threaded, EPERM, "parent single-threaded", "keyctl_session_to_parent"},
    GuardInfo{Guard::parent_same_owner, EPERM, "parent has the caller's effective ids", "keyctl_session_to_parent"},
    GuardInfo{Guard::keyrings_same_owner, EPERM, "keyrings belong to the caller", "keyctl_session_to_parent"},
    GuardInfo{Guard::sysctl_exists, ENOENT, "sysctl exists", ""},
    GuardInfo{Guard::sysctl_writable, EACCES, "euid is root", "test_perm"},
    GuardInfo{Guard::sysctl_has_setpcap_and_sys_module, EPERM, "SETPCAP and SYS_MODULE", "proc_cap_handler"},
    GuardInfo{Guard::userfaultfd_allowed, EPERM, "user mode only, sysctl, or privileged",
              "userfaultfd_syscall_allowed"},
    GuardInfo{Guard::userfaultfd_flags_known, EINVAL, "flags known", "new_userfaultfd"},
    GuardInfo{Guard::userfaultfd_open, EBADF, "there is a userfaultfd", "userfaultfd_ioctl"},
    GuardInfo{Guard::userfaultfd_api_known, EINVAL, "api is UFFD_API", "userfaultfd_api"},
    GuardInfo{Guard::event_fork_has_sys_ptrace, EPERM, "SYS_PTRACE for EVENT_FORK", "userfaultfd_api"},
    GuardInfo{Guard::userfaultfd_features_known, EINVAL, "features known", "userfaultfd_api"},
    GuardInfo{Guard::userfaultfd_api_new, EINVAL, "API not yet enabled", "userfaultfd_api"},
    GuardInfo{Guard::userfaultfd_initialised, EINVAL, "API enabled", "userfaultfd_ioctl"},
    GuardInfo{Guard::userfaultfd_memory_lives, ENOMEM, "address space still in use", "userfaultfd_register"},
    GuardInfo{Guard::device_permitted, EACCES, "device readable and writable", "inode_permission"},
    GuardInfo{Guard::device_open, EBADF, "there is an open device", "userfaultfd_dev_ioctl"},
    GuardInfo{Guard::kernel_faults_handled, EFAULT, "not UFFD_USER_MODE_ONLY", "handle_userfault"},
    GuardInfo{Guard::tracee_exists, ESRCH, "tracee lives", "find_get_task_by_vpid"},
    GuardInfo{Guard::tracee_in_other_group, EPERM, "tracee in another thread group", "ptrace_attach"},
    GuardInfo{Guard::ptrace_access_allowed, EPERM, "access allowed", "__ptrace_may_access"},
    GuardInfo{Guard::tracee_not_traced, EPERM, "tracee not traced", "ptrace_attach"},
};

/// The table's row for a guard; the table is in the order of the enumeration.
constexpr const GuardInfo& info(Guard guard) {
  return kGuards[static_cast<std::size_t>(guard)];
}

static_assert([] {
  for (std::size_t i = 0; i < kGuards.size(); ++i) {
    if (static_cast<std::size_t>(kGuards[i].guard) != i) return false;
  }
  return true;
}());

/// Collects guards. Which failed first is a domain value, kept with its errno in one word: guard << 8 | errno.
template <Domain D>
class Verdict {
 public:
  using Word = typename D::Word;
  using Bool = typename D::Bool;

  /// The next test in the kernel's order.
  constexpr void require(Guard guard, const Bool& holds) {
    if constexpr (requires { D::require(*this, guard, holds); }) {
      D::require(*this, guard, holds);
    } else {
      add(guard, holds);
    }
  }
  /// The same, out of reach of a domain that looks at what rules require.
  constexpr void add(Guard guard, const Bool& holds) {
    const Word code((static_cast<std::uint64_t>(guard) << 8) | static_cast<std::uint64_t>(info(guard).error));
    code_ = D::select(passed_ & !holds, code, code_);
    passed_ = passed_ & holds;
  }

  constexpr const Bool& passed() const { return passed_; }
  /// 0 if all passed, else the errno of the first that failed.
  constexpr Word error() const {
    return bookkeeping<D>([&] { return Word(code_ & Word(0xff)); });
  }
  /// guard << 8 | errno of the first that failed, or 0.
  constexpr const Word& code() const { return code_; }

 private:
  Word code_{0};
  Bool passed_{true};
};

/// The guard in a verdict's code.
constexpr Guard failed_guard(std::uint64_t code) {
  return static_cast<Guard>(code >> 8);
}

}  // namespace capcheck

#endif
