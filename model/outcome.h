// SPDX-License-Identifier: GPL-2.0-only
// What a rule gives: the verdict of its guards, and what the call returns and leaves if they all pass.
#ifndef CAPCHECK_MODEL_OUTCOME_H_
#define CAPCHECK_MODEL_OUTCOME_H_

#include "model/domain.h"
#include "model/guard.h"

namespace capcheck {

/// The outcome of a rule. `value` and `after` hold only where the verdict passed.
template <Domain D, class After>
struct Outcome {
  Verdict<D> verdict;
  typename D::Word value;  ///< what the call returns
  After after;

  /// What the system call returns: the value, or the negated errno.
  constexpr typename D::Word result() const {
    using Word = typename D::Word;
    return bookkeeping<D>([&] { return D::select(verdict.code() == Word(0), value, Word(0) - verdict.error()); });
  }
};

}  // namespace capcheck

#endif
