// SPDX-License-Identifier: GPL-2.0-only
// Kernel profiles: which kernel's rules apply, as data.
#ifndef CAPCHECK_MODEL_PROFILE_H_
#define CAPCHECK_MODEL_PROFILE_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace capcheck {

/// A kernel release whose rules are modelled, and what depends on it.
struct Release {
  std::string_view name;
  std::uint64_t last_cap;          ///< CAP_LAST_CAP, include/uapi/linux/capability.h
  std::uint64_t max_parent_level;  ///< a namespace of a higher level gets no children, create_user_ns()
  std::uint64_t securebits;  ///< SECURE_ALL_BITS, include/uapi/linux/securebits.h; each bit's lock is the next bit
  /// SECURE_ALL_UNPRIVILEGED: may change without SETPCAP. None before 6.14.
  std::uint64_t unprivileged_securebits;
  /// SECURE_USERNS_STRICT_CAPS of the feature userns-strict: 8, or the next free bit where 6.14 took that.
  std::uint64_t strict_securebit;
  /// An exec changes ids if euid' or egid' differs from the old effective ids, not from the old real ones: from 6.17
  /// (commit 337490f0007f).
  bool exec_compares_effective_ids;
  bool has_source;  ///< Debian has its source, so that an in-process kernel can be built without --source
};

inline constexpr std::array kReleases = {
    Release{"6.1", 40, 32, 0x55, 0, 8, false, true},
    Release{"6.12", 40, 32, 0x55, 0, 8, false, true},
    Release{"6.17", 40, 32, 0x555, 0x500, 12, true, false},
};

/// The release of a profile that names none.
inline constexpr const Release* kDefaultRelease = &kReleases[1];

/// A switchable change to a release. Each is one member of Features.
struct Features {
  bool userns = false;                      ///< proposal 1: the user namespace capability set
  bool capbset_drop_lowers_userns = false;  ///< a repair of it: PR_CAPBSET_DROP lowers U as well
  bool userns_strict = false;               ///< its part 2: a securebit that bounds U by X at namespace entry
  bool userns_mask = false;                 ///< its part 3: a sysctl that bounds U at namespace entry
  bool userfaultfd_cap = false;             ///< proposal 2: CAP_USERFAULTFD
  bool operator==(const Features&) const = default;
};

struct FeatureInfo {
  std::string_view name;
  bool Features::* member;
  bool Features::* needs;  ///< a feature that must be on too, or null
  std::string_view meaning;
};

inline constexpr std::array kFeatures = {
    FeatureInfo{"userns", &Features::userns, nullptr, "user namespace capability set (proposal 1, part 1)"},
    FeatureInfo{"capbset-drop-lowers-userns", &Features::capbset_drop_lowers_userns, &Features::userns,
                "PR_CAPBSET_DROP lowers the userns set too (repair offered here)"},
    FeatureInfo{"userns-strict", &Features::userns_strict, &Features::userns,
                "SECBIT_USERNS_STRICT_CAPS: U is bounded by X at namespace entry (proposal 1, part 2)"},
    FeatureInfo{"userns-mask", &Features::userns_mask, &Features::userns,
                "kernel.cap_userns_mask: U is bounded by it at namespace entry (proposal 1, part 3)"},
    FeatureInfo{"userfaultfd-cap", &Features::userfaultfd_cap, nullptr,
                "CAP_USERFAULTFD, for userfaultfds that handle faults of the kernel (proposal 2)"},
};

/// A release with features: "6.12+userns".
struct Profile {
  const Release* release = kDefaultRelease;
  Features features;

  /// CAP_LAST_CAP: a capability that a feature adds follows those of the release.
  constexpr std::uint64_t last_cap() const { return release->last_cap + (features.userfaultfd_cap ? 1 : 0); }

  /// CAP_FULL_SET: bits 0 to CAP_LAST_CAP, include/linux/capability.h.
  constexpr std::uint64_t full_set() const {
    return last_cap() < 63 ? (std::uint64_t{2} << last_cap()) - 1 : ~std::uint64_t{0};
  }

  /// SECBIT_USERNS_STRICT_CAPS; 0 without the feature.
  constexpr std::uint64_t strict_securebit() const {
    return features.userns_strict ? std::uint64_t{1} << release->strict_securebit : 0;
  }

  /// SECURE_ALL_BITS, with what features add.
  constexpr std::uint64_t securebits() const { return release->securebits | strict_securebit(); }

  bool operator==(const Profile&) const = default;
};

/// Reads "RELEASE[+FEATURE]…". Throws std::invalid_argument that names the offending part and lists what is known.
Profile parse_profile(std::string_view text);

/// The inverse of parse_profile, features in the order of kFeatures.
std::string to_string(const Profile& profile);

}  // namespace capcheck

#endif
