// SPDX-License-Identifier: GPL-2.0-only
// Which term of the model's rules a divergence is about.
#ifndef CAPCHECK_FUZZ_DIVERGENCE_EXPLANATION_H_
#define CAPCHECK_FUZZ_DIVERGENCE_EXPLANATION_H_

#include <string>
#include <vector>

#include "fuzz/differential.h"

namespace capcheck {

/// The model's formula for the first field that differs, with the value of both; of a result the tests of both sides;
/// of a broken invariant what the model does there. Lines; none where no call differs. The model's trace must be of the
/// profile's rules, from where the traces say that the program began; if not, a line says so.
std::vector<std::string> explain_term(const Divergence& divergence, const Profile& profile, const Program& program,
                                      const Trace& model, const Trace& kernel);

}  // namespace capcheck

#endif
