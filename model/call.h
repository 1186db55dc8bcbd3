// SPDX-License-Identifier: GPL-2.0-only
// The call alphabet: every call a program may make, as one table from which the trace text, the binary encoding, the
// mutator, the generators and the solver all read.
#ifndef CAPCHECK_MODEL_CALL_H_
#define CAPCHECK_MODEL_CALL_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "model/capability.h"
#include "model/domain.h"
#include "model/profile.h"
#include "model/rules/exec.h"
#include "model/rules/fork.h"
#include "model/rules/userfaultfd.h"
#include "model/world.h"

namespace capcheck {

enum class CallKind : std::uint8_t {
  capget,
  capset,
  capbset_read,
  capbset_drop,
  cap_ambient,
  cap_userns,
  set_securebits,
  get_securebits,
  set_keepcaps,
  get_keepcaps,
  set_no_new_privs,
  get_no_new_privs,
  unshare,
  chroot,
  write_uid_map,
  write_gid_map,
  write_setgroups,
  clone,
  exit_group,
  setns,
  ns_capable,
  setuid,
  setreuid,
  setresuid,
  setfsuid,
  setgid,
  setregid,
  setresgid,
  setfsgid,
  setgroups,
  execve,
  ptrace_traceme,
  ptrace_seize,
  join_session_keyring,
  session_to_parent,
  write_umh_bset,
  write_umh_inheritable,
  write_umh_userns,
  write_cap_userns_mask,
  usermodehelper,
  userfaultfd,
  uffdio_api,
  write_unprivileged_userfaultfd,
  open_userfaultfd_device,
  userfaultfd_ioc_new,
  user_fault,
  kernel_fault,
};

/// What an argument means. Decides its name in text, its edge values, and how far it is reduced to what a call can
/// pass.
enum class Role : std::uint8_t {
  version,               ///< a capability header's version: 32 bits
  pid,                   ///< a header's pid: a signed 32-bit number; task n is n + 2
  pointers,              ///< which pointers are null: kHeaderNull, kDataNull
  set,                   ///< a set of capabilities: 64 bits, low word first in the user's structure
  capability,            ///< a capability's number: 64 bits
  set_operation,         ///< PR_CAP_AMBIENT_* and PR_CAP_USERNS_*: 64 bits
  securebits,            ///< SECBIT_*: 64 bits
  value,                 ///< a 64-bit number that the call is about
  number,                ///< a 64-bit number that the call ignores, or wants to be 0
  unshare_flags,         ///< CLONE_*: 64 bits, of the known ones only those modelled
  id,                    ///< 32 bits
  boolean,               ///< 0 or 1
  task,                  ///< a task
  clone_flags,           ///< CLONE_*, of those modelled
  user_ns,               ///< the number of a user namespace, 8 bits: there need not be one
  setns_type,            ///< 0 or a CLONE_*: 32 bits
  valid_capability,      ///< a capability that every release has
  group_count,           ///< 0 to kMaxGroups, or one above NGROUPS_MAX
  exec_mode,             ///< of kExecModeBits
  exec_flags,            ///< ExecFlag
  capability_magic,      ///< magic_etc of a file's capabilities: 32 bits
  userfaultfd_flags,     ///< 32 bits
  userfaultfd_api,       ///< UFFD_API, or another number of 64 bits
  userfaultfd_features,  ///< UFFD_FEATURE_*, of those that all kernels have, and one that none has
  device_mode,           ///< of kDeviceModeBits
};

/// CAP_LAST_CAP of the release that has the fewest.
inline constexpr std::uint64_t kLastCapEverywhere =
    std::ranges::min_element(kReleases, {}, &Release::last_cap)->last_cap;

/// The thread id of task 0, as programs name it; the others' follow. The id 1 is that of init, which the kernel treats
/// apart.
inline constexpr std::uint64_t kFirstThreadId = 2;

constexpr std::uint64_t thread_id(std::size_t task) {
  return task + kFirstThreadId;
}

/// A successful call of this kind returns the thread id of a task that it made.
constexpr bool gives_birth(CallKind kind) {
  return kind == CallKind::clone || kind == CallKind::usermodehelper;
}

inline constexpr std::uint64_t kHeaderNull = 1, kDataNull = 2;

inline constexpr std::size_t kMaxArguments = 8;

/// How a call is made and written.
enum class Form : std::uint8_t {
  capability_header,
  prctl,
  plain,
  keyctl,
  ptrace,
  proc_file,    ///< a write to a file of /proc/PID; the first two arguments are whose file it is, and who opened it
  sysctl,       ///< a write of a set to a file of /proc/sys/kernel
  flag_sysctl,  ///< a write of 0 or 1 to a file of /proc/sys
  ioctl,        ///< of a userfaultfd or its device
  device,       ///< open(2) of a node that is made for this call
  execve,
};

struct CallInfo {
  CallKind kind;
  Form form;
  std::string_view name;  ///< the system call, the option of prctl, keyctl, ptrace or ioctl, or the file written
  unsigned option;        ///< prctl's option; otherwise 0
  std::uint8_t argument_count;
  std::array<Role, kMaxArguments> roles;
};

inline constexpr std::array kCalls = {
    CallInfo{CallKind::capget, Form::capability_header, "capget", 0, 3, {Role::version, Role::pid, Role::pointers}},
    CallInfo{CallKind::capset,
             Form::capability_header,
             "capset",
             0,
             6,
             {Role::version, Role::pid, Role::pointers, Role::set, Role::set, Role::set}},
    CallInfo{CallKind::capbset_read,
             Form::prctl,
             "PR_CAPBSET_READ",
             PR_CAPBSET_READ,
             4,
             {Role::capability, Role::number, Role::number, Role::number}},
    CallInfo{CallKind::capbset_drop,
             Form::prctl,
             "PR_CAPBSET_DROP",
             PR_CAPBSET_DROP,
             4,
             {Role::capability, Role::number, Role::number, Role::number}},
    CallInfo{CallKind::cap_ambient,
             Form::prctl,
             "PR_CAP_AMBIENT",
             PR_CAP_AMBIENT,
             4,
             {Role::set_operation, Role::capability, Role::number, Role::number}},
    CallInfo{CallKind::cap_userns,
             Form::prctl,
             "PR_CAP_USERNS",
             kPrCapUserns,
             4,
             {Role::set_operation, Role::capability, Role::number, Role::number}},
    CallInfo{CallKind::set_securebits,
             Form::prctl,
             "PR_SET_SECUREBITS",
             PR_SET_SECUREBITS,
             4,
             {Role::securebits, Role::number, Role::number, Role::number}},
    CallInfo{CallKind::get_securebits,
             Form::prctl,
             "PR_GET_SECUREBITS",
             PR_GET_SECUREBITS,
             4,
             {Role::number, Role::number, Role::number, Role::number}},
    CallInfo{CallKind::set_keepcaps,
             Form::prctl,
             "PR_SET_KEEPCAPS",
             PR_SET_KEEPCAPS,
             4,
             {Role::value, Role::number, Role::number, Role::number}},
    CallInfo{CallKind::get_keepcaps,
             Form::prctl,
             "PR_GET_KEEPCAPS",
             PR_GET_KEEPCAPS,
             4,
             {Role::number, Role::number, Role::number, Role::number}},
    CallInfo{CallKind::set_no_new_privs,
             Form::prctl,
             "PR_SET_NO_NEW_PRIVS",
             PR_SET_NO_NEW_PRIVS,
             4,
             {Role::value, Role::number, Role::number, Role::number}},
    CallInfo{CallKind::get_no_new_privs,
             Form::prctl,
             "PR_GET_NO_NEW_PRIVS",
             PR_GET_NO_NEW_PRIVS,
             4,
             {Role::number, Role::number, Role::number, Role::number}},
    CallInfo{CallKind::unshare, Form::plain, "unshare", 0, 1, {Role::unshare_flags}},
    CallInfo{CallKind::chroot, Form::plain, "chroot", 0, 0, {}},
    CallInfo{CallKind::write_uid_map,
             Form::proc_file,
             "uid_map",
             0,
             8,
             {Role::task, Role::task, Role::id, Role::id, Role::id, Role::id, Role::id, Role::id}},
    CallInfo{CallKind::write_gid_map,
             Form::proc_file,
             "gid_map",
             0,
             8,
             {Role::task, Role::task, Role::id, Role::id, Role::id, Role::id, Role::id, Role::id}},
    CallInfo{CallKind::write_setgroups, Form::proc_file, "setgroups", 0, 3, {Role::task, Role::task, Role::boolean}},
    CallInfo{CallKind::clone, Form::plain, "clone", 0, 1, {Role::clone_flags}},
    CallInfo{CallKind::exit_group, Form::plain, "exit_group", 0, 0, {}},
    CallInfo{CallKind::setns, Form::plain, "setns", 0, 2, {Role::user_ns, Role::setns_type}},
    CallInfo{CallKind::ns_capable, Form::plain, "ns_capable", 0, 2, {Role::user_ns, Role::valid_capability}},
    CallInfo{CallKind::setuid, Form::plain, "setuid", 0, 1, {Role::id}},
    CallInfo{CallKind::setreuid, Form::plain, "setreuid", 0, 2, {Role::id, Role::id}},
    CallInfo{CallKind::setresuid, Form::plain, "setresuid", 0, 3, {Role::id, Role::id, Role::id}},
    CallInfo{CallKind::setfsuid, Form::plain, "setfsuid", 0, 1, {Role::id}},
    CallInfo{CallKind::setgid, Form::plain, "setgid", 0, 1, {Role::id}},
    CallInfo{CallKind::setregid, Form::plain, "setregid", 0, 2, {Role::id, Role::id}},
    CallInfo{CallKind::setresgid, Form::plain, "setresgid", 0, 3, {Role::id, Role::id, Role::id}},
    CallInfo{CallKind::setfsgid, Form::plain, "setfsgid", 0, 1, {Role::id}},
    CallInfo{CallKind::setgroups, Form::plain, "setgroups", 0, 3, {Role::group_count, Role::id, Role::id}},
    CallInfo{CallKind::execve,
             Form::execve,
             "execve",
             0,
             8,
             {Role::id, Role::id, Role::exec_mode, Role::exec_flags, Role::capability_magic, Role::set, Role::set,
              Role::id}},
    CallInfo{CallKind::ptrace_traceme, Form::ptrace, "PTRACE_TRACEME", 0, 0, {}},
    CallInfo{CallKind::ptrace_seize, Form::ptrace, "PTRACE_SEIZE", 0, 1, {Role::task}},
    CallInfo{CallKind::join_session_keyring, Form::keyctl, "KEYCTL_JOIN_SESSION_KEYRING", 0, 0, {}},
    CallInfo{CallKind::session_to_parent, Form::keyctl, "KEYCTL_SESSION_TO_PARENT", 0, 0, {}},
    CallInfo{CallKind::write_umh_bset, Form::sysctl, "usermodehelper/bset", 0, 1, {Role::set}},
    CallInfo{CallKind::write_umh_inheritable, Form::sysctl, "usermodehelper/inheritable", 0, 1, {Role::set}},
    CallInfo{CallKind::write_umh_userns, Form::sysctl, "usermodehelper/userns", 0, 1, {Role::set}},
    CallInfo{CallKind::write_cap_userns_mask, Form::sysctl, "cap_userns_mask", 0, 1, {Role::set}},
    CallInfo{CallKind::usermodehelper, Form::plain, "usermodehelper", 0, 0, {}},
    CallInfo{CallKind::userfaultfd, Form::plain, "userfaultfd", 0, 1, {Role::userfaultfd_flags}},
    CallInfo{
        CallKind::uffdio_api, Form::ioctl, "UFFDIO_API", 0, 2, {Role::userfaultfd_api, Role::userfaultfd_features}},
    CallInfo{CallKind::write_unprivileged_userfaultfd,
             Form::flag_sysctl,
             "vm/unprivileged_userfaultfd",
             0,
             1,
             {Role::boolean}},
    CallInfo{CallKind::open_userfaultfd_device,
             Form::device,
             "/dev/userfaultfd",
             0,
             3,
             {Role::id, Role::id, Role::device_mode}},
    CallInfo{CallKind::userfaultfd_ioc_new, Form::ioctl, "USERFAULTFD_IOC_NEW", 0, 1, {Role::userfaultfd_flags}},
    CallInfo{CallKind::user_fault, Form::plain, "user_fault", 0, 0, {}},
    CallInfo{CallKind::kernel_fault, Form::plain, "kernel_fault", 0, 0, {}},
};

constexpr const CallInfo& info(CallKind kind) {
  return kCalls[static_cast<std::size_t>(kind)];
}

static_assert([] {
  for (std::size_t i = 0; i < kCalls.size(); ++i) {
    if (static_cast<std::size_t>(kCalls[i].kind) != i) return false;
  }
  return true;
}());

/// One call of one task. Arguments beyond the call's argument_count are 0.
template <Domain D>
struct Call {
  CallKind kind{};
  std::uint8_t task = 0;
  std::array<typename D::Word, kMaxArguments> args{};

