// SPDX-License-Identifier: GPL-2.0-only
// Small worlds: one task, few capabilities, few ids, and every call that an alphabet has. What can be reached in one is
// little enough to look at all of it (enumerate.h).
#ifndef CAPCHECK_FUZZ_SMALL_WORLD_H_
#define CAPCHECK_FUZZ_SMALL_WORLD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "model/call.h"
#include "model/profile.h"
#include "model/world.h"

namespace capcheck {

/// Two capabilities that no rule names. Which two makes no difference: `capcheck symmetry` proves it.
inline constexpr std::uint64_t kFirstAnonymous = CAP_PERFMON, kSecondAnonymous = CAP_BPF;

/// The ids of users in small worlds: root, and an ordinary one.
inline constexpr std::array<std::uint64_t, 2> kSmallIds = {0, 1000};

struct SmallWorld {
  std::string_view name;
  std::string_view words;                   ///< the alphabet, for a person
  std::vector<std::uint64_t> capabilities;  ///< those that starts and arguments have
  std::vector<TaskState<Concrete>> starts;
  std::vector<Call<Concrete>> calls;  ///< of task 0, canonical

  /// The capabilities as a set.
  std::uint64_t set() const;
};

/// The small worlds of a profile, each about other calls.
std::vector<SmallWorld> small_worlds(const Profile& profile);

/// The one of that name. Throws std::invalid_argument that lists what is known.
SmallWorld find_small_world(const Profile& profile, std::string_view name);

/// A state of a small world in two words.
struct PackedState {
  std::uint64_t sets, rest;

  bool operator==(const PackedState&) const = default;
};

/// Packs what is observed of the task. The capabilities that a world does not have come and go together, in two groups
/// (those that setfsuid(2) moves, and the others), so a set is a few bits.
class StatePacking {
 public:
  static constexpr std::size_t kMaxGroups = 10;

  StatePacking(const Profile& profile, const SmallWorld& world);

  /// Throws std::logic_error if the state has anything for which there is no room: nothing is ever lost.
  PackedState pack(const TaskState<Concrete>& state) const;
  TaskState<Concrete> unpack(const PackedState& packed) const;

 private:
  std::uint64_t pack_set(std::uint64_t set) const;
  std::uint64_t unpack_set(std::uint64_t bits) const;

  std::array<std::uint64_t, kMaxGroups> masks_{};  ///< the capabilities of each group
  std::array<unsigned, kMaxGroups> lowest_{};      ///< one of each
  std::size_t groups_ = 0;
};

}  // namespace capcheck

#endif
