// SPDX-License-Identifier: GPL-2.0-only
// Paths fold into the same counters wherever they are folded, different ones into different ones, and the set comes out
// of a frame as it went in.
#include "fuzz/executor/coverage.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fuzz/values.h"

namespace capcheck {
namespace {

Coverage folded(const std::vector<std::uint64_t>& places) {
  Coverage coverage;
  fold_path(places, coverage);
  return coverage;
}

std::vector<std::uint8_t> packed(const Coverage& coverage) {
  std::vector<std::uint8_t> bytes;
  pack_coverage(bytes, coverage);
  return bytes;
}

TEST(Coverage, CountsEdges) {
  EXPECT_EQ(folded({}).count(), 0u);
  EXPECT_EQ(folded({0x60000010, 0x60000020, 0x60000030}).count(), 3u);
  // Once more around the same loop is nothing new but for the way back.
  EXPECT_EQ(folded({0x60000010, 0x60000020, 0x60000010, 0x60000020}).count(), 3u);
  EXPECT_NE(folded({0x60000010, 0x60000020}), folded({0x60000020, 0x60000010}));
}

TEST(Coverage, AddsToWhatIsThere) {
  Coverage sum = folded({1, 2}), other = folded({3, 4});
  fold_path(std::vector<std::uint64_t>{3, 4}, sum);
  EXPECT_EQ(sum.count(), 4u);
  other |= folded({1, 2});
  EXPECT_EQ(sum, other);
}

/// Edges of places as near to each other as those of compiled code seldom share a counter.
TEST(Coverage, SpreadsEdgesOverTheCounters) {
  std::vector<std::uint64_t> places;
  for (std::uint64_t i = 0; i < kCoverageCounters / 8; ++i) places.push_back(0x60000000 + i * 7);
  EXPECT_GT(folded(places).count(), places.size() * 9 / 10);
}

TEST(Coverage, SurvivesPacking) {
  Random random(1);
  for (int i = 0; i < 300; ++i) {
    Coverage coverage, unpacked;
    for (std::size_t n = pick_below(random, i < 100 ? 4 : 2000); n > 0; --n) {
      coverage.add(pick_below(random, kCoverageCounters));
    }
    if (i % 10 == 0) coverage.add(kCoverageCounters - 1);
    if (i % 10 == 1) coverage.add(0);
    unpacked.add(7);
    ASSERT_TRUE(unpack_coverage(packed(coverage), unpacked));
    EXPECT_EQ(unpacked, coverage);
  }
}

TEST(Coverage, FullSetFitsAFrame) {
  Coverage all, unpacked;
  for (std::size_t i = 0; i < kCoverageCounters; ++i) all.add(i);
  EXPECT_EQ(packed(all).size(), kCoverageCounters);
  ASSERT_TRUE(unpack_coverage(packed(all), unpacked));
  EXPECT_EQ(unpacked.count(), kCoverageCounters);
}

TEST(Coverage, RefusesWhatIsNoSet) {
  Coverage coverage;
  EXPECT_FALSE(unpack_coverage(std::vector<std::uint8_t>{0x80}, coverage));
  EXPECT_FALSE(unpack_coverage(std::vector<std::uint8_t>{0xff, 0xff}, coverage));
  EXPECT_FALSE(unpack_coverage(std::vector<std::uint8_t>(kCoverageCounters + 1, 0), coverage));
}

}  // namespace
}  // namespace capcheck
