// SPDX-License-Identifier: GPL-2.0-only
#include "solver/obligation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <z3.h>

#include <algorithm>

namespace capcheck {
namespace {

/// "6.12+userns", "6.12+userns.raise-gate-dropped".
std::string name_rules(const Profile& profile, Fault fault) {
  const auto planted = std::ranges::find(kFaults, fault, &FaultInfo::fault);
  return planted == kFaults.end() ? to_string(profile) : fmt::format("{}.{}", to_string(profile), planted->name);
}

/// The case has a way to break the statement.
SymbolicBool broken(const ObligationCase& here) {
  SymbolicBool any(false);
  for (const SymbolicBool& way : here.ways) any = any | way;
  return any;
}

std::string write_case(const ObligationCase& here) {
  z3::context& context = TermScope::context();
  const SymbolicBool goal = broken(here);
  std::vector<z3::expr> terms;
  std::vector<Z3_ast> assumed;
  if (!goal.is_false()) {
    for (const SymbolicBool& fact : here.assumed) terms.push_back(fact.term());
  }
  for (const z3::expr& term : terms) assumed.push_back(term);
  const z3::expr goal_term = goal.term();
  const char* const text =
      Z3_benchmark_to_smtlib_string(context, here.standing.c_str(), "QF_BV", "unsat", "",
                                    static_cast<unsigned>(assumed.size()), assumed.data(), goal_term);
  context.check_error();
  return fmt::format("{}{}", goal.is_false() ? "; No way to break it is left.\n" : "", text);
}

}  // namespace

std::string file_name_of(CallKind kind) {
  const CallInfo& call = info(kind);
  std::string name(call.form == Form::proc_file ? "proc/" : "");
  name += call.name.substr(call.name.find_first_not_of('/'));
  std::ranges::replace(name, '/', '-');
  return name;
}

Obligation write_obligation(const Profile& profile, Fault fault, const InvariantInfo& statement, CallKind kind,
                            std::span<const std::string_view> lemmas, std::span<const ObligationCase> cases) {
  const std::string rules = name_rules(profile, fault);
  const std::string text = fmt::format(
      "; {0} on {1}\n; {2}\n; For one call of {3} in any world. Assumed of the world before it: {4}.\n"
      "; Each (check-sat) asks whether it can be otherwise, where tasks stand to each other in one way: unsat, it "
      "cannot.\n"
      "; arg.N is the call's argument N; task0.N the word N of task 0, the caller; initial.N, own.N, named.N, any.N, "
      "new.N\n"
      "; those of the initial namespace, the caller's, the one that the call names, any, and one that is created.\n",
      statement.name, rules, statement.formula, info(kind).name,
      lemmas.empty() ? "nothing" : fmt::format("{}", fmt::join(lemmas, ", ")));
  return write_obligation(fmt::format("{}/{}.{}", rules, statement.name, file_name_of(kind)), text, cases);
}

Obligation write_obligation(std::string name, std::string_view heading, std::span<const ObligationCase> cases) {
  std::string text(heading);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    text += fmt::format("\n{}{}", i == 0 ? "" : "(reset)\n", write_case(cases[i]));
  }
  return {std::move(name), std::move(text), cases.size(),
          std::ranges::all_of(cases, [](const ObligationCase& here) { return broken(here).is_false(); })};
}

}  // namespace capcheck
