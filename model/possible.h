// SPDX-License-Identifier: GPL-2.0-only
// A domain that keeps, of each value, which numbers it may have: a few, or any. A step over it, of an unknown world
// with unknown arguments, lists the outcomes that a call's rule provides for.
#ifndef CAPCHECK_MODEL_POSSIBLE_H_
#define CAPCHECK_MODEL_POSSIBLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "model/call.h"
#include "model/domain.h"
#include "model/guard.h"
#include "model/profile.h"
#include "model/step.h"

namespace capcheck {

/// A truth value of which it is known whether it can be true, and whether false.
struct PossibleBool {
  bool can_be_true = true, can_be_false = true;

  constexpr PossibleBool() = default;
  constexpr PossibleBool(bool value) : can_be_true(value), can_be_false(!value) {}
  constexpr PossibleBool(bool true_possible, bool false_possible)
      : can_be_true(true_possible), can_be_false(false_possible) {}

  friend constexpr PossibleBool operator!(PossibleBool a) { return {a.can_be_false, a.can_be_true}; }
  friend constexpr PossibleBool operator&(PossibleBool a, PossibleBool b) {
    return {a.can_be_true && b.can_be_true, a.can_be_false || b.can_be_false};
  }
  friend constexpr PossibleBool operator|(PossibleBool a, PossibleBool b) { return !(!a & !b); }
};

/// A word that has one of some numbers; any number at all by default.
class PossibleWord {
 public:
  PossibleWord() = default;
  PossibleWord(std::uint64_t value) : numbers_({value}) {}

  /// The numbers; nothing if it can be any.
  const std::optional<std::set<std::uint64_t>>& numbers() const { return numbers_; }

  friend PossibleWord operator&(const PossibleWord& a, const PossibleWord& b) {
    return combine(a, b, [](auto x, auto y) { return x & y; });
  }
  friend PossibleWord operator|(const PossibleWord& a, const PossibleWord& b) {
    return combine(a, b, [](auto x, auto y) { return x | y; });
  }
  friend PossibleWord operator^(const PossibleWord& a, const PossibleWord& b) {
    return combine(a, b, [](auto x, auto y) { return x ^ y; });
  }
  friend PossibleWord operator+(const PossibleWord& a, const PossibleWord& b) {
    return combine(a, b, [](auto x, auto y) { return x + y; });
  }
  friend PossibleWord operator-(const PossibleWord& a, const PossibleWord& b) {
    return combine(a, b, [](auto x, auto y) { return x - y; });
  }
  friend PossibleWord operator~(const PossibleWord& a) { return a ^ PossibleWord(~std::uint64_t{0}); }
  friend PossibleWord operator>>(const PossibleWord& a, unsigned count) {
    return combine(a, PossibleWord(0), [count](auto x, auto) { return x >> count; });
  }
  friend PossibleBool operator==(const PossibleWord& a, const PossibleWord& b) {
    return compare(a, b, [](auto x, auto y) { return x == y; });
  }
  friend PossibleBool operator<(const PossibleWord& a, const PossibleWord& b) {
    return compare(a, b, [](auto x, auto y) { return x < y; });
  }

  /// Of two values that may both be.
  static PossibleWord either(const PossibleWord& a, const PossibleWord& b) {
    PossibleWord united;
    if (!a.numbers_ || !b.numbers_) return united;
    united.numbers_ = a.numbers_;
    united.numbers_->insert(b.numbers_->begin(), b.numbers_->end());
    return united;
  }

 private:
  template <class F>
  static PossibleWord combine(const PossibleWord& a, const PossibleWord& b, F f) {
    PossibleWord result;
    if (!a.numbers_ || !b.numbers_) return result;
    result.numbers_.emplace();
    for (const std::uint64_t x : *a.numbers_) {
      for (const std::uint64_t y : *b.numbers_) result.numbers_->insert(f(x, y));
    }
    return result;
  }

  template <class F>
  static PossibleBool compare(const PossibleWord& a, const PossibleWord& b, F f) {
    if (!a.numbers_ || !b.numbers_) return {};
    PossibleBool result{false, false};
    for (const std::uint64_t x : *a.numbers_) {
      for (const std::uint64_t y : *b.numbers_) (f(x, y) ? result.can_be_true : result.can_be_false) = true;
    }
    return result;
  }

  std::optional<std::set<std::uint64_t>> numbers_;
};

struct Possible {
  using Word = PossibleWord;
  using Bool = PossibleBool;

  /// Nothing is known of what a table holds, whatever was stored there.
  template <class T, std::size_t Size>
  using Table = std::array<T, Size>;

  static Word select(Bool condition, const Word& yes, const Word& no) {
    if (!condition.can_be_false) return yes;
    return condition.can_be_true ? Word::either(yes, no) : no;
  }
  static Word bit(const Word&) { return {}; }

  template <class T, std::size_t Size>
  static T at(const std::array<T, Size>&, const Word&) {
    return {};
  }
  template <class T, std::size_t Size>
  static void store(std::array<T, Size>&, Bool, const Word&, const T&) {}
  template <class T>
  static void assign(T& target, Bool, const T&) {
    target = {};
  }

  /// What a repeated step reads, it reads from tables: one more round would learn nothing.
  template <class Step>
  static void repeat(Step step) {
    step();
  }
  static Word at_end(Bool, const Word&) { return {}; }
};
static_assert(Domain<Possible>);

/// The outcomes that the rule of a call provides for on a profile: Guard::none for success, and the guards that can
/// stop it, in the order of Guard. Whether each can be reached is another question.
inline std::vector<Guard> possible_outcomes(const Profile& profile, CallKind kind) {
  World<Possible> world;
  const Reply<Possible> reply = step(profile, world, Call<Possible>{.kind = kind});
  std::vector<Guard> outcomes;
  for (const std::uint64_t code : reply.code.numbers().value()) outcomes.push_back(failed_guard(code));
  return outcomes;
}

}  // namespace capcheck

#endif
