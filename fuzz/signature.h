// SPDX-License-Identifier: GPL-2.0-only
// What tells one divergence from another: the call, what differs first, how its results pair, and the test of the model
// that decided it.
#ifndef CAPCHECK_FUZZ_SIGNATURE_H_
#define CAPCHECK_FUZZ_SIGNATURE_H_

#include <string>

#include "fuzz/differential.h"

namespace capcheck {

/// "PR_CAP_USERNS.result.EPERM-success.userns_raise_allowed", "setresuid.state.CapAmb", "start.CapBnd": the same for
/// programs that show the same. Letters, digits and "._-" alone, so that it names a file. The traces are those that
/// diverge.
std::string signature_of(const Divergence& divergence, const Program& program, const Trace& model, const Trace& kernel);

/// The same of the program last run.
std::string signature_of(const Divergence& divergence, const Program& program, const Differential& differential);

}  // namespace capcheck

#endif
