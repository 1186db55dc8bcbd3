// SPDX-License-Identifier: GPL-2.0-only
#include "solver/difference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace capcheck {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

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

}  // namespace
}  // namespace capcheck
