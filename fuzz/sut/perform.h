// SPDX-License-Identifier: GPL-2.0-only
// Makes a call of the alphabet on something that has system calls: a kernel in this process, or the host's.
#ifndef CAPCHECK_FUZZ_SUT_PERFORM_H_
#define CAPCHECK_FUZZ_SUT_PERFORM_H_

#include <fmt/compile.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/userfaultfd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "fuzz/kernel/harness_abi.h"
#include "model/call.h"
#include "model/step.h"

namespace capcheck {

/// What a call returned and wrote.
struct Performed {
  std::uint64_t result;
  Output<Concrete> output;
};

/// What is written to uid_map or gid_map: one or two lines as the kernel itself prints them, each kMapLineSize bytes.
struct MapLines {
  std::array<char, 2 * kMapLineSize> text;  // as far as `size` says
  std::size_t size = 0;

  explicit MapLines(const Call<Concrete>& call) {
    append(call.args[2], call.args[3], call.args[4]);
    if (call.args[5] | call.args[6] | call.args[7]) append(call.args[5], call.args[6], call.args[7]);
  }

 private:
  void append(std::uint64_t first, std::uint64_t lower_first, std::uint64_t count) {
    char* line = text.data() + size;
    std::memset(line, ' ', kMapLineSize - 1);
    line[kMapLineSize - 1] = '\n';
    put(line, static_cast<std::uint32_t>(first));
    put(line + kColumn, static_cast<std::uint32_t>(lower_first));
    put(line + 2 * kColumn, static_cast<std::uint32_t>(count));
    size += kMapLineSize;
  }

  /// Right-aligned in a column.
  static void put(char* column, std::uint32_t number) {
    char* digit = column + kColumn - 1;
    do {
      *--digit = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
  }

  static constexpr std::size_t kColumn = kMapLineSize / 3;  ///< ten digits of 32 bits, and what is between
};

/// A file to be executed, with its attribute security.capability as it lies on disk.
struct ExecutableFile {
  std::array<std::uint32_t, 6> attribute{};  ///< struct vfs_ns_cap_data: little-endian words
  capcheck_executable file{};

  explicit ExecutableFile(const Call<Concrete>& call) {
    const auto& [uid, gid, mode, flags, magic, permitted, inheritable, rootid] = call.args;
    const auto word = [](std::uint64_t value, unsigned shift) { return static_cast<std::uint32_t>(value >> shift); };
    attribute = {word(magic, 0),      word(permitted, 0),    word(inheritable, 0),
                 word(permitted, 32), word(inheritable, 32), word(rootid, 0)};
    file.uid = static_cast<unsigned>(uid);
    file.gid = static_cast<unsigned>(gid);
    file.mode = static_cast<unsigned>(mode | kExecMode);
    file.capability = attribute.data();
    file.capability_size = attribute_size(magic) - ((flags & kExecTruncated) ? 1 : 0);
    file.has_capability = (flags & kExecCapability) != 0;
    file.nosuid = (flags & kExecNosuid) != 0;
    file.script = (flags & kExecScript) != 0;
  }
  ExecutableFile(const ExecutableFile&) = delete;
  ExecutableFile& operator=(const ExecutableFile&) = delete;

