// SPDX-License-Identifier: GPL-2.0-only
// Verdicts as checks (corpus/checks.h): a rule for each invariant, a check for each on each profile.
#ifndef CAPCHECK_SOLVER_PROOF_CHECKS_H_
#define CAPCHECK_SOLVER_PROOF_CHECKS_H_

#include <vector>

#include "corpus/checks.h"
#include "model/faults.h"
#include "solver/prove.h"

namespace capcheck {

/// A verdict passes if it is what was claimed. `fault` is the one planted in the model; null if none is.
Checks checks_of(const std::vector<ProfileProofs>& proofs, const FaultInfo* fault);

}  // namespace capcheck

#endif
