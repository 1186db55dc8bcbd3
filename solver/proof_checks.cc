// SPDX-License-Identifier: GPL-2.0-only
#include "solver/proof_checks.h"

#include <fmt/format.h>

#include <string>

#include "solver/counterexample.h"

namespace capcheck {
namespace {

CheckRule rule_of(const InvariantInfo& invariant) {
  return {std::string(invariant.name), std::string(invariant.words),
          fmt::format("{} {}{}{}", invariant.words, invariant.formula, invariant.function.empty() ? "" : "; guards ",
                      invariant.function),
          place_of(invariant.where)};
}

CheckStatus status_of(const ProofResult& result) {
  if (result.as_claimed()) return CheckStatus::passed;
  return is_answer(result.verdict) ? CheckStatus::failed : CheckStatus::error;
}

std::string message_of(const Profile& profile, Fault fault, const ProofResult& result) {
  std::string message = fmt::format("{}: {}", to_string(result.verdict), result.detail);
  if (result.counterexample) message += "\n" + print_steps(profile, fault, *result.counterexample);
  return message;
}

}  // namespace

Checks checks_of(const std::vector<ProfileProofs>& proofs, const FaultInfo* fault) {
  Checks checks{"prove"};
  for (const Statement& statement : all_statements()) checks.rules.push_back(rule_of(*statement.info));
  for (const ProfileProofs& proved : proofs) {
    std::string group = to_string(proved.profile);
    if (fault) group += fmt::format(" with {}", fault->name);
    for (const ProofResult& result : proved.results) {
      const std::string name(result.info->name);
      checks.checks.push_back({group, name, name, status_of(result),
                               message_of(proved.profile, fault ? fault->fault : Fault::none, result),
                               place_of(result.info->where), result.seconds});
    }
  }
  return checks;
}

}  // namespace capcheck
