// SPDX-License-Identifier: GPL-2.0-only
// What there is to say of an invariant before it is proved: its statement, what it is about, where it is claimed.
#ifndef CAPCHECK_SOLVER_EXPLAIN_H_
#define CAPCHECK_SOLVER_EXPLAIN_H_

#include <string>
#include <string_view>
#include <vector>

#include "model/profile.h"
#include "solver/statement.h"

namespace capcheck {

/// "every call, of its caller and of a child that it creates": the states or steps that a statement is about.
std::string_view describe_scope(const Statement& statement);

/// Every release as it is, with each feature alone (and what that needs), and with all.
std::vector<Profile> profiles_to_claim_for();

/// An invariant's statement in formula and words, its scope, the kernel function that it guards, the planted faults
/// that name it, and on which profiles it is claimed to hold, to be refuted, or not to apply.
std::string explain(const Statement& statement);

}  // namespace capcheck

#endif
