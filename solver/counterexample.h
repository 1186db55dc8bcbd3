// SPDX-License-Identifier: GPL-2.0-only
// A counterexample as text, and as a file of the corpus.
#ifndef CAPCHECK_SOLVER_COUNTEREXAMPLE_H_
#define CAPCHECK_SOLVER_COUNTEREXAMPLE_H_

#include <string>
#include <string_view>

#include "model/faults.h"
#include "model/profile.h"
#include "model/trace_text.h"
#include "solver/prove.h"

namespace capcheck {

/// The counterexample of a refuted invariant as a trace: its intent names the invariant, and it expects what the
/// profile's rules ask for, planted fault or not. Throws std::bad_optional_access if there is none.
TraceText counterexample_trace(const Profile& profile, const FaultInfo* fault, const ProofResult& result);

/// Its name in the corpus: "PROFILE.INVARIANT.trace", with a planted fault "PROFILE.FAULT.INVARIANT.trace".
std::string counterexample_name(const Profile& profile, const FaultInfo* fault, const ProofResult& result);

/// A program as a trace has it, from its first call on, with what the rules do (with a fault in them or none).
std::string print_steps(const Profile& profile, Fault fault, const Program& program);

/// The same lines, each with a margin before it.
std::string indent(std::string_view text, std::string_view margin);

}  // namespace capcheck

#endif
