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

#include "solver/newest_capability.h"
#include "solver/symbolic.h"

namespace capcheck {

/// A goal, with facts that may speak against it, as texts. The goal's unknowns are written without their names, and it
/// is left open whether there is the newest capability, so that two questions with the same texts have the same answer.
class Refutable {
 public:
  /// As they are.
  Refutable(const SymbolicBool& goal, std::span<const SymbolicBool> facts);
  /// As left_open() leaves them, where what is found or added is so with the capability and without it. `newest` is to
  /// outlive this.
  Refutable(const SymbolicBool& goal, std::span<const SymbolicBool> facts, const NewestCapability& newest);

  /// If facts among these are known to refute the goal: their numbers. What one thread learnt, all know.
  std::optional<std::vector<std::size_t>> find_refutation() const;
  /// These facts refute the goal.
  void add_refutation(std::span<const std::size_t> facts) const;

 private:
  Refutable(const SymbolicBool& goal, std::span<const SymbolicBool> facts, const NewestCapability* newest);

  std::string text_of(const SymbolicBool& fact) const;

  std::span<const SymbolicBool> facts_;
  const NewestCapability* newest_;  ///< if that is left open
  std::string goal_;
  std::unordered_map<unsigned, std::size_t> numbers_;  ///< of the goal's parts
};

}  // namespace capcheck

#endif
