// SPDX-License-Identifier: GPL-2.0-only
// The least that a task must be allowed for a program to show what it shows, found out by trying.
#ifndef CAPCHECK_FUZZ_REPRO_PRIVILEGE_H_
#define CAPCHECK_FUZZ_REPRO_PRIVILEGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/sut/in_process_kernel.h"
#include "model/profile.h"
#include "model/program.h"

namespace capcheck {

/// What a program may begin with.
struct Privilege {
  /// By number; none: all capabilities, as root. An ordinary user has the set given, permitted and effective.
  std::optional<std::uint64_t> capabilities;

  bool operator==(const Privilege&) const = default;
};

/// The uid and gid of the ordinary user.
inline constexpr std::uint64_t kOrdinaryUser = 1000;

/// "an ordinary user without capabilities", "an ordinary user with CAP_SETPCAP alone", "root with all capabilities"
std::string describe(const Privilege& privilege);

/// Where a program with that privilege begins.
Start start_with(const Profile& profile, const Privilege& privilege);

/// From least to most: an ordinary user with nothing, one with each capability alone, root.
std::vector<Privilege> privileges_to_try(const Profile& profile);

/// The first of privileges_to_try() with which the kernel gives each call what it gives root: success, or the same
/// errno; and where it parts from the model, by the same signature. Root is what a program is written for, so there is
/// always an answer. Throws std::runtime_error as InProcessKernel does, and where a kernel that follows the model for
/// root does not for another.
Privilege least_privilege(InProcessKernel& kernel, const Profile& profile, const Program& program);

}  // namespace capcheck

#endif
