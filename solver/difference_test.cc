// SPDX-License-Identifier: GPL-2.0-only
#include "solver/difference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace capcheck {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST(Differences, EndWhereOperationsDiffer) {
  const TermScope scope;
  const SymbolicWord x = SymbolicWord::unknown("x"), y = SymbolicWord::unknown("y"), z = SymbolicWord::unknown("z");
  const Differences found = differences(std::array{WordPair{true, (x & y) + z, x + z}});
  ASSERT_EQ(found.parts.size(), 2u);
  EXPECT_TRUE(z3::eq(found.parts[0].a, (x & y).term()));
  EXPECT_TRUE(z3::eq(found.parts[0].b, x.term()));
  EXPECT_THAT(found.parts[0].within, IsEmpty());
  EXPECT_THAT(found.parts[1].within, ElementsAre(0));
  EXPECT_THAT(found.wholes, ElementsAre(1));
}

TEST(Differences, WhatIsInTwoWordsIsOnePart) {
  const TermScope scope;
  const SymbolicWord x = SymbolicWord::unknown("x"), y = SymbolicWord::unknown("y"), z = SymbolicWord::unknown("z");
  const std::array pairs{WordPair{true, (x & y) + z, x + z}, WordPair{true, ((x & y) - z) + y, (x - z) + y}};
  const Differences found = differences(pairs);
  ASSERT_EQ(found.parts.size(), 4u);
  EXPECT_THAT(found.parts[1].within, ElementsAre(0));
  EXPECT_THAT(found.parts[2].within, ElementsAre(0));
  EXPECT_THAT(found.parts[3].height, 2u);
  EXPECT_EQ(found.wholes.back(), 3u);
}

/// Where one word is not the result, nothing comes of it; of two ways, what holds in both counts.
TEST(Differences, HaveTheConditionsOfEveryWay) {
  const TermScope scope;
  const SymbolicWord x = SymbolicWord::unknown("x"), y = SymbolicWord::unknown("y"), z = SymbolicWord::unknown("z");
  const SymbolicBool p = SymbolicBool::unknown("p"), q = SymbolicBool::unknown("q"), r = SymbolicBool::unknown("r");
  const auto conditions = [](const WordPair& pair) {
    std::vector<std::string> texts;
    const Differences found = differences(std::array{pair});
    for (const SymbolicBool& condition : found.parts.front().conditions) texts.push_back(condition.term().to_string());
    return texts;
  };
  const auto choose = [](const SymbolicBool& c, const SymbolicWord& a, const SymbolicWord& b) {
    return Symbolic::select(c, a, b);
  };
  EXPECT_THAT(conditions({q, choose(p & !r, x & y, z), choose(p & !r, x, z)}),
              UnorderedElementsAre("p", "q", "(not r)"));
  EXPECT_THAT(conditions({true, choose(p, z, x & y), choose(p, z, x)}), UnorderedElementsAre("(not p)"));
  EXPECT_THAT(conditions({true, choose(p & (x & y) < z, x, z), choose(p & x < z, x, z)}), UnorderedElementsAre("p"));
  EXPECT_THAT(conditions({true, choose(p | (x & y) < z, x, z), choose(p | x < z, x, z)}),
              UnorderedElementsAre("(not p)"));
  EXPECT_THAT(conditions({true, choose(p, choose(q, x & y, z), choose(r, x & y, z)),
                          choose(p, choose(q, x, z), choose(r, x, z))}),
              IsEmpty());
}

}  // namespace
}  // namespace capcheck
