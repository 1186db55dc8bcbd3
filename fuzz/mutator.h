// SPDX-License-Identifier: GPL-2.0-only
// The structure-aware mutator: changes programs call by call, with values that rules treat apart.
#ifndef CAPCHECK_FUZZ_MUTATOR_H_
#define CAPCHECK_FUZZ_MUTATOR_H_

#include <cstddef>

#include "fuzz/values.h"
#include "model/profile.h"
#include "model/program.h"

namespace capcheck {

/// Changes a program in one to four places: calls added, removed, moved, copied or given to another task, arguments
/// replaced or nudged, or an idiom inserted (a namespace set up, a user become). Never more than `max_calls` calls (at
/// least 1), never empty.
void mutate(Program& program, std::size_t max_calls, const Profile& profile, Random& random);

/// A program made of pieces of two.
Program cross_over(const Program& a, const Program& b, std::size_t max_calls, Random& random);

}  // namespace capcheck

#endif
