// SPDX-License-Identifier: GPL-2.0-only
// Constants of the capability interface that the rules name. They come from the kernel's exported headers; only what
// the proposals add is defined here.
#ifndef CAPCHECK_MODEL_CAPABILITY_H_
#define CAPCHECK_MODEL_CAPABILITY_H_

#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/securebits.h>

#include <cstdint>

// The kernel's macro; the rule of that name asks the profile for CAP_LAST_CAP instead (rules/commoncap.h).
#undef cap_valid

namespace capcheck {

/// prctl(PR_CAP_USERNS, …) of proposal 1. Its operations have the numbers of PR_CAP_AMBIENT_*.
inline constexpr std::uint64_t kPrCapUserns = 48;

/// The capability of proposal 2.
inline constexpr unsigned kCapUserfaultfd = 41;

/// The operations that PR_CAP_AMBIENT and PR_CAP_USERNS share.
enum SetOperation : std::uint64_t {
  kIsSet = PR_CAP_AMBIENT_IS_SET,
  kRaise = PR_CAP_AMBIENT_RAISE,
  kLower = PR_CAP_AMBIENT_LOWER,
  kClearAll = PR_CAP_AMBIENT_CLEAR_ALL,
};

inline constexpr std::uint64_t kKeepCaps = SECBIT_KEEP_CAPS;
inline constexpr std::uint64_t kKeepCapsLocked = SECBIT_KEEP_CAPS_LOCKED;
inline constexpr std::uint64_t kNoCapAmbientRaise = SECBIT_NO_CAP_AMBIENT_RAISE;

/// The set {c}.
constexpr std::uint64_t cap_bit(unsigned capability) {
  return std::uint64_t{1} << capability;
}

}  // namespace capcheck

#endif
