// SPDX-License-Identifier: GPL-2.0-only
#include "solver/refuted.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <vector>

namespace capcheck {
namespace {

using testing::ElementsAre;
using testing::Optional;

TEST(Refutable, IsKnownByItsFormNotByItsNames) {
  const TermScope scope;
  const SymbolicWord x = SymbolicWord::unknown("x"), y = SymbolicWord::unknown("y"), z = SymbolicWord::unknown("z");
  const std::array reasons{y == SymbolicWord(7), x < y};
  Refutable(y < x, reasons).add_refutation(std::array<std::size_t, 1>{1});

  const std::array more{z == SymbolicWord(8), SymbolicWord(9) < z, y < z};
  const std::array fewer{z == SymbolicWord(7)};
  EXPECT_THAT(Refutable(z < y, more).find_refutation(), Optional(ElementsAre(2)));
  EXPECT_FALSE(Refutable(z < y, fewer).find_refutation().has_value());
  EXPECT_FALSE(Refutable(z < z + y, more).find_refutation().has_value());
}

TEST(Refutable, TellsApartWhatOnlyFactsSpeakOf) {
  const TermScope scope;
  const SymbolicWord a = SymbolicWord::unknown("a"), b = SymbolicWord::unknown("b"), u = SymbolicWord::unknown("u"),
                     v = SymbolicWord::unknown("v");
  const std::array chain{a < u, u < b};
  Refutable(!(a < b), chain).add_refutation(std::array<std::size_t, 2>{0, 1});
  EXPECT_TRUE(Refutable(!(a < b), chain).find_refutation().has_value());
  const std::array broken{a < u, v < b};
  EXPECT_FALSE(Refutable(!(a < b), broken).find_refutation().has_value());
}

}  // namespace
}  // namespace capcheck
