// SPDX-License-Identifier: GPL-2.0-only
#include "solver/newest_capability.h"

#include <algorithm>
#include <cstddef>

namespace capcheck {
namespace {

/// A bit, which is 1 if the capability is there.
z3::expr newest_bit() {
  return TermScope::context().bv_const("newest capability", 1);
}

/// Bit by bit, since most are the same with the capability and without it, and so make a question no larger.
z3::expr choice(std::uint64_t with, std::uint64_t without) {
  z3::context& context = TermScope::context();
  z3::expr_vector bits(context);
  for (std::uint64_t bit = std::uint64_t{1} << 63u; bit != 0; bit >>= 1u) {
    const bool is_with = (with & bit) != 0, is_without = (without & bit) != 0;
    if (is_with == is_without) {
      bits.push_back(context.bv_val(is_with ? 1 : 0, 1));
    } else {
      bits.push_back(is_with ? newest_bit() : ~newest_bit());
    }
  }
  return z3::concat(bits).simplify();
}

std::uint64_t full_set(std::uint64_t last_cap) {
  return (std::uint64_t{2} << last_cap) - 1;
}

}  // namespace

/// The set of all capabilities, what is in none, and the first number that is no capability's.
NewestCapability::Numerals NewestCapability::numerals(std::uint64_t last_cap) {
  return {full_set(last_cap), ~full_set(last_cap), last_cap + 1};
}

NewestCapability::NewestCapability(const Profile& profile)
    : is_there_(profile.features.userfaultfd_cap),
      without_(numerals(profile.release->last_cap)),
      with_(numerals(profile.release->last_cap + 1)),
      own_(TermScope::context()),
      open_(TermScope::context()) {
  for (std::size_t i = 0; i < without_.size(); ++i) {
    own_.push_back(TermScope::context().bv_val(is_there_ ? with_.at(i) : without_.at(i), 64));
    open_.push_back(choice(with_.at(i), without_.at(i)));
  }
}

SymbolicBool NewestCapability::left_open(const SymbolicBool& condition) const {
  if (condition.is_true() || condition.is_false()) return condition;
  return SymbolicBool(condition.term().substitute(own_, open_));
}

SymbolicBool NewestCapability::as_in_profile() const {
  return SymbolicBool(newest_bit() == TermScope::context().bv_val(is_there_ ? 1 : 0, 1));
}

std::optional<std::uint64_t> NewestCapability::without(std::uint64_t numeral) const {
  const Numerals& own = is_there_ ? with_ : without_;
  const auto found = std::ranges::find(own, numeral);
  if (found == own.end()) return std::nullopt;
  return without_.at(static_cast<std::size_t>(found - own.begin()));
}

}  // namespace capcheck
