// SPDX-License-Identifier: GPL-2.0-only
#include "solver/query.h"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <utility>

namespace capcheck {
namespace {

using Clock = std::chrono::steady_clock;

bool is_out_of_time(const std::string& reason) {
  return reason == "timeout" || reason == "canceled";
}

/// Else SIGINT is an answer.
void leave_interrupts(z3::solver& solver) {
  solver.set("ctrl_c", false);
}

/// No time is no limit to Z3.
void set_timeout(z3::solver& solver, std::chrono::milliseconds timeout) {
  constexpr std::int64_t kLongest = std::int64_t{1} << 31;
  if (timeout.count() > 0) solver.set("timeout", static_cast<unsigned>(std::min(timeout.count(), kLongest)));
}

Answer no_answer(const z3::solver& solver) {
  const std::string reason = solver.reason_unknown();
  return {is_out_of_time(reason) ? Answer::Kind::timeout : Answer::Kind::unknown, reason};
}

/// What a rough question may cost, in Z3's own measure, so that its answer does not hang on the machine.
constexpr unsigned kRoughEffort = 600'000;
/// After a rough question about a subject that came to nothing, only one of so many is asked until one does not.
constexpr std::size_t kRoughAgain = 16;
/// What a question may cost before another solver is asked.
constexpr unsigned kEffort = 600'000;
/// No limit, to Z3.
constexpr unsigned kAnyEffort = 0;

/// The parts of a term, itself among them, that are reached through those for which go_on() is true, and were not seen
/// before.
template <class GoOn>
void for_each_part(const z3::expr& top, std::set<unsigned>& seen, GoOn go_on) {
  std::vector<z3::expr> open{top};
  while (!open.empty()) {
    const z3::expr here = open.back();
    open.pop_back();
    if (!here.is_app() || !seen.insert(here.id()).second || !go_on(here)) continue;
    for (unsigned i = 0; i < here.num_args(); ++i) open.push_back(here.arg(i));
  }
}

/// A comparison of words that are not known to be small.
bool is_costly_comparison(const z3::expr& term) {
  constexpr std::uint64_t kSmall = 0xff;
  return term.is_bool() && term.num_args() == 2 && term.arg(0).is_bv() &&
         std::max(possible_bits(term.arg(0)), possible_bits(term.arg(1))) > kSmall;
}

bool is_arithmetic(const z3::expr& term) {
  const Z3_decl_kind kind = term.decl().decl_kind();
  return kind == Z3_OP_BADD || kind == Z3_OP_BSUB || kind == Z3_OP_BSHL;
}

/// A term with unknowns for the costly comparisons by which choices are made, wherever they stand, and for all
/// arithmetic.
z3::expr leave_out_costly(const z3::expr& term) {
  std::set<unsigned> parts, parts_of_conditions;
  z3::expr_vector left_out(term.ctx()), unknown(term.ctx());
  const auto replace = [&](const z3::expr& part) {
    left_out.push_back(part);
    unknown.push_back(z3::expr(term.ctx(), Z3_mk_fresh_const(term.ctx(), "left_out", part.get_sort())));
    return false;
  };
  for_each_part(term, parts, [&](const z3::expr& part) {
    if (is_arithmetic(part)) return replace(part);
    if (!part.is_ite()) return true;
    for_each_part(part.arg(0), parts_of_conditions,
                  [&](const z3::expr& inner) { return !is_costly_comparison(inner) || replace(inner); });
    return true;
  });
  z3::expr copy = term;
  return copy.substitute(left_out, unknown);
}

z3::solver make_solver(Solver solver) {
  z3::context& context = TermScope::context();
  return solver == Solver::of_words ? z3::solver(context, "QF_BV") : z3::solver(context, z3::solver::simple());
}

z3::expr_vector terms_of(std::span<const SymbolicBool> assumptions) {
  z3::expr_vector terms(TermScope::context());
  for (const SymbolicBool& assumption : assumptions) {
    if (!assumption.is_true()) terms.push_back(assumption.term());
  }
  return terms;
}

}  // namespace

Query::Query(std::chrono::milliseconds timeout, Solver solver)
    : solver_(make_solver(solver)), kind_(solver), timeout_(timeout) {
  leave_interrupts(solver_);
  set_timeout(solver_, timeout_);
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
  if (fact.is_true()) return;
  required_.push_back(fact.term());
  solver_.add(required_.back());
}

SymbolicBool Query::name(const SymbolicBool& condition) {
  if (condition.is_true() || condition.is_false()) return condition;
  const SymbolicBool name = SymbolicBool::unknown("q" + std::to_string(named_.size()));
  const z3::expr named = z3::implies(name.term(), condition.term());
  named_.emplace(name.term().id(), named);
  drop_goal();
  solver_.add(named);
  return name;
}

Answer Query::ask(const SymbolicBool& goal, std::span<const SymbolicBool> assumptions) {
  model_.reset();
  core_.clear();
  if (goal.is_false() || std::ranges::any_of(assumptions, &SymbolicBool::is_false)) return {Answer::Kind::no, ""};
  if (timeout_.count() <= 0) return {Answer::Kind::timeout, "no time was given"};

  ++asked_;
  set_goal(goal);
  const z3::expr_vector names = terms_of(assumptions);
  if (kind_ == Solver::each) solver_.set("rlimit", kEffort);
  const auto start = Clock::now();
  const z3::check_result result = solver_.check(names);
  if (result != z3::unknown || kind_ != Solver::each) return conclude(solver_, result);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(start + timeout_ - Clock::now());
  return left.count() > 0 ? ask_other(names, left) : no_answer(solver_);
}

Answer Query::ask_doubtfully(const SymbolicBool& goal, std::span<const SymbolicBool> assumptions, Subject& subject) {
  if (goal.is_true() || goal.is_false() || timeout_.count() <= 0) return ask(goal, assumptions);
  if (subject.rough_in_vain && ++subject.left_out % kRoughAgain != 0) return ask(goal, assumptions);
  subject.rough_in_vain = !refutes_roughly(goal.term(), terms_of(assumptions));
  if (subject.rough_in_vain) return ask(goal, assumptions);
  ++asked_;
  return {Answer::Kind::no, ""};
}

/// Most of what cannot be is so whatever is left out, and found out much faster without it.
bool Query::refutes_roughly(const z3::expr& goal, const z3::expr_vector& assumptions) {
  model_.reset();
  core_.clear();
  drop_goal();
  solver_.push();
  solver_.add(leave_out_costly(goal));
  solver_.set("rlimit", kRoughEffort);
  const bool refuted = solver_.check(assumptions) == z3::unsat;
  solver_.set("rlimit", kAnyEffort);
  if (refuted) keep_core(solver_);
  solver_.pop();
  return refuted;
}

/// How long Z3 takes is a matter of luck where it takes long: another solver mostly has better.
Answer Query::ask_other(const z3::expr_vector& assumptions, std::chrono::milliseconds timeout) {
  z3::solver other = make_solver(Solver::of_words);
  leave_interrupts(other);
  set_timeout(other, timeout);
  for (const z3::expr& fact : required_) other.add(fact);
  for (const z3::expr& assumption : assumptions) {
    if (const auto named = named_.find(assumption.id()); named != named_.end()) other.add(named->second);
  }
  other.add(goal_.value());
  return conclude(other, other.check(assumptions));
}

void Query::keep_core(const z3::solver& solver) {
  for (const z3::expr& used : solver.unsat_core()) core_.push_back(used);
}

/// Keeps what an answer rests on.
Answer Query::conclude(const z3::solver& solver, z3::check_result result) {
  switch (result) {
    case z3::unsat:
      keep_core(solver);
      return {Answer::Kind::no, ""};
    case z3::sat:
      model_ = solver.get_model();
      return {Answer::Kind::yes, ""};
    case z3::unknown:
      break;
  }
  return no_answer(solver);
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

Answer ask_once(const SymbolicBool& goal, std::chrono::milliseconds timeout) {
  if (goal.is_false()) return {Answer::Kind::no, ""};
  if (timeout.count() <= 0) return {Answer::Kind::timeout, "no time was given"};
  z3::solver solver(TermScope::context(), "QF_BV");
  leave_interrupts(solver);
  set_timeout(solver, timeout);
  solver.add(goal.term());
  switch (solver.check()) {
    case z3::unsat:
      return {Answer::Kind::no, ""};
    case z3::sat:
      return {Answer::Kind::yes, ""};
    case z3::unknown:
      break;
  }
  return no_answer(solver);
}

}  // namespace capcheck
