// SPDX-License-Identifier: GPL-2.0-only
#include "solver/lazy_query.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>

namespace capcheck {
namespace {

using Kind = Answer::Kind;

class LazyQueryTest : public ::testing::Test {
 protected:
  TermScope scope_;
  SymbolicWord x_ = SymbolicWord::unknown("x"), y_ = SymbolicWord::unknown("y"), z_ = SymbolicWord::unknown("z");
  LazyQuery query_{std::chrono::seconds(20)};
};

TEST_F(LazyQueryTest, FactsRefuteByWayOfOthers) {
  const std::array facts{x_ < y_, y_ < z_, z_ < SymbolicWord(7)};
  EXPECT_EQ(query_.ask(x_ == SymbolicWord(6), facts).kind, Kind::no);
  EXPECT_EQ(query_.ask_briefly(x_ == SymbolicWord(6), facts).kind, Kind::no);
  EXPECT_EQ(query_.ask(x_ == SymbolicWord(4), facts).kind, Kind::yes);
}

/// What refuted a goal once does so where the same facts are known, and nowhere else.
TEST_F(LazyQueryTest, ARefutationIsOfItsFacts) {
  const SymbolicBool goal = x_ == SymbolicWord(6);
  const std::array facts{x_ < y_, y_ < SymbolicWord(7)};
  EXPECT_EQ(query_.ask(goal, facts).kind, Kind::no);
  EXPECT_EQ(query_.ask(goal, facts).kind, Kind::no);
  EXPECT_EQ(query_.ask(goal, std::span(facts).first(1)).kind, Kind::yes);
  EXPECT_EQ(query_.ask(goal, {}).kind, Kind::yes);
}

TEST_F(LazyQueryTest, AWorldMeetsAllFactsWhereThatIsAskedFor) {
  const std::array facts{!(y_ == SymbolicWord(0)), z_ == SymbolicWord(9)};
  ASSERT_EQ(query_.ask_of_all(x_ == SymbolicWord(4), facts).kind, Kind::yes);
  for (const SymbolicBool& fact : facts) EXPECT_TRUE(query_.model().eval(fact.term(), true).is_true());
  const std::array contradiction{z_ < y_, y_ < z_};
  EXPECT_EQ(query_.ask_of_all(x_ == SymbolicWord(4), contradiction).kind, Kind::no);
}

TEST_F(LazyQueryTest, WithoutTimeThereIsNoAnswer) {
  const std::array facts{x_ < y_};
  LazyQuery none(std::chrono::milliseconds(0));
  EXPECT_EQ(none.ask(x_ == y_, facts).kind, Kind::timeout);
  query_.answer_within(std::chrono::milliseconds(0));
  EXPECT_EQ(query_.ask(x_ == y_, facts).kind, Kind::timeout);
}

}  // namespace
}  // namespace capcheck