  bool operator==(const Call&) const = default;
};

/// A call of this kind may change which tasks live.
constexpr bool changes_tasks(CallKind kind) {
  return gives_birth(kind) || kind == CallKind::exit_group || kind == CallKind::execve;
}

/// The value that a call really passes for an argument: what lies outside its role is taken away.
template <Domain D>
constexpr typename D::Word canonical(Role role, const typename D::Word& value) {
  using Word = typename D::Word;
  switch (role) {
    case Role::version:
    case Role::id:
    case Role::setns_type:
    case Role::capability_magic:
    case Role::userfaultfd_flags:
      return value & Word(0xffffffff);
    case Role::pid:  // sign extension from bit 31
      return ((value & Word(0xffffffff)) ^ Word(0x80000000)) - Word(0x80000000);
    case Role::pointers:
      return value & Word(kHeaderNull | kDataNull);
    case Role::boolean:
      return value & Word(1);
    case Role::unshare_flags:
      return value & ~Word(kUnshareKnownFlags & ~kUnshareModelledFlags);
    case Role::task:
      return value & Word(kMaxTasks - 1);
    case Role::clone_flags: {
      // Sharing memory without being a thread is outside the model.
      const auto thread = !((value & Word(CLONE_THREAD)) == Word(0));
      return value & D::select(thread, Word(kCloneModelledFlags), Word(kCloneModelledFlags & ~CLONE_VM));
    }
    case Role::user_ns:
      return value & Word(0xff);
    case Role::valid_capability:
      return D::select(value < Word(kLastCapEverywhere + 1), value, Word(0));
    case Role::group_count:
      return D::select(value < Word(kMaxGroups + 1), value, Word(kNgroupsMax + 1));
    case Role::exec_mode:
      return value & Word(kExecModeBits);
    case Role::exec_flags:
      return value & Word(kExecNosuid | kExecScript | kExecCapability | kExecTruncated);
    case Role::userfaultfd_features:
      return value & Word(kUserfaultfdFeatures | kUnknownUserfaultfdFeature);
    case Role::device_mode:
      return value & Word(kDeviceModeBits);
    case Role::set:
    case Role::capability:
    case Role::userfaultfd_api:
    case Role::set_operation:
    case Role::securebits:
    case Role::value:
    case Role::number:
      return value;
  }
  __builtin_unreachable();
}

/// The arguments of execve(2) without what the file's attribute has not: where there is none, all of it; in each
/// revision, what came with a later one.
template <Domain D>
constexpr std::array<typename D::Word, kMaxArguments> canonical_executable(
    std::array<typename D::Word, kMaxArguments> args) {
  using Word = typename D::Word;
  using Bool = typename D::Bool;
  auto& [uid, gid, mode, flags, magic, permitted, inheritable, rootid] = args;
  const Bool has_none = (flags & Word(kExecCapability)) == Word(0);
  flags = D::select(has_none, flags & Word(~std::uint64_t{kExecTruncated}), flags);
  for (Word* part : {&magic, &permitted, &inheritable, &rootid}) *part = D::select(has_none, Word(0), *part);
  const Word revision = magic & Word(VFS_CAP_REVISION_MASK);
  for (Word* set : {&permitted, &inheritable})
    *set = D::select(revision == Word(VFS_CAP_REVISION_1), *set & Word(0xffffffff), *set);
  rootid = D::select(revision == Word(VFS_CAP_REVISION_3), rootid, Word(0));
  return args;
}

}  // namespace capcheck

#endif
