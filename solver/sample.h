// SPDX-License-Identifier: GPL-2.0-only
// Programs that meet a goal, found by trying many on the model over machine integers.
#ifndef CAPCHECK_SOLVER_SAMPLE_H_
#define CAPCHECK_SOLVER_SAMPLE_H_

#include <optional>

#include "model/faults.h"
#include "model/profile.h"
#include "model/program.h"
#include "solver/statement.h"

namespace capcheck {

/// A program whose last call meets the goal and from which no call can be left out, among a hundred thousand made by
/// the fuzzer's mutator; nothing if none of them does. The same arguments give the same program.
std::optional<Program> sample(const Profile& profile, Fault fault, const Goal& goal);

}  // namespace capcheck

#endif
