// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/values.h"

#include <sys/stat.h>

#include <array>
#include <span>

#include "model/program.h"

namespace capcheck {
namespace {

std::uint64_t pick_word(Random& random) {
  return (std::uint64_t{random()} << 40) ^ (std::uint64_t{random()} << 20) ^ random();
}

std::uint64_t pick_from(Random& random, std::span<const std::uint64_t> values) {
  return values[pick_below(random, values.size())];
}

bool one_in(Random& random, std::uint64_t n) {
  return pick_below(random, n) == 0;
}

/// Numbers at the edges of the kernel's checks: of a word, of CAP_LAST_CAP, of 64 bits.
std::uint64_t pick_capability(Random& random, const Profile& profile) {
  const std::uint64_t last = profile.last_cap();
  if (!one_in(random, 3)) {
    // Few of the valid ones, so that calls meet on the same capability; SETPCAP decides most.
    constexpr std::array<std::uint64_t, 7> kFew = {CAP_CHOWN, CAP_SETPCAP, CAP_SYS_RAWIO, CAP_SYS_ADMIN, CAP_SYS_PTRACE,
                                                   31,        32};
    return one_in(random, 7) ? last : pick_from(random, kFew);
  }
  const std::array<std::uint64_t, 10> edges = {last + 1,
                                               63,
                                               64,
                                               std::uint64_t{1} << 32,
                                               (std::uint64_t{1} << 32) | CAP_SETPCAP,
                                               ~std::uint64_t{0},
                                               kRaise,
                                               kLower,
                                               kClearAll,
                                               pick_below(random, last + 1)};
  return pick_from(random, edges);
}

std::uint64_t pick_set(Random& random, const Profile& profile) {
  const std::uint64_t full = profile.full_set(), one = std::uint64_t{1} << (pick_capability(random, profile) & 63);
  const std::array<std::uint64_t, 12> sets = {0,
                                              full,
                                              full,
                                              ~std::uint64_t{0},
                                              one,
                                              one,
                                              full & ~one,
                                              one | cap_bit(CAP_SETPCAP),
                                              full & ~cap_bit(CAP_SETPCAP),
                                              full & 0xffffffff,
                                              (full << 1) | 1,
                                              pick_word(random) & pick_word(random)};
  return pick_from(random, sets);
}

std::uint64_t pick_securebits(Random& random, const Profile& profile) {
  const std::array<std::uint64_t, 6> values = {
      std::uint64_t{1} << pick_below(random, 8),        pick_below(random, 256),
      profile.securebits() & pick_word(random),         std::uint64_t{3} << (2 * pick_below(random, 8)),
      std::uint64_t{1} << (8 + pick_below(random, 56)), 0};
  return pick_from(random, values);
}

constexpr std::uint64_t kThreadFlags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;

}  // namespace

std::uint64_t pick_below(Random& random, std::uint64_t bound) {
  return pick_word(random) % bound;
}

std::uint64_t pick_value(Random& random, Role role, const Profile& profile) {
  constexpr std::uint64_t kMinus1 = ~std::uint64_t{0}, kHigh = std::uint64_t{1} << 32;
  const auto pick = [&](std::initializer_list<std::uint64_t> values) {
    return canonical<Concrete>(role, pick_from(random, {values.begin(), values.size()}));
  };
  switch (role) {
    case Role::version:
      return pick({_LINUX_CAPABILITY_VERSION_3, _LINUX_CAPABILITY_VERSION_3, _LINUX_CAPABILITY_VERSION_3,
                   _LINUX_CAPABILITY_VERSION_3, _LINUX_CAPABILITY_VERSION_2, _LINUX_CAPABILITY_VERSION_1, 0, kMinus1});
    case Role::pid:
      return pick({0, 0, 0, 0, thread_id(0), thread_id(1), kMinus1, 0x7fffffff, 0x80000000});
    case Role::pointers:
      return one_in(random, 8) ? pick({kHeaderNull, kDataNull, kHeaderNull | kDataNull}) : 0;
    case Role::set:
      return pick_set(random, profile);
    case Role::capability:
      return pick_capability(random, profile);
    case Role::set_operation:
      return one_in(random, 6) ? pick({0, 5, CAP_SETPCAP, kHigh | kRaise, kMinus1})
                               : pick({kIsSet, kRaise, kLower, kClearAll});
    case Role::securebits:
      return pick_securebits(random, profile);
    case Role::value:
    case Role::number:
      return one_in(random, 6) ? pick({1, 2, kHigh, kHigh | 1, kMinus1}) : pick({0, 0, 0, 1});
    case Role::unshare_flags:
      return one_in(random, 6) ? pick({0, CLONE_FS, CLONE_THREAD, 1, kHigh | CLONE_NEWUSER, kMinus1, pick_word(random)})
                               : CLONE_NEWUSER;
    case Role::id:
      return pick({0, 0, 0, 0, 1, 1, 1, 1000, 65534, 0xfffffffe, 0xffffffff});
    case Role::boolean:
      return pick({0, 0, 1});
    case Role::task:
      return pick({0, 0, 1, 1, 2, 3});
    case Role::clone_flags:
      return pick({0, 0, 0, CLONE_NEWUSER, CLONE_NEWUSER, CLONE_FS, kThreadFlags, kThreadFlags | CLONE_FS,
                   CLONE_NEWUSER | CLONE_FS, CLONE_THREAD, CLONE_SIGHAND, CLONE_NEWUSER | kThreadFlags,
                   pick_word(random)});
    case Role::user_ns:
      return pick({0, 1, 1, 1, 2, 2, 3, 4, 39, 255});
    case Role::setns_type:
      return pick({0, CLONE_NEWUSER, CLONE_NEWUSER, CLONE_NEWNET});
    case Role::valid_capability:
      return pick({CAP_CHOWN, CAP_SETPCAP, CAP_SYS_RAWIO, CAP_SYS_ADMIN, kLastCapEverywhere});
    case Role::group_count:
      return pick({0, 1, 1, 2, 2, 2, kNgroupsMax + 1});
    case Role::exec_mode:
      return pick({S_IXGRP, S_IXGRP, S_IXGRP, S_ISUID | S_IXGRP, S_ISUID | S_IXGRP, S_ISGID | S_IXGRP,
                   S_ISUID | S_ISGID | S_IXGRP, S_ISUID, S_ISGID, 0});
    case Role::exec_flags:
      return pick({0, 0, 0, kExecCapability, kExecCapability, kExecCapability, kExecCapability | kExecTruncated,
                   kExecNosuid, kExecNosuid | kExecCapability, kExecScript | kExecCapability});
    case Role::capability_magic:
      return pick({VFS_CAP_REVISION_2, VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE, VFS_CAP_REVISION_3,
                   VFS_CAP_REVISION_3 | VFS_CAP_FLAGS_EFFECTIVE, VFS_CAP_REVISION_1,
                   VFS_CAP_REVISION_1 | VFS_CAP_FLAGS_EFFECTIVE, 0, 0x04000000, kMinus1});
    case Role::userfaultfd_flags:
      return pick({0, 0, UFFD_USER_MODE_ONLY, O_CLOEXEC, O_CLOEXEC | O_NONBLOCK, O_CLOEXEC | UFFD_USER_MODE_ONLY, 2,
                   2 | UFFD_USER_MODE_ONLY, kMinus1});
    case Role::device_mode:
      return pick({S_IRUSR | S_IWUSR, S_IRUSR | S_IWUSR, S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP, S_IRGRP | S_IWGRP,
                   kDeviceModeBits, S_IROTH | S_IWOTH, S_IRUSR | S_IWGRP, 0, pick_word(random)});
    case Role::userfaultfd_api:
      return one_in(random, 6) ? pick({0, kHigh | UFFD_API, kMinus1}) : UFFD_API;
    case Role::userfaultfd_features:
      return pick({0, 0, UFFD_FEATURE_EVENT_FORK, UFFD_FEATURE_EVENT_FORK, UFFD_FEATURE_THREAD_ID,
                   UFFD_FEATURE_EVENT_FORK | kUnknownUserfaultfdFeature, kUnknownUserfaultfdFeature, kMinus1});
  }
  __builtin_unreachable();
}

Call<Concrete> pick_call(Random& random, const Profile& profile, std::uint8_t task) {
  return pick_call(random, profile, static_cast<CallKind>(pick_below(random, kCalls.size())), task);
}

Call<Concrete> pick_call(Random& random, const Profile& profile, CallKind kind, std::uint8_t task) {
  Call<Concrete> call{.kind = kind, .task = task};
  for (std::size_t i = 0; i < info(call.kind).argument_count; ++i) {
    call.args[i] = pick_value(random, info(call.kind).roles[i], profile);
  }
  // Most files of /proc that a task writes to are its own.
  if (info(call.kind).form == Form::proc_file && !one_in(random, 3)) call.args[0] = call.args[1] = call.task;
  canonicalise(call);
  return call;
}

}  // namespace capcheck
