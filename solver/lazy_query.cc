// SPDX-License-Identifier: GPL-2.0-only
#include "solver/lazy_query.h"

#include <algorithm>
#include <ctime>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace capcheck {
namespace {

/// A question with more facts than these is not answered.
constexpr std::size_t kMostFacts = 400, kFewFacts = 12;

/// Of the processor, by this thread: others that keep it busy change no answer.
std::chrono::nanoseconds time_used() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

struct Extent {
  std::size_t size = 0;            ///< how many different parts a term has
  std::vector<unsigned> unknowns;  ///< in order
};

Extent extent_of(const z3::expr& term) {
  std::set<unsigned> seen, unknowns;
  std::vector<z3::expr> open{term};
  while (!open.empty()) {
    const z3::expr here = open.back();
    open.pop_back();
    if (!seen.insert(here.id()).second) continue;
    if (here.is_const() && here.decl().decl_kind() == Z3_OP_UNINTERPRETED) unknowns.insert(here.id());
    for (unsigned i = 0; i < here.num_args(); ++i) open.push_back(here.arg(i));
  }
  return {seen.size(), {unknowns.begin(), unknowns.end()}};
}

/// What Z3 is asked: a goal, and facts as they are taken up. A solver that is given more and more finds out which of
/// them it used; where that takes it too long, one that is given all at once, and may work it over, is faster.
class GrowingQuestion {
 public:
  GrowingQuestion(const z3::expr& goal, std::chrono::milliseconds timeout)
      : goal_(goal),
        timeout_(static_cast<unsigned>(timeout.count())),
        solver_(TermScope::context(), z3::solver::simple()),
        facts_(TermScope::context()),
        names_(TermScope::context()) {
    solver_.set("ctrl_c", false);
    solver_.set("rlimit", timeout_ == 0 ? kBriefEffort : kEffort);
    solver_.add(goal);
  }

  void add(const z3::expr& fact) {
    z3::context& context = TermScope::context();
    const z3::expr name(context, Z3_mk_fresh_const(context, "fact", context.bool_sort()));
    solver_.add(z3::implies(name, fact));
    facts_.push_back(fact);
    names_.push_back(name);
  }

  z3::check_result check() {
    z3::check_result result = solver_.check(names_);
    if (result == z3::sat) model_ = solver_.get_model();
    if (result == z3::unsat) {
      core_.emplace();
      for (const z3::expr& name : solver_.unsat_core()) core_->insert(name.id());
    }
    if (result != z3::unknown || timeout_ == 0) return result;
    z3::solver whole(TermScope::context(), "QF_FD");
    whole.set("ctrl_c", false);
    whole.set("timeout", timeout_);
    whole.add(goal_);
    whole.add(facts_);
    core_.reset();
    result = whole.check();
    if (result == z3::sat) model_ = whole.get_model();
    if (result == z3::unknown) reason_ = whole.reason_unknown();
    return result;
  }

  const z3::model& model() const { return model_.value(); }
  const std::string& reason() const { return reason_; }
  /// After `unsat`: the numbers of the facts that were used, in order.
  std::vector<unsigned> used() const {
    std::set<unsigned> used;
    for (unsigned i = 0; i < facts_.size(); ++i) {
      const int place = static_cast<int>(i);
      if (!core_ || core_->contains(names_[place].id())) used.insert(facts_[place].id());
    }
    return {used.begin(), used.end()};
  }

 private:
  /// In Z3's own measure, which does not hang on the machine.
  static constexpr unsigned kEffort = 1'000'000, kBriefEffort = 100'000;

  const z3::expr goal_;
  const unsigned timeout_;
  z3::solver solver_;
  z3::expr_vector facts_, names_;
  std::optional<z3::model> model_;
  std::optional<std::set<unsigned>> core_;  ///< names
  std::string reason_;
};

}  // namespace

void LazyQuery::answer_within(std::chrono::milliseconds time) {
  end_ = time_used() + time;
}

const LazyQuery::Fact& LazyQuery::fact(const SymbolicBool& holds) {
  const z3::expr term = holds.term();
  if (const auto known = facts_.find(term.id()); known != facts_.end()) return known->second;
  Extent extent = extent_of(term);
  return facts_.emplace(term.id(), Fact{term, extent.size, std::move(extent.unknowns)}).first->second;
}

/// Each once, the smallest first.
std::vector<const LazyQuery::Fact*> LazyQuery::in_order(std::span<const SymbolicBool> facts) {
  std::vector<const Fact*> all;
  for (const SymbolicBool& each : facts) {
    if (!each.is_true()) all.push_back(&fact(each));
  }
  std::ranges::sort(all, {}, [](const Fact* one) { return std::pair(one->size, one->term.id()); });
  const auto repeated = std::ranges::unique(all);
  all.erase(repeated.begin(), repeated.end());
  return all;
}

