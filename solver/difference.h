// SPDX-License-Identifier: GPL-2.0-only
// Where two terms of one text differ: the parts that do, from the smallest on. What differs in form at one place is
// mostly seen to be equal a few operations further on, in a question that is much smaller than the whole.
#ifndef CAPCHECK_SOLVER_DIFFERENCE_H_
#define CAPCHECK_SOLVER_DIFFERENCE_H_

#include <cstddef>
#include <span>
#include <vector>

#include "solver/symbolic.h"

namespace capcheck {

/// That one is true and the other is not.
SymbolicBool differ(const SymbolicBool& a, const SymbolicBool& b);

/// Two words that may differ, and when that counts.
struct WordPair {
  SymbolicBool counts;
  SymbolicWord a, b;
};

/// The counterparts a and b in two terms. Where all those `within` are equal, so are they; of those that differ in
/// their own operation there are none.
struct PartPair {
  z3::expr a, b;
  std::vector<std::size_t> within{};  ///< places in the list of parts, all before this one's
  std::size_t height = 0;             ///< above those that differ in their own operation
  /// What holds wherever a difference of these makes one of the wholes: the condition of a choice whose other arm is
  /// elsewhere, the other sides of & and |, which are the same in both.
  std::vector<SymbolicBool> conditions{};

  SymbolicBool differ() const;
};

/// If a pair of words differs, and that counts, then so does a pair within it, whose conditions hold, and so on down to
/// one that differs in its own operation.
struct Differences {
  std::vector<PartPair> parts;      ///< by height
  std::vector<std::size_t> wholes;  ///< of each pair of words, its place among the parts
};

/// Of pairs of words whose terms are not the very same.
Differences differences(std::span<const WordPair> pairs);

}  // namespace capcheck

#endif
