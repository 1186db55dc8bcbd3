// SPDX-License-Identifier: GPL-2.0-only
// Which of the kernel's code a program ran, in a form that is the same from run to run and small enough to send with
// every trace: a set of counters that the kernel's edges are folded into. Read by both sides of the link.
#ifndef CAPCHECK_FUZZ_EXECUTOR_COVERAGE_H_
#define CAPCHECK_FUZZ_EXECUTOR_COVERAGE_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace capcheck {

/// Several times as many as there are edges in the files that are counted, so that few share one.
inline constexpr std::size_t kCoverageCounters = 8192;

/// A set of counters.
class Coverage {
 public:
  void add(std::size_t counter) { words_[counter / kBits] |= std::uint64_t{1} << counter % kBits; }
  bool has(std::size_t counter) const { return words_[counter / kBits] >> counter % kBits & 1; }
  void clear() { words_.fill(0); }
  std::size_t count() const {
    std::size_t sum = 0;
    for (const std::uint64_t word : words_) sum += static_cast<std::size_t>(std::popcount(word));
    return sum;
  }
  Coverage& operator|=(const Coverage& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
    return *this;
  }
  bool operator==(const Coverage&) const = default;

  /// Calls f(counter) for each, the lowest first.
  template <class F>
  void for_each(F f) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      for (std::uint64_t rest = words_[i]; rest != 0; rest &= rest - 1) {
        f(i * kBits + static_cast<std::size_t>(std::countr_zero(rest)));
      }
    }
  }

 private:
  static constexpr std::size_t kBits = 64;
  std::array<std::uint64_t, kCoverageCounters / kBits> words_{};
};

/// Adds the edges of a task's path: each place in the kernel's code with the one before it. The first has none.
void fold_path(std::span<const std::uint64_t> places, Coverage& coverage);

/// Appends the set in few bytes.
void pack_coverage(std::vector<std::uint8_t>& out, const Coverage& coverage);

/// The inverse. False if the bytes are no such set.
bool unpack_coverage(std::span<const std::uint8_t> bytes, Coverage& coverage);

}  // namespace capcheck

#endif
