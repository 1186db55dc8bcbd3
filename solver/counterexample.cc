// SPDX-License-Identifier: GPL-2.0-only
#include "solver/counterexample.h"

#include <fmt/format.h>

#include <algorithm>

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

std::string print_steps(const Profile& profile, Fault fault, const Program& program) {
  const Trace trace = run_model(profile, fault, program);
  const std::string text = print_trace(expect_observed(profile, program, trace, ""));
  return text.substr(text.find("\n\n") + 2);
}

std::string indent(std::string_view text, std::string_view margin) {
  std::string indented;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    indented.append(margin).append(text.substr(0, end));
    text.remove_prefix(end);
  }
  return indented;
}

}  // namespace capcheck
