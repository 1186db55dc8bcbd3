// SPDX-License-Identifier: GPL-2.0-only
#include "solver/counterexample.h"

#include <fmt/format.h>

namespace capcheck {

TraceText counterexample_trace(const Profile& profile, const FaultInfo* fault, const ProofResult& result) {
  std::string intent = fmt::format("Breaks {}: {}\n{}\nFound by capcheck prove: {}", result.info->name,
                                   result.info->formula, result.info->words, result.detail);
  if (fault) {
    intent += fmt::format(
        "; in a model with {}\nExpected below is what the rules ask for; with the fault it is otherwise", fault->name);
  }
  const Program& program = result.counterexample.value();
  return expect_observed(profile, program, run_model(profile, program), intent + ".");
}

std::string counterexample_name(const Profile& profile, const FaultInfo* fault, const ProofResult& result) {
  return fmt::format("{}.{}{}.trace", to_string(profile), fault ? fmt::format("{}.", fault->name) : "",
                     result.info->name);
}

}  // namespace capcheck
