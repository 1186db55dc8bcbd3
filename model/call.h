// SPDX-License-Identifier: GPL-2.0-only
// The call alphabet: every call a program may make, as one table from which the trace text, the binary encoding, the
// mutator, the generators and the solver all read.
#ifndef CAPCHECK_MODEL_CALL_H_
#define CAPCHECK_MODEL_CALL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "model/capability.h"
#include "model/domain.h"
#include "model/rules/user_namespace.h"

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
};

/// What an argument means. Decides its name in text, its edge values, and how far it is reduced to what a call can
/// pass.
enum class Role : std::uint8_t {
  version,        ///< a capability header's version: 32 bits
  pid,            ///< a header's pid: a signed 32-bit number; task n is n + 1
  pointers,       ///< which pointers are null: kHeaderNull, kDataNull
  set,            ///< a set of capabilities: 64 bits, low word first in the user's structure
  capability,     ///< a capability's number: 64 bits
  set_operation,  ///< PR_CAP_AMBIENT_* and PR_CAP_USERNS_*: 64 bits
  securebits,     ///< SECBIT_*: 64 bits
  value,          ///< a 64-bit number that the call is about
  number,         ///< a 64-bit number that the call ignores, or wants to be 0
  unshare_flags,  ///< CLONE_*: 64 bits, of the known ones only those modelled
  id,             ///< 32 bits
  boolean,        ///< 0 or 1
};

/// The thread id of a task, as programs name it.
constexpr std::uint64_t thread_id(std::size_t task) {
  return task + 1;
}

inline constexpr std::uint64_t kHeaderNull = 1, kDataNull = 2;

inline constexpr std::size_t kMaxArguments = 6;

/// How a call is made and written.
enum class Form : std::uint8_t { capability_header, prctl, plain, proc_file };

struct CallInfo {
  CallKind kind;
  Form form;
  std::string_view name;  ///< the system call, prctl's option, or the file written
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
    CallInfo{CallKind::write_uid_map, Form::proc_file, "uid_map", 0, 3, {Role::id, Role::id, Role::id}},
    CallInfo{CallKind::write_gid_map, Form::proc_file, "gid_map", 0, 3, {Role::id, Role::id, Role::id}},
    CallInfo{CallKind::write_setgroups, Form::proc_file, "setgroups", 0, 1, {Role::boolean}},
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

/// The value that a call really passes for an argument: what lies outside its role is taken away.
template <Domain D>
constexpr typename D::Word canonical(Role role, const typename D::Word& value) {
  using Word = typename D::Word;
  switch (role) {
    case Role::version:
    case Role::id:
      return value & Word(0xffffffff);
    case Role::pid:  // sign extension from bit 31
      return ((value & Word(0xffffffff)) ^ Word(0x80000000)) - Word(0x80000000);
    case Role::pointers:
      return value & Word(kHeaderNull | kDataNull);
    case Role::boolean:
      return value & Word(1);
    case Role::unshare_flags:
      return value & ~Word(kUnshareKnownFlags & ~kUnshareModelledFlags);
    case Role::set:
    case Role::capability:
    case Role::set_operation:
    case Role::securebits:
    case Role::value:
    case Role::number:
      return value;
  }
  __builtin_unreachable();
}

}  // namespace capcheck

#endif
