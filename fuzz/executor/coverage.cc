// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/executor/coverage.h"

namespace capcheck {
namespace {

/// Spreads what differs in any bit over the high ones, of which a counter's number is made.
constexpr std::uint64_t mix(std::uint64_t value) {
  constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;
  value *= kGolden;
  return (value ^ value >> 29) * kGolden;
}

constexpr std::size_t counter_of(std::uint64_t from, std::uint64_t to) {
  constexpr unsigned kShift = 64 - std::bit_width(kCoverageCounters - 1);
  return static_cast<std::size_t>(mix(mix(from) + to) >> kShift);
}

static_assert(std::has_single_bit(kCoverageCounters));

}  // namespace

void fold_path(std::span<const std::uint64_t> places, Coverage& coverage) {
  std::uint64_t last = 0;
  for (const std::uint64_t place : places) {
    coverage.add(counter_of(last, place));
    last = place;
  }
}

// The distance of each counter from the one before, of seven bits a byte, the low ones first; the last byte of each has
// its high bit clear. Two bytes are enough.
void pack_coverage(std::vector<std::uint8_t>& out, const Coverage& coverage) {
  static_assert(kCoverageCounters <= 1u << 14);
  std::size_t next = 0;
  coverage.for_each([&](std::size_t counter) {
    const std::size_t distance = counter - next;
    if (distance >= 0x80) out.push_back(static_cast<std::uint8_t>(distance | 0x80));
    out.push_back(static_cast<std::uint8_t>(distance >= 0x80 ? distance >> 7 : distance));
    next = counter + 1;
  });
}

bool unpack_coverage(std::span<const std::uint8_t> bytes, Coverage& coverage) {
  coverage.clear();
  std::size_t next = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::size_t distance = bytes[i] & 0x7fu;
    if (bytes[i] & 0x80) {
      if (++i == bytes.size()) return false;
      distance |= std::size_t{bytes[i]} << 7;
    }
    next += distance;
    if (next >= kCoverageCounters) return false;
    coverage.add(next++);
  }
  return true;
}

}  // namespace capcheck
