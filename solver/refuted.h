// SPDX-License-Identifier: GPL-2.0-only
// Questions that were answered `no` before. Kernels have most rules in common, so most questions about one of them were
// asked about another.
#ifndef CAPCHECK_SOLVER_REFUTED_H_
#define CAPCHECK_SOLVER_REFUTED_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "solver/symbolic.h"

namespace capcheck {

/// A goal, with facts that may speak against it, as texts. The goal's unknowns are written without their names, so that
/// two questions with the same texts have the same answer.
class Refutable {
 public:
  Refutable(const SymbolicBool& goal, std::span<const SymbolicBool> facts);

  /// If facts among these are known to refute the goal: their numbers. What one thread learnt, all know.
  std::optional<std::vector<std::size_t>> find_refutation() const;
  /// These facts refute the goal.
  void add_refutation(std::span<const std::size_t> facts) const;

 private:
  std::string text_of(const SymbolicBool& fact) const;

  std::span<const SymbolicBool> facts_;
  std::string goal_;
  std::unordered_map<unsigned, std::size_t> numbers_;  ///< of the goal's parts
};

}  // namespace capcheck

#endif
