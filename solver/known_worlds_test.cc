// SPDX-License-Identifier: GPL-2.0-only
#include "solver/known_worlds.h"

#include <gtest/gtest.h>

#include <chrono>

#include "solver/query.h"

namespace capcheck {
namespace {

/// A world in which x is 7 and `sure` is true.
z3::model some_world(Query& query) {
  query.ask((SymbolicWord::unknown("x") == SymbolicWord(7)) & SymbolicBool::unknown("sure"));
  return query.model();
}

TEST(KnownWorlds, AreTheSameInAnotherScope) {
  {
    const TermScope scope;
    Query query(std::chrono::seconds(10));
    keep_world("whether x can be 7", some_world(query));
  }
  const TermScope scope;
  const std::vector<z3::model> worlds = known_worlds("whether x can be 7");
  ASSERT_EQ(worlds.size(), 1u);
  EXPECT_EQ(worlds.front().eval(SymbolicWord::unknown("x").term(), true).get_numeral_uint64(), 7u);
  EXPECT_TRUE(worlds.front().eval(SymbolicBool::unknown("sure").term(), true).is_true());
  EXPECT_TRUE(known_worlds("whether y can be 7").empty());
}

TEST(KnownWorlds, AreFewOfOneName) {
  const TermScope scope;
  Query query(std::chrono::seconds(10));
  const z3::model world = some_world(query);
  for (int i = 0; i < 100; ++i) keep_world("whether they are few", world);
  EXPECT_LE(known_worlds("whether they are few").size(), 8u);
}

}  // namespace
}  // namespace capcheck
