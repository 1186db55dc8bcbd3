// SPDX-License-Identifier: GPL-2.0-only
// Makes a call of the alphabet on something that has system calls: a kernel in this process, or the host's.
#ifndef CAPCHECK_FUZZ_SUT_PERFORM_H_
#define CAPCHECK_FUZZ_SUT_PERFORM_H_

#include <fmt/compile.h>
#include <linux/capability.h>

#include <array>
#include <cstdint>

#include "fuzz/kernel/harness_abi.h"
#include "model/call.h"
#include "model/step.h"

namespace capcheck {

/// What a call returned and wrote.
struct Performed {
  std::uint64_t result;
  Output<Concrete> output;
};

/// A line of uid_map or gid_map, as the kernel itself prints it: kMapLineSize bytes.
inline std::array<char, kMapLineSize + 1> map_line(const Call<Concrete>& call) {
  std::array<char, kMapLineSize + 1> line{};
  fmt::format_to(line.data(), FMT_COMPILE("{:10} {:10} {:10}\n"), call.args[0], call.args[1], call.args[2]);
  return line;
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
    return {static_cast<std::uint64_t>(result), {version(), 0, 0, 0}};
  }
  const long result = system.capget(header_pointer, data_pointer);
  const auto joined = [&](std::uint32_t __user_cap_data_struct::* member) {
    return std::uint64_t{data[1].*member} << 32 | data[0].*member;
  };
  return {static_cast<std::uint64_t>(result),
          {version(), joined(&__user_cap_data_struct::effective), joined(&__user_cap_data_struct::permitted),
           joined(&__user_cap_data_struct::inheritable)}};
}

/// Makes the call. `system` has the members capget, capset, prctl, unshare, chroot and write_proc_file of
/// capcheck_kernel; `translate_pid` turns a program's pid into this system's.
template <class SystemCalls, class TranslatePid>
Performed perform(const SystemCalls& system, const Call<Concrete>& call, TranslatePid translate_pid) {
  const auto& args = call.args;
  const CallInfo& call_info = info(call.kind);
  const auto plain = [](long result) { return Performed{static_cast<std::uint64_t>(result), {}}; };
  switch (call_info.form) {
    case Form::capability_header:
      return perform_header_call(system, call, translate_pid(static_cast<int>(args[1])));
    case Form::prctl:
      return plain(system.prctl(call_info.option, args[0], args[1], args[2], args[3]));
    case Form::plain:
      return plain(call.kind == CallKind::chroot ? system.chroot() : system.unshare(args[0]));
    case Form::proc_file:
      break;
  }
  if (call.kind == CallKind::write_setgroups) {
    return plain(args[0] ? system.write_proc_file(CAPCHECK_SETGROUPS, "allow", kAllowSize)
                         : system.write_proc_file(CAPCHECK_SETGROUPS, "deny", kDenySize));
  }
  const auto line = map_line(call);
  return plain(system.write_proc_file(call.kind == CallKind::write_uid_map ? CAPCHECK_UID_MAP : CAPCHECK_GID_MAP,
                                      line.data(), kMapLineSize));
}

}  // namespace capcheck

#endif
