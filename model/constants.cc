// SPDX-License-Identifier: GPL-2.0-only
#include "model/constants.h"

#include <sys/capability.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>

namespace capcheck {
namespace {

constexpr const char* kCapUserfaultfdName = "CAP_USERFAULTFD";

constexpr std::array kVersions = {
    Constant{"_LINUX_CAPABILITY_VERSION_1", _LINUX_CAPABILITY_VERSION_1},
    Constant{"_LINUX_CAPABILITY_VERSION_2", _LINUX_CAPABILITY_VERSION_2},
    Constant{"_LINUX_CAPABILITY_VERSION_3", _LINUX_CAPABILITY_VERSION_3},
};
constexpr std::array kAmbientOperations = {
    Constant{"PR_CAP_AMBIENT_IS_SET", kIsSet},
    Constant{"PR_CAP_AMBIENT_RAISE", kRaise},
    Constant{"PR_CAP_AMBIENT_LOWER", kLower},
    Constant{"PR_CAP_AMBIENT_CLEAR_ALL", kClearAll},
};
constexpr std::array kUsernsOperations = {
    Constant{"PR_CAP_USERNS_IS_SET", kIsSet},
    Constant{"PR_CAP_USERNS_RAISE", kRaise},
    Constant{"PR_CAP_USERNS_LOWER", kLower},
    Constant{"PR_CAP_USERNS_CLEAR_ALL", kClearAll},
};
constexpr std::array kSecurebits = {
    Constant{"SECBIT_NOROOT", SECBIT_NOROOT},
    Constant{"SECBIT_NOROOT_LOCKED", SECBIT_NOROOT_LOCKED},
    Constant{"SECBIT_NO_SETUID_FIXUP", SECBIT_NO_SETUID_FIXUP},
    Constant{"SECBIT_NO_SETUID_FIXUP_LOCKED", SECBIT_NO_SETUID_FIXUP_LOCKED},
    Constant{"SECBIT_KEEP_CAPS", SECBIT_KEEP_CAPS},
    Constant{"SECBIT_KEEP_CAPS_LOCKED", SECBIT_KEEP_CAPS_LOCKED},
    Constant{"SECBIT_NO_CAP_AMBIENT_RAISE", SECBIT_NO_CAP_AMBIENT_RAISE},
    Constant{"SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED", SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED},
    Constant{"SECBIT_EXEC_RESTRICT_FILE", 1 << 8},
    Constant{"SECBIT_EXEC_RESTRICT_FILE_LOCKED", 1 << 9},
    Constant{"SECBIT_EXEC_DENY_INTERACTIVE", 1 << 10},
    Constant{"SECBIT_EXEC_DENY_INTERACTIVE_LOCKED", 1 << 11},
};
constexpr std::array kUnshareFlags = {
    Constant{"CLONE_NEWUSER", CLONE_NEWUSER},
    Constant{"CLONE_THREAD", CLONE_THREAD},
    Constant{"CLONE_FS", CLONE_FS},
};
constexpr std::array kCloneFlags = {
    Constant{"CLONE_NEWUSER", CLONE_NEWUSER}, Constant{"CLONE_FS", CLONE_FS},         Constant{"CLONE_VM", CLONE_VM},
    Constant{"CLONE_SIGHAND", CLONE_SIGHAND}, Constant{"CLONE_THREAD", CLONE_THREAD},
};
constexpr std::array kSetnsTypes = {
    Constant{"CLONE_NEWUSER", CLONE_NEWUSER},
    Constant{"CLONE_NEWNET", CLONE_NEWNET},
};
constexpr std::array kExecModes = {
    Constant{"S_ISUID", S_ISUID},
    Constant{"S_ISGID", S_ISGID},
    Constant{"S_IXGRP", S_IXGRP},
};
constexpr std::array kDeviceModes = {
    Constant{"S_IRUSR", S_IRUSR}, Constant{"S_IWUSR", S_IWUSR}, Constant{"S_IRGRP", S_IRGRP},
    Constant{"S_IWGRP", S_IWGRP}, Constant{"S_IROTH", S_IROTH}, Constant{"S_IWOTH", S_IWOTH},
};
constexpr std::array kExecFlags = {
    Constant{"NOSUID", kExecNosuid},
    Constant{"SCRIPT", kExecScript},
    Constant{"CAPABILITY", kExecCapability},
    Constant{"TRUNCATED", kExecTruncated},
};
constexpr std::array kCapabilityMagics = {
    // The revisions are numbers in the highest byte, so 3 stands before 1 and 2, whose bits it has.
    Constant{"VFS_CAP_REVISION_3", VFS_CAP_REVISION_3},
    Constant{"VFS_CAP_REVISION_2", VFS_CAP_REVISION_2},
    Constant{"VFS_CAP_REVISION_1", VFS_CAP_REVISION_1},
    Constant{"VFS_CAP_FLAGS_EFFECTIVE", VFS_CAP_FLAGS_EFFECTIVE},
};
constexpr std::array kUserfaultfdFlagNames = {
    Constant{"O_CLOEXEC", O_CLOEXEC},
    Constant{"O_NONBLOCK", O_NONBLOCK},
    Constant{"UFFD_USER_MODE_ONLY", UFFD_USER_MODE_ONLY},
};
constexpr std::array kUserfaultfdApis = {Constant{"UFFD_API", UFFD_API}};
constexpr std::array kUserfaultfdFeatureNames = {
    Constant{"UFFD_FEATURE_EVENT_FORK", UFFD_FEATURE_EVENT_FORK},
    Constant{"UFFD_FEATURE_EVENT_REMAP", UFFD_FEATURE_EVENT_REMAP},
    Constant{"UFFD_FEATURE_EVENT_REMOVE", UFFD_FEATURE_EVENT_REMOVE},
    Constant{"UFFD_FEATURE_MISSING_HUGETLBFS", UFFD_FEATURE_MISSING_HUGETLBFS},
    Constant{"UFFD_FEATURE_MISSING_SHMEM", UFFD_FEATURE_MISSING_SHMEM},
    Constant{"UFFD_FEATURE_EVENT_UNMAP", UFFD_FEATURE_EVENT_UNMAP},
    Constant{"UFFD_FEATURE_THREAD_ID", UFFD_FEATURE_THREAD_ID},
};
constexpr std::array kTaskNumbers = {
    Constant{"t0", 0},
    Constant{"t1", 1},
    Constant{"t2", 2},
    Constant{"t3", 3},
};
static_assert(kTaskNumbers.size() == kMaxTasks);

constexpr std::array kTasks = {
    Constant{"t0", thread_id(0)},
    Constant{"t1", thread_id(1)},
    Constant{"t2", thread_id(2)},
    Constant{"t3", thread_id(3)},
};

}  // namespace

std::span<const Constant> constants(Role role, bool userns) {
  switch (role) {
    case Role::version:
      return kVersions;
    case Role::set_operation:
      return userns ? std::span<const Constant>(kUsernsOperations) : kAmbientOperations;
    case Role::securebits:
      return kSecurebits;
    case Role::unshare_flags:
      return kUnshareFlags;
    case Role::pid:
      return kTasks;
    case Role::task:
      return kTaskNumbers;
    case Role::clone_flags:
      return kCloneFlags;
    case Role::setns_type:
      return kSetnsTypes;
    case Role::exec_mode:
      return kExecModes;
    case Role::device_mode:
      return kDeviceModes;
    case Role::exec_flags:
      return kExecFlags;
    case Role::capability_magic:
      return kCapabilityMagics;
    case Role::userfaultfd_flags:
      return kUserfaultfdFlagNames;
    case Role::userfaultfd_api:
      return kUserfaultfdApis;
    case Role::userfaultfd_features:
      return kUserfaultfdFeatureNames;
    case Role::user_ns:
    case Role::valid_capability:
    case Role::group_count:
    case Role::pointers:
    case Role::set:
    case Role::capability:
    case Role::value:
    case Role::number:
    case Role::id:
    case Role::boolean:
      return {};
  }
  __builtin_unreachable();
}

std::optional<std::string> capability_name(std::uint64_t capability) {
  // The installed libcap may have no name for it, or the name of another.
  if (capability == kCapUserfaultfd) return kCapUserfaultfdName;
  if (capability >= static_cast<std::uint64_t>(cap_max_bits())) return std::nullopt;
  char* name = cap_to_name(static_cast<cap_value_t>(capability));
  if (!name) return std::nullopt;
  std::string text(name);
  cap_free(name);
  // libcap writes a number for a capability that it has no name for.
  if (std::isdigit(static_cast<unsigned char>(text[0]))) return std::nullopt;
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

std::optional<std::uint64_t> capability_number(std::string_view name) {
  std::string text(name);
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0]))) return std::nullopt;
  if (!text.starts_with("cap_")) text.insert(0, "cap_");
  if (text == "cap_userfaultfd") return kCapUserfaultfd;
  cap_value_t value = 0;
  if (cap_from_name(text.c_str(), &value) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(value);
}

std::string errno_name(int error) {
  const char* name = strerrorname_np(error);
  return name ? name : std::to_string(error);
}

std::optional<int> errno_number(std::string_view name) {
  constexpr int kMaxErrno = 133;
  for (int error = 1; error <= kMaxErrno; ++error) {
    const char* known = strerrorname_np(error);
    if (known && name == known) return error;
  }
  return std::nullopt;
}

}  // namespace capcheck
