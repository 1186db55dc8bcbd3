// SPDX-License-Identifier: GPL-2.0-only
#include "solver/newest_capability.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>

#include "model/profile.h"
#include "solver/query.h"
#include "solver/refuted.h"

namespace capcheck {
namespace {

const Profile kWithout = parse_profile("6.12"), kWith = parse_profile("6.12+userfaultfd-cap");

SymbolicBool is_beyond(const Profile& profile, const SymbolicWord& set) {
  return !((set & ~SymbolicWord(profile.full_set())) == SymbolicWord(0));
}

Answer::Kind ask(const SymbolicBool& goal, std::initializer_list<SymbolicBool> others) {
  SymbolicBool all = goal;
  for (const SymbolicBool& other : others) all = all & other;
  return ask_once(all, std::chrono::seconds(20)).kind;
}

TEST(NewestCapability, IsThereOrNotWhereItIsLeftOpen) {
  const TermScope scope;
  const SymbolicWord set = SymbolicWord::unknown("set");
  const SymbolicBool has_41 = set == SymbolicWord(std::uint64_t{1} << 41u),
                     has_42 = set == SymbolicWord(std::uint64_t{1} << 42u);
  for (const Profile& profile : {kWithout, kWith}) {
    const NewestCapability newest(profile);
    const SymbolicBool beyond = is_beyond(profile, set), open = newest.left_open(beyond), own = newest.as_in_profile();
    EXPECT_EQ(ask(open, {has_41}), Answer::Kind::yes);
    EXPECT_EQ(ask(!open, {has_41}), Answer::Kind::yes);
    EXPECT_EQ(ask(!open, {has_42}), Answer::Kind::no);
    EXPECT_EQ(ask(own, {(open & !beyond) | (!open & beyond)}), Answer::Kind::no);
  }
}

TEST(NewestCapability, AndWhatIsRefutedEitherWayIsSoInBothProfiles) {
  const TermScope scope;
  const SymbolicWord x = SymbolicWord::unknown("x"), y = SymbolicWord::unknown("y");
  const auto goal = [&](const Profile& profile) { return is_beyond(profile, x & y); };
  const auto facts = [&](const Profile& profile) { return std::array{!is_beyond(profile, x)}; };
  const std::array with = facts(kWith), without = facts(kWithout);

  const NewestCapability of_with(kWith), of_without(kWithout);

  Refutable(goal(kWith), with, of_with).add_refutation(std::array<std::size_t, 1>{0});
  EXPECT_TRUE(Refutable(goal(kWithout), without, of_without).find_refutation().has_value());
  EXPECT_FALSE(Refutable(goal(kWithout), with, of_without).find_refutation().has_value());
  EXPECT_FALSE(Refutable(goal(kWithout), without).find_refutation().has_value());
}

TEST(NewestCapability, IsNotInNumeralsOfFewerBits) {
  const TermScope scope;
  const z3::expr byte = TermScope::context().bv_const("byte", 8);
  const auto is_number = [&](unsigned number) { return SymbolicBool(byte == TermScope::context().bv_val(number, 8)); };
  const NewestCapability of_with(kWith), of_without(kWithout);

  Refutable(is_number(42), {}, of_with).add_refutation({});
  EXPECT_TRUE(Refutable(is_number(42), {}, of_without).find_refutation().has_value());
  EXPECT_FALSE(Refutable(is_number(41), {}, of_without).find_refutation().has_value());
}

}  // namespace
}  // namespace capcheck