bool LazyQuery::is_refuted(const Known& known, std::span<const Fact* const> facts) {
  const auto is_there = [&](unsigned number) {
    return std::ranges::any_of(facts, [&](const Fact* one) { return one->term.id() == number; });
  };
  return std::ranges::any_of(known.refutations,
                             [&](const Refutation& refutation) { return std::ranges::all_of(refutation, is_there); });
}

/// Whether a world that was found before meets the goal, and what facts say of the goal's own unknowns.
bool LazyQuery::is_shown(const z3::expr& goal, std::span<const unsigned> unknowns, std::span<const Fact* const> facts) {
  const auto found = std::ranges::find_if(models_, [&](const z3::model& model) {
    return model.eval(goal, true).is_true() && std::ranges::all_of(facts, [&](const Fact* one) {
             return !have_common(one->unknowns, {unknowns.begin(), unknowns.end()}) ||
                    model.eval(one->term, true).is_true();
           });
  });
  if (found == models_.end()) return false;
  std::rotate(models_.begin(), found, found + 1);
  return true;
}

Answer LazyQuery::ask(const SymbolicBool& goal, std::span<const SymbolicBool> facts) {
  if (goal.is_true() || goal.term().simplify().is_true()) return {Answer::Kind::yes, ""};
  return find(goal, facts, Effort::some);
}

Answer LazyQuery::ask_briefly(const SymbolicBool& goal, std::span<const SymbolicBool> facts) {
  if (goal.is_true()) return {Answer::Kind::yes, ""};
  return find(goal, facts, Effort::brief);
}

Answer LazyQuery::ask_of_all(const SymbolicBool& goal, std::span<const SymbolicBool> facts) {
  return find(goal, facts, Effort::all);
}

Answer LazyQuery::find(const SymbolicBool& goal, std::span<const SymbolicBool> facts, Effort effort) {
  const bool all = effort == Effort::all;
  if (goal.is_false() || std::ranges::any_of(facts, &SymbolicBool::is_false)) return {Answer::Kind::no, ""};
  if (timeout_.count() <= 0) return {Answer::Kind::timeout, "no time was given"};
  const z3::expr term = goal.term();
  Known& known = goals_.try_emplace(term.id(), Known{term}).first->second;
  std::vector<const Fact*> left = in_order(facts);
  if (is_refuted(known, left)) return {Answer::Kind::no, ""};

  const std::vector<unsigned> own = extent_of(term).unknowns;
  if (!all && is_shown(term, own, left)) return {Answer::Kind::yes, ""};
  std::set<unsigned> reached(own.begin(), own.end());
  GrowingQuestion question(term, effort == Effort::brief ? std::chrono::milliseconds(0) : timeout_);
  // What bounds the goal's own unknowns makes it easier to find a world, too.
  std::erase_if(left, [&](const Fact* one) {
    constexpr std::size_t kSmall = 16;
    const bool is_taken = one->size <= kSmall && std::ranges::includes(own, one->unknowns);
    if (is_taken) question.add(one->term);
    return is_taken;
  });
  for (std::size_t taken = 0; taken < (effort == Effort::brief ? kFewFacts : kMostFacts);) {
    if (time_used() > end_) return {Answer::Kind::timeout, "no time is left"};
    switch (question.check()) {
      case z3::unsat:
        known.refutations.push_back(question.used());
        return {Answer::Kind::no, ""};
      case z3::unknown:
        return {Answer::Kind::timeout, question.reason()};
      case z3::sat:
        break;
    }
    const auto is_reached = [&](unsigned unknown) { return reached.contains(unknown); };
    const auto is_broken = [&](const Fact* one) {
      return (all || std::ranges::any_of(one->unknowns, is_reached)) &&
             !question.model().eval(one->term, true).is_true();
    };
    const std::size_t at_once = all ? 8 : 2;
    std::size_t added = 0;
    for (auto broken = std::ranges::find_if(left, is_broken); broken != left.end() && added < at_once;
         broken = std::find_if(broken, left.end(), is_broken)) {
      question.add((*broken)->term);
      reached.insert((*broken)->unknowns.begin(), (*broken)->unknowns.end());
      broken = left.erase(broken);
      ++added;
    }
    if (added == 0) {
      constexpr std::size_t kKept = 16;
      if (models_.size() == kKept) models_.pop_back();
      models_.insert(models_.begin(), question.model());
      return {Answer::Kind::yes, ""};
    }
    taken += added;
  }
  return {Answer::Kind::unknown, "too many facts matter"};
}

}  // namespace capcheck
