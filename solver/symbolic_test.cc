// SPDX-License-Identifier: GPL-2.0-only
// The two domains agree: a step built as Z3 terms, with numerals put in for its unknowns, is the step computed.
#include "solver/symbolic.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "model/call.h"
#include "model/faults.h"
#include "model/profile.h"
#include "model/trace_text.h"
#include "solver/prove.h"
#include "solver/transition.h"

namespace capcheck {
namespace {

TEST(Symbolic, TermsNeedAScope) {
  EXPECT_THROW(SymbolicWord::unknown("x"), std::logic_error);
  EXPECT_EQ((SymbolicWord(6) & SymbolicWord(3)).numeral(), 2u);
}

TEST(Symbolic, ScopesNest) {
  const TermScope outer;
  const z3::context* context = &TermScope::context();
  {
    const TermScope inner;
    EXPECT_NE(&TermScope::context(), context);
  }
  EXPECT_EQ(&TermScope::context(), context);
}

TEST(Symbolic, AssigningLetsGoOfTheTermThatWasThere) {
  const TermScope scope;
  const SymbolicWord x = SymbolicWord::unknown("x");
  SymbolicWord word = x;
  SymbolicBool condition = x < 5;
  constexpr unsigned kTimes = 1000;
  for (unsigned i = 0; i < kTimes; ++i) {
    word = x + (10 + i);
    condition = x < SymbolicWord(10 + i);
  }
  // Z3 gives the number of a term that is gone to the next.
  EXPECT_LT(word.term().id(), kTimes / 10);
  EXPECT_LT(condition.term().id(), kTimes / 10);
}

using Values = std::vector<std::pair<SymbolicWord, std::uint64_t>>;

/// The value of a term where its unknowns have these values. Throws z3::exception if it depends on others.
std::uint64_t value_of(const SymbolicWord& term, const Values& values) {
  z3::expr_vector from(TermScope::context()), to(TermScope::context());
  for (const auto& [unknown, value] : values) {
    from.push_back(unknown.term());
    to.push_back(SymbolicWord(value).term());
  }
  return term.term().substitute(from, to).simplify().get_numeral_uint64();
}

TEST(Symbolic, OperatorsAreUnsignedAndOf64Bits) {
  const TermScope scope;
  const SymbolicWord x = SymbolicWord::unknown("x");
  const std::uint64_t top = std::uint64_t{1} << 63;
  EXPECT_EQ(value_of(x >> 63u, {{x, top}}), 1u);
  EXPECT_EQ(value_of(as_word<Symbolic>(x < SymbolicWord(1)), {{x, top}}), 0u);
  EXPECT_EQ(value_of(Symbolic::bit(x), {{x, 63}}), top);
  for (const std::uint64_t position :
       {std::uint64_t{64}, std::uint64_t{65}, std::uint64_t{1} << 32, ~std::uint64_t{0}}) {
    EXPECT_EQ(value_of(Symbolic::bit(x), {{x, position}}), Concrete::bit(position)) << position;
  }
}

TEST(Symbolic, ATableKnowsNothingOfOtherIndices) {
  const TermScope scope;
  const SymbolicWord x = SymbolicWord::unknown("x");
  SymbolicTable<UserNamespace<Symbolic>> table;
  table[0].level = 7;
  table[1].level = 8;
  EXPECT_EQ(Symbolic::at(table, 1).level.numeral(), 8u);
  const SymbolicWord level = Symbolic::at(table, x).level;
  EXPECT_EQ(value_of(level, {{x, 0}}), 7u);
  EXPECT_EQ(value_of(level, {{x, 1}}), 8u);
  EXPECT_ANY_THROW(value_of(level, {{x, 2}}));
  EXPECT_THROW(std::as_const(table)[2], std::logic_error);
}

TEST(Symbolic, AStoreReachesEverySlotOfThatIndex) {
  const TermScope scope;
  const SymbolicWord x = SymbolicWord::unknown("x"), y = SymbolicWord::unknown("y");
  SymbolicTable<UserNamespace<Symbolic>> table;
  UserNamespace<Symbolic> value;
  value.level = 1;
  table.add(x, value);
  value.level = 2;
  table.add(y, value);
  // Where y = x, the first slot's value stands in both.
  EXPECT_EQ(value_of(Symbolic::at(table, y).level, {{x, 5}, {y, 5}}), 1u);
  EXPECT_EQ(value_of(Symbolic::at(table, y).level, {{x, 5}, {y, 6}}), 2u);

  value.level = 3;
  Symbolic::store(table, true, y, value);
  EXPECT_EQ(value_of(Symbolic::at(table, x).level, {{x, 5}, {y, 5}}), 3u);
  EXPECT_EQ(value_of(Symbolic::at(table, x).level, {{x, 5}, {y, 6}}), 1u);
}

TEST(Symbolic, AStoreKeepsWhatItDoesNotChange) {
  const TermScope scope;
  const SymbolicWord x = SymbolicWord::unknown("x"), y = SymbolicWord::unknown("y");
  SymbolicTable<UserNamespace<Symbolic>> table;
  UserNamespace<Symbolic> value = Symbolic::at(table, x);
  const UserNamespace<Symbolic> other = Symbolic::at(table, y);
  value.level = 3;
  Symbolic::store(table, true, x, value);
  // The table has no slot for x, so the level under any index may be another now, and nothing else.
  EXPECT_FALSE(identical(Symbolic::at(table, y).level, other.level));
  EXPECT_FALSE(identical(Symbolic::at(table, x).level, value.level));
  EXPECT_TRUE(identical(Symbolic::at(table, y).owner, other.owner));
  EXPECT_TRUE(identical(Symbolic::at(table, x).owner, value.owner));
}

TEST(Symbolic, AnIndexThatIsAChoiceIsReadCaseByCase) {
  const TermScope scope;
  const SymbolicBool first = SymbolicBool::unknown("first");
  const SymbolicWord number = SymbolicWord::unknown("number");
  SymbolicTable<UserNamespace<Symbolic>> table;
  for (std::uint64_t i = 0; i < 4; ++i) table[i].level = 10 + i;
  const SymbolicWord chosen = Symbolic::at(table, Symbolic::select(first, 1, 2)).level;
  EXPECT_EQ(value_of(Symbolic::select(first, chosen, 11), {}), 11u);
  EXPECT_EQ(value_of(Symbolic::select(first, 12, chosen), {}), 12u);
  for (const std::uint64_t i : {4, 5, 6, 7}) {
    EXPECT_EQ(value_of(Symbolic::at(table, number & 3).level, {{number, i}}), 10 + i % 4);
  }
}

TEST(Symbolic, WhatDoesNotHangOnAConditionComesOutWithoutIt) {
  const TermScope scope;
  const SymbolicBool c = SymbolicBool::unknown("c");
  const SymbolicWord x = SymbolicWord::unknown("x"), y = SymbolicWord::unknown("y");
  const SymbolicWord either = Symbolic::select(c, x & y, x);
  EXPECT_TRUE(subset<Symbolic>(either, Symbolic::select(c, x & y, x)).is_true());
  EXPECT_EQ((Symbolic::select(c, 1, 2) & 4).numeral(), 0u);
  EXPECT_TRUE(identical(Symbolic::select(c, x, y) == x, c | (y == x)) ||
              identical(Symbolic::select(c, x, y) == x, c | (!c & (y == x))));
  EXPECT_TRUE((c & !c).is_false());
  EXPECT_TRUE((c | !c).is_true());
  EXPECT_TRUE(((x & 7) == SymbolicWord(8)).is_false());
  EXPECT_TRUE(((x & 7) < SymbolicWord(8)).is_true());
}

/// Where x is 1 and 2, there is nothing; what is small in form stays as a whole.
TEST(Symbolic, PlainPartsFollowFromTheWhole) {
  const TermScope scope;
  const SymbolicBool guard = SymbolicBool::unknown("guard");
  const SymbolicWord x = SymbolicWord::unknown("x"), y = SymbolicWord::unknown("y");
  SymbolicBool hard = false;
  for (std::uint64_t i = 0; i < 40; ++i) hard = hard | ((x + y + i) < (x & SymbolicWord(i * 3)));
  const SymbolicWord given = Symbolic::select(hard & guard, x, y);
  // By guards that passed it is x: what they are made of is gone.
  const SymbolicBool same = hard & guard & !(given == x);
  EXPECT_TRUE(plain_parts_of(same).is_false());
  const SymbolicBool other = hard & guard & !(given == y);
  const SymbolicBool plain = plain_parts_of(other);
  EXPECT_FALSE(plain.is_false());
  EXPECT_FALSE(identical(plain, other));
  z3::solver solver(TermScope::context());
  solver.add(other.term() && !plain.term());
  EXPECT_EQ(solver.check(), z3::unsat);
  const SymbolicBool small = guard & (x == y);
  EXPECT_TRUE(identical(plain_parts_of(small), small));
}

TEST(Symbolic, ARepetitionThatIsCutShortLeavesTheUnknown) {
  const auto count_up_to = [](const SymbolicWord& end) {
    SymbolicWord count = 0;
    SymbolicBool goes_on = true;
    Symbolic::repeat([&] {
      goes_on = count < end;
      count = Symbolic::select(goes_on, count + 1, count);
      return goes_on;
    });
    return Symbolic::at_end(goes_on, count);
  };
  const TermScope scope(3);
  EXPECT_EQ(count_up_to(2).numeral(), 2u);
  EXPECT_FALSE(count_up_to(3).numeral());
  const SymbolicWord end = SymbolicWord::unknown("end");
  EXPECT_EQ(value_of(count_up_to(end), {{end, 2}}), 2u);
  EXPECT_ANY_THROW(value_of(count_up_to(end), {{end, 3}}));
}

}  // namespace
}  // namespace capcheck
