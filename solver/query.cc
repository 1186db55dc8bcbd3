// SPDX-License-Identifier: GPL-2.0-only
#include "solver/query.h"

#include <algorithm>
#include <stdexcept>

namespace capcheck {
namespace {

bool is_out_of_time(const std::string& reason) {
  return reason == "timeout" || reason == "canceled";
}

}  // namespace

Query::Query(std::chrono::milliseconds timeout) : solver_(TermScope::context(), "QF_BV"), timeout_(timeout) {
  solver_.set("ctrl_c", false);  // else Z3 takes SIGINT for an answer
  constexpr std::int64_t kLongest = std::int64_t{1} << 31;
  if (timeout_.count() > 0) solver_.set("timeout", static_cast<unsigned>(std::min(timeout_.count(), kLongest)));
}

void Query::set_goal(const SymbolicBool& goal) {
  const z3::expr term = goal.term();
  if (goal_ && z3::eq(*goal_, term)) return;
  drop_goal();
  solver_.push();
  solver_.add(term);
  goal_ = term;
}

void Query::drop_goal() {
  if (goal_) solver_.pop();
  goal_.reset();
}

void Query::require(const SymbolicBool& fact) {
  drop_goal();
  if (!fact.is_true()) solver_.add(fact.term());
}

SymbolicBool Query::name(const SymbolicBool& condition) {
  if (condition.is_true() || condition.is_false()) return condition;
  const SymbolicBool named = SymbolicBool::unknown("q" + std::to_string(names_++));
  require(!named | condition);
  return named;
}

Answer Query::ask(const SymbolicBool& goal, std::span<const SymbolicBool> assumptions) {
  model_.reset();
  core_.clear();
  z3::expr_vector named(TermScope::context());
  for (const SymbolicBool& assumption : assumptions) {
    if (assumption.is_false()) return {Answer::Kind::no, ""};
    if (!assumption.is_true()) named.push_back(assumption.term());
  }
  if (goal.is_false()) return {Answer::Kind::no, ""};
  if (timeout_.count() <= 0) return {Answer::Kind::timeout, "no time was given"};

  ++asked_;
  set_goal(goal);
  return conclude(solver_.check(named));
}

/// Keeps what an answer rests on.
Answer Query::conclude(z3::check_result result) {
  switch (result) {
    case z3::unsat:
      for (const z3::expr& used : solver_.unsat_core()) core_.push_back(used);
      return {Answer::Kind::no, ""};
    case z3::sat:
      model_ = solver_.get_model();
      return {Answer::Kind::yes, ""};
    case z3::unknown:
      break;
  }
  const std::string reason = solver_.reason_unknown();
  return {is_out_of_time(reason) ? Answer::Kind::timeout : Answer::Kind::unknown, reason};
}

std::uint64_t Query::value(const SymbolicWord& word) const {
  if (const auto numeral = word.numeral()) return *numeral;
  return model_.value().eval(word.term(), true).get_numeral_uint64();
}

bool Query::value(const SymbolicBool& condition) const {
  return model_.value().eval(condition.term(), true).is_true();
}

bool Query::used(const SymbolicBool& assumption) const {
  return std::ranges::any_of(core_, [&](const z3::expr& used) { return z3::eq(used, assumption.term()); });
}

}  // namespace capcheck
