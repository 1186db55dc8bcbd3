// SPDX-License-Identifier: GPL-2.0-only
// The capability that the feature userfaultfd-cap adds changes the set of all capabilities, and so almost every
// question about a kernel; but almost none of their answers. So it is first left open whether there is that capability:
// what cannot be then, cannot be with it nor without it.
#ifndef CAPCHECK_SOLVER_NEWEST_CAPABILITY_H_
#define CAPCHECK_SOLVER_NEWEST_CAPABILITY_H_

#include <z3++.h>

#include <array>
#include <cstdint>
#include <optional>

#include "model/profile.h"
#include "solver/symbolic.h"

namespace capcheck {

/// What numerals in the conditions about a profile are by whether it has that capability. Lives within one TermScope.
class NewestCapability {
 public:
  explicit NewestCapability(const Profile& profile);

  /// Of a condition by the profile's rules: the one in which an unknown says whether there is the capability. Where
  /// that is as_in_profile(), both are the same.
  SymbolicBool left_open(const SymbolicBool& condition) const;
  SymbolicBool as_in_profile() const;

  /// What a numeral of 64 bits that left_open() replaces is without the capability: so profiles with it and those
  /// without have one name for the same thing.
  std::optional<std::uint64_t> without(std::uint64_t numeral) const;

 private:
  using Numerals = std::array<std::uint64_t, 3>;
  static Numerals numerals(std::uint64_t last_cap);

  bool is_there_;
  Numerals without_, with_;
  z3::expr_vector own_, open_;  ///< the terms for these numerals, and what left_open() has in their place
};

}  // namespace capcheck

#endif
