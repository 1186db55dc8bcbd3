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
};

inline constexpr std::array kReleases = {
    Release{"6.12", 40, 32, 0x55},
};

/// A switchable change to a release. Each is one member of Features.
struct Features {
  bool userns = false;                      ///< proposal 1: the user namespace capability set
  bool capbset_drop_lowers_userns = false;  ///< a repair of it: PR_CAPBSET_DROP lowers U as well
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
};

/// A release with features: "6.12+userns".
struct Profile {
  const Release* release = &kReleases[0];
  Features features;

  /// CAP_FULL_SET: bits 0 to CAP_LAST_CAP, include/linux/capability.h.
  constexpr std::uint64_t full_set() const { return (std::uint64_t{2} << release->last_cap) - 1; }

  bool operator==(const Profile&) const = default;
};

/// Reads "RELEASE[+FEATURE]…". Throws std::invalid_argument that names the offending part and lists what is known.
Profile parse_profile(std::string_view text);

/// The inverse of parse_profile, features in the order of kFeatures.
std::string to_string(const Profile& profile);

}  // namespace capcheck

#endif