 private:
  static unsigned attribute_size(std::uint64_t magic) {
    switch (magic & VFS_CAP_REVISION_MASK) {
      case VFS_CAP_REVISION_1:
        return XATTR_CAPS_SZ_1;
      case VFS_CAP_REVISION_3:
        return XATTR_CAPS_SZ_3;
      default:  // no revision has another size than these three
        return XATTR_CAPS_SZ_2;
    }
  }
};

/// Why no file of a running system is as a call asks; null if one can be, or the call asks for none. What setxattr(2)
/// takes for security.capability is well-formed, and no file belongs to the id -1.
inline const char* unmakeable_file(const Call<Concrete>& call) {
  if (call.kind != CallKind::execve && call.kind != CallKind::open_userfaultfd_device) return nullptr;
  const auto& [uid, gid, mode, flags, magic, permitted, inheritable, rootid] = call.args;
  constexpr std::uint64_t kNoId = 0xffffffff;
  if (uid == kNoId || gid == kNoId) return "no file belongs to the id -1";
  if (!(flags & kExecCapability)) return nullptr;
  const std::uint64_t revision = magic & VFS_CAP_REVISION_MASK;
  if ((flags & kExecTruncated) || (revision != VFS_CAP_REVISION_2 && revision != VFS_CAP_REVISION_3)) {
    return "setxattr(2) takes no such attribute security.capability";
  }
  if (revision == VFS_CAP_REVISION_3 && rootid == kNoId) return "setxattr(2) takes no attribute for the root id -1";
  return nullptr;
}

/// capget(2) and capset(2). `pid` is what the header's pid is for this system.
template <class SystemCalls>
Performed perform_header_call(const SystemCalls& system, const Call<Concrete>& call, int pid) {
  __user_cap_header_struct header{static_cast<std::uint32_t>(call.args[0]), pid};
  std::array<__user_cap_data_struct, 2> data{};
  void* const header_pointer = call.args[2] & kHeaderNull ? nullptr : &header;
  void* const data_pointer = call.args[2] & kDataNull ? nullptr : data.data();
  const auto version = [&] { return call.args[2] & kHeaderNull ? 0 : std::uint64_t{header.version}; };
  if (call.kind == CallKind::capset) {
    for (unsigned word = 0; word < 2; ++word) {
      const auto half = [&](std::uint64_t set) { return static_cast<std::uint32_t>(set >> (32 * word)); };
      data[word] = {half(call.args[3]), half(call.args[4]), half(call.args[5])};
    }
    const long result = system.capset(header_pointer, data_pointer);
    return {static_cast<std::uint64_t>(result), {version(), 0, 0, 0, 0, 0}};
  }
  const long result = system.capget(header_pointer, data_pointer);
  const auto joined = [&](std::uint32_t __user_cap_data_struct::* member) {
    return std::uint64_t{data[1].*member} << 32 | data[0].*member;
  };
  return {static_cast<std::uint64_t>(result),
          {version(), joined(&__user_cap_data_struct::effective), joined(&__user_cap_data_struct::permitted),
           joined(&__user_cap_data_struct::inheritable), 0, 0}};
}

/// A write to a file of /proc/PID.
template <class SystemCalls>
long perform_proc_write(const SystemCalls& system, const Call<Concrete>& call) {
  const auto target = static_cast<unsigned>(call.args[0]), opener = static_cast<unsigned>(call.args[1]);
  if (call.kind == CallKind::write_setgroups) {
    return call.args[2] ? system.write_proc_file(CAPCHECK_SETGROUPS, target, opener, "allow", kAllowSize)
                        : system.write_proc_file(CAPCHECK_SETGROUPS, target, opener, "deny", kDenySize);
  }
  const MapLines lines(call);
  return system.write_proc_file(call.kind == CallKind::write_uid_map ? CAPCHECK_UID_MAP : CAPCHECK_GID_MAP, target,
                                opener, lines.text.data(), lines.size);
}

/// A write to a file of /proc/sys/kernel.
template <class SystemCalls>
long perform_sysctl_write(const SystemCalls& system, const Call<Concrete>& call) {
  const auto file = static_cast<capcheck_sysctl>(static_cast<int>(call.kind) -
                                                 static_cast<int>(CallKind::write_umh_bset) + CAPCHECK_UMH_BSET);
  std::array<char, kSysctlSize + 1> text{};
  fmt::format_to(text.data(), FMT_COMPILE("{:10} {:10}\n"), call.args[0] & 0xffffffff, call.args[0] >> 32);
  return system.write_sysctl(file, text.data(), kSysctlSize);
}
static_assert(static_cast<int>(CallKind::write_cap_userns_mask) - static_cast<int>(CallKind::write_umh_bset) ==
              CAPCHECK_CAP_USERNS_MASK - CAPCHECK_UMH_BSET);

/// The calls that are written as plain ones.
template <class SystemCalls>
long perform_plain(const SystemCalls& system, const Call<Concrete>& call) {
  const auto id = [&](std::size_t index) { return static_cast<unsigned>(call.args[index]); };
  switch (call.kind) {
    case CallKind::unshare:
      return system.unshare(call.args[0]);
    case CallKind::chroot:
      return system.chroot();
    case CallKind::clone:
      return system.clone(call.args[0]);
    case CallKind::exit_group:
      system.exit_group();
      return 0;
    case CallKind::setns:
      return system.setns(id(0), call.args[1]);
    case CallKind::ns_capable:
      return system.ns_capable(id(0), id(1));
    case CallKind::setuid:
      return system.setuid(id(0));
    case CallKind::setreuid:
      return system.setreuid(id(0), id(1));
    case CallKind::setresuid:
      return system.setresuid(id(0), id(1), id(2));
    case CallKind::setfsuid:
      return system.setfsuid(id(0));
    case CallKind::setgid:
      return system.setgid(id(0));
    case CallKind::setregid:
      return system.setregid(id(0), id(1));
    case CallKind::setresgid:
      return system.setresgid(id(0), id(1), id(2));
    case CallKind::setfsgid:
      return system.setfsgid(id(0));
    case CallKind::setgroups: {
      const std::array<unsigned, kMaxGroups> groups = {id(1), id(2)};
      return system.setgroups(call.args[0], groups.data());
    }
    case CallKind::usermodehelper:
      return system.usermodehelper();
    case CallKind::userfaultfd:
      return system.userfaultfd(static_cast<int>(call.args[0]));
    case CallKind::user_fault:
      return system.fault(true);
    case CallKind::kernel_fault:
      return system.fault(false);
    default:
      break;
  }
  __builtin_unreachable();
}

/// Makes the call. `system` has the members of capcheck_kernel that are calls; `translate_pid` turns a program's pid
/// into this system's. Inline, so that what it returns is written where it is kept.
template <class SystemCalls, class TranslatePid>
[[gnu::always_inline]] inline Performed perform(const SystemCalls& system, const Call<Concrete>& call,
                                                TranslatePid translate_pid) {
  const auto& args = call.args;
  const CallInfo& call_info = info(call.kind);
  const auto plain = [](long result) { return Performed{static_cast<std::uint64_t>(result), {}}; };
  switch (call_info.form) {
    case Form::capability_header:
      return perform_header_call(system, call, translate_pid(static_cast<int>(args[1])));
    case Form::prctl:
      return plain(system.prctl(call_info.option, args[0], args[1], args[2], args[3]));
    case Form::plain:
      return plain(perform_plain(system, call));
    case Form::keyctl:
      return plain(call.kind == CallKind::join_session_keyring ? system.join_session_keyring()
                                                               : system.session_to_parent());
    case Form::ptrace:
      return plain(call.kind == CallKind::ptrace_traceme ? system.ptrace_traceme()
                                                         : system.ptrace_seize(static_cast<unsigned>(args[0])));
    case Form::proc_file:
      return plain(perform_proc_write(system, call));
    case Form::sysctl:
      return plain(perform_sysctl_write(system, call));
    case Form::flag_sysctl:
      return plain(system.write_sysctl(CAPCHECK_UNPRIVILEGED_USERFAULTFD, args[0] ? "1\n" : "0\n", kFlagSysctlSize));
    case Form::ioctl: {
      if (call.kind == CallKind::userfaultfd_ioc_new)
        return plain(system.userfaultfd_ioc_new(static_cast<int>(args[0])));
      uffdio_api structure{args[0], args[1], 0};
      const long result = system.uffdio_api(&structure);
      return {static_cast<std::uint64_t>(result), {0, 0, 0, 0, 0, structure.features & kUserfaultfdFeatures}};
    }
    case Form::device:
      return plain(system.open_userfaultfd_device(static_cast<unsigned>(args[0]), static_cast<unsigned>(args[1]),
                                                  static_cast<unsigned>(args[2])));
    case Form::execve: {
      ExecutableFile executable(call);
      const long result = system.execve(&executable.file);
      return {static_cast<std::uint64_t>(result), {0, 0, 0, 0, executable.file.secure, 0}};
    }
  }
  __builtin_unreachable();
}

}  // namespace capcheck

#endif
