// SPDX-License-Identifier: GPL-2.0-only
#include "solver/symmetry.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "solver/any_step.h"
#include "solver/query.h"
#include "solver/symbolic.h"

namespace capcheck {
namespace {

using Capabilities = std::vector<std::uint64_t>;

std::uint64_t set_of(const Capabilities& capabilities) {
  std::uint64_t set = 0;
  for (const std::uint64_t capability : capabilities) set |= Concrete::bit(capability);
  return set;
}

/// The word with two of its bits exchanged, a < b.
SymbolicWord exchange_bits(const SymbolicWord& word, unsigned a, unsigned b) {
  constexpr unsigned kHighest = 63;
  if (const auto numeral = word.numeral()) {
    const std::uint64_t differ = (*numeral >> a ^ *numeral >> b) & 1;
    return *numeral ^ (differ << a | differ << b);
  }
  const z3::expr term = word.term();
  z3::expr_vector parts(term.ctx());
  if (b < kHighest) parts.push_back(term.extract(kHighest, b + 1));
  parts.push_back(term.extract(a, a));
  if (b > a + 1) parts.push_back(term.extract(b - 1, a + 1));
  parts.push_back(term.extract(b, b));
  if (a > 0) parts.push_back(term.extract(a - 1, 0));
  return SymbolicWord(z3::concat(parts));
}

SymbolicWord exchange_numbers(const CapabilityArgument& argument, unsigned a, unsigned b) {
  const SymbolicWord &number = argument.number, &low = SymbolicWord(a), &high = SymbolicWord(b);
  return Symbolic::select(argument.holds & (number == low), high,
                          Symbolic::select(argument.holds & (number == high), low, number));
}

/// The unknowns of a step that are or name capabilities, and what they are to be instead.
struct Substitution {
  std::vector<SymbolicWord> from, to;

  void add(const SymbolicWord& unknown, const SymbolicWord& instead) {
    from.push_back(unknown);
    to.push_back(instead);
  }
  SymbolicWord operator()(const SymbolicWord& word) const { return substitute(word, from, to); }
};

/// Asks Z3 about one step.
class Prover {
 public:
  Prover(const Profile& profile, Fault fault, CallKind kind, std::chrono::milliseconds timeout)
      : profile_(profile), kind_(kind), timeout_(timeout), step_(profile, fault, kind) {
    for (const SymbolicWord& set : step_.sets) mark_speaking(set);
    for (const CapabilityArgument& argument : step_.capabilities) mark_speaking(argument.number);
  }

  const AnyStep& step() const { return step_; }
  std::size_t questions() const { return questions_; }

  /// Whether the conclusion holds wherever the premise does, whatever sums and orders of ids and other numbers come to
  /// that have nothing to do with capabilities: a more general question, and one without arithmetic. First asked for
  /// whatever comparisons of them come to as well, which settles most.
  bool follows(const SymbolicBool& premise, const SymbolicBool& conclusion) {
    const SymbolicBool goal = step_.is_proper & premise & !conclusion;
    return goal.is_false() || !is_possible(generalise(goal, LeftOut::comparisons)) ||
           !is_possible(generalise(goal, LeftOut::sums));
  }

  /// How a word that comes of the changed step has to stand to that which comes of the step as it is.
  using Relation = std::function<SymbolicBool(const SymbolicWord& changed, const SymbolicWord& word)>;

  /// Whether all these consequences of the step are the same after a substitution, where the premise holds: sets as the
  /// relation says, all else equal. Whatever two terms have of one form is compared part by part, each once, and Z3 is
  /// asked only about those that differ.
  bool come_out(const Substitution& substitution, const SymbolicBool& premise, const Relation& relation,
                std::span<const Consequence> consequences) {
    compared_.clear();
    return std::ranges::all_of(consequences, [&](const Consequence& each) {
      if (each.word.numeral() && !each.is_set) return true;
      const z3::expr term = each.word.term();
      return (!each.is_set && !speaks_of_capabilities(term)) ||
             corresponds({premise, relation}, substitution(each.word).term(), term, each.is_set);
    });
  }

 private:
  struct Manner {
    const SymbolicBool& premise;
    const Relation& relation;
  };

  bool corresponds(const Manner& manner, const z3::expr& changed, const z3::expr& term, bool is_set) {
    const std::tuple key(changed.id(), term.id(), is_set);
    if (const auto known = compared_.find(key); known != compared_.end()) return known->second;
    kept_.push_back(changed);
    const bool same = (!is_set && z3::eq(changed, term)) || parts_correspond(manner, changed, term, is_set) ||
                      follows(manner.premise, condition(manner, changed, term, is_set));
    compared_.emplace(key, same);
    return same;
  }

  static SymbolicBool condition(const Manner& manner, const z3::expr& changed, const z3::expr& term, bool is_set) {
    if (term.is_bool()) return SymbolicBool(changed == term);
    return is_set ? manner.relation(SymbolicWord(changed), SymbolicWord(term))
                  : SymbolicWord(changed) == SymbolicWord(term);
  }

  /// Of a choice, or what is made bit by bit: whether that of which it is made corresponds, as it does if it is a set.
  bool parts_correspond(const Manner& manner, const z3::expr& changed, const z3::expr& term, bool is_set) {
    if (!term.is_app() || term.num_args() == 0 || changed.num_args() != term.num_args() ||
        changed.decl().decl_kind() != term.decl().decl_kind()) {
      return false;
    }
    const auto all = [&](unsigned first, bool sets) {
      for (unsigned i = first; i < term.num_args(); ++i) {
        if (!corresponds(manner, changed.arg(i), term.arg(i), sets)) return false;
      }
      return true;
    };
    switch (term.decl().decl_kind()) {
      case Z3_OP_ITE:
        return corresponds(manner, changed.arg(0), term.arg(0), false) && all(1, is_set);
      case Z3_OP_AND:
      case Z3_OP_OR:
      case Z3_OP_NOT:
        return all(0, false);
      case Z3_OP_BAND:
      case Z3_OP_BOR:
      case Z3_OP_BXOR:
      case Z3_OP_BNOT:
        return is_set && all(0, true);
      default:
        return false;
    }
  }

  bool is_possible(const SymbolicBool& goal) {
    ++questions_;
    const Answer answer = ask_once(goal, timeout_);
    if (answer.kind == Answer::Kind::no) return false;
    if (answer.kind == Answer::Kind::yes) return true;
    throw std::runtime_error(fmt::format("Z3 gave no answer about {} on {}: {}; give it more time with --timeout",
                                         info(kind_).name, to_string(profile_), answer.reason));
  }

  void mark_speaking(const SymbolicWord& unknown) {
    kept_.push_back(unknown.term());
    speaks_.emplace(kept_.back().id(), true);
  }

  bool speaks_of_capabilities(const z3::expr& term) {
    if (const auto known = speaks_.find(term.id()); known != speaks_.end()) return known->second;
    bool speaks = false;
    for (unsigned i = 0; i < term.num_args(); ++i) speaks = speaks_of_capabilities(term.arg(i)) || speaks;
    kept_.push_back(term);
    speaks_.emplace(term.id(), speaks);
    return speaks;
  }

  /// What may come to anything in a question, as long as it has nothing of capabilities in it.
  enum class LeftOut : std::uint8_t {
    sums,         ///< sums, differences, and which of two words is less
    comparisons,  ///< those, and whether two unknown words are equal
  };

  bool is_left_out(LeftOut what, const z3::expr& term) {
    const auto unknown = [&](unsigned i) { return term.arg(i).is_bv() && !term.arg(i).is_numeral(); };
    switch (term.decl().decl_kind()) {
      case Z3_OP_BADD:
      case Z3_OP_BSUB:
      case Z3_OP_ULT:
        return !speaks_of_capabilities(term);
      case Z3_OP_EQ:
        return what == LeftOut::comparisons && unknown(0) && unknown(1) && !speaks_of_capabilities(term);
      default:
        return false;
    }
  }

  /// The condition with an unknown for each part that is left out.
  SymbolicBool generalise(const SymbolicBool& goal, LeftOut what) {
    if (goal.is_true()) return goal;
    const z3::expr condition = goal.term();
    z3::expr_vector parts(condition.ctx()), unknowns(condition.ctx());
    std::set<unsigned> seen;
    std::vector<z3::expr> open{condition};
    while (!open.empty()) {
      const z3::expr here = open.back();
      open.pop_back();
      if (!seen.insert(here.id()).second || here.is_const()) continue;
      if (is_left_out(what, here)) {
        parts.push_back(here);
        unknowns.push_back(z3::expr(here.ctx(), Z3_mk_fresh_const(here.ctx(), "number", here.get_sort())));
      } else {
        for (unsigned i = 0; i < here.num_args(); ++i) open.push_back(here.arg(i));
      }
    }
    z3::expr general = condition;
    return SymbolicBool(general.substitute(parts, unknowns));
  }

  const Profile profile_;
  CallKind kind_;
  std::chrono::milliseconds timeout_;
  AnyStep step_;
  std::size_t questions_ = 0;
  std::map<unsigned, bool> speaks_;  ///< of terms, by their number
  std::map<std::tuple<unsigned, unsigned, bool>, bool> compared_;
  std::vector<z3::expr> kept_;  ///< those terms: Z3 gives a number that is free again to another
};

/// What all is that comes of a step.
std::vector<Consequence> all_of(const AnyStep& step) {
  std::vector<Consequence> all = step.result;
  all.insert(all.end(), step.state.begin(), step.state.end());
  all.insert(all.end(), step.output.begin(), step.output.end());
  return all;
}

bool are_alike(Prover& prover, std::uint64_t one, std::uint64_t other) {
  const auto a = static_cast<unsigned>(std::min(one, other)), b = static_cast<unsigned>(std::max(one, other));
  const AnyStep& step = prover.step();
  Substitution exchanged;
  for (const SymbolicWord& set : step.sets) exchanged.add(set, exchange_bits(set, a, b));
  for (const CapabilityArgument& argument : step.capabilities)
    exchanged.add(argument.number, exchange_numbers(argument, a, b));
  const auto relation = [&](const SymbolicWord& changed, const SymbolicWord& word) {
    return changed == exchange_bits(word, a, b);
  };
  return prover.come_out(exchanged, true, relation, all_of(step));
}

/// Each capability is compared with one of each class there is, the largest first: as many questions as there are
/// capabilities, or few more.
std::vector<Capabilities> find_classes(const Profile& profile, Prover& prover) {
  std::vector<Capabilities> classes;
  for (std::uint64_t capability = 0; capability <= profile.last_cap(); ++capability) {
    std::ranges::sort(classes, std::ranges::greater{}, &Capabilities::size);
    const auto own = std::ranges::find_if(
        classes, [&](const Capabilities& each) { return are_alike(prover, each.front(), capability); });
    if (own == classes.end()) {
      classes.push_back({capability});
    } else {
      own->push_back(capability);
    }
  }
  std::ranges::sort(classes, [](const Capabilities& a, const Capabilities& b) {
    return std::pair(b.size(), a.front()) < std::pair(a.size(), b.front());
  });
  return classes;
}

/// The tests of a step that are of whole sets: the sets of what makes each fail (of A ⊆ B: A ∖ B), in the order in
/// which the step makes them.
class SetTests {
 public:
  SetTests(const AnyStep& step, std::span<const Consequence> consequences) {
    for (const SymbolicWord& set : step.sets) is_set_.emplace(set.term().id(), true);
    for (const Consequence& each : consequences) {
      if (!each.word.numeral()) look_at(each.word.term());
    }
  }

  /// By the numbers of their terms, which grow.
  std::vector<SymbolicWord> failures() const {
    std::vector<SymbolicWord> failures;
    for (const auto& [id, failure] : failures_) failures.push_back(failure);
    return failures;
  }

 private:
  void look_at(const z3::expr& top) {
    std::vector<z3::expr> open{top};
    while (!open.empty()) {
      const z3::expr here = open.back();
      open.pop_back();
      if (!seen_.insert(here.id()).second) continue;
      for (unsigned i = 0; i < here.num_args(); ++i) open.push_back(here.arg(i));
      if (here.is_eq() && here.arg(0).is_bv() && (is_set(here.arg(0)) || is_set(here.arg(1))))
        failures_.emplace(here.id(), SymbolicWord(here.arg(0)) ^ word_of(here.arg(1)));
    }
  }

  static SymbolicWord word_of(const z3::expr& term) {
    return term.is_numeral() ? SymbolicWord(term.get_numeral_uint64()) : SymbolicWord(term);
  }

  /// A set of the world or the call, or made of one bit by bit.
  bool is_set(const z3::expr& term) {
    if (const auto known = is_set_.find(term.id()); known != is_set_.end()) return known->second;
    bool is = false;
    switch (term.decl().decl_kind()) {
      case Z3_OP_ITE:
      case Z3_OP_BAND:
      case Z3_OP_BOR:
      case Z3_OP_BXOR:
      case Z3_OP_BNOT:
        for (unsigned i = 0; i < term.num_args(); ++i) is = is_set(term.arg(i)) || is;
        break;
      default:
        break;
    }
    is_set_.emplace(term.id(), is);
    return is;
  }

  std::map<unsigned, bool> is_set_;
  std::set<unsigned> seen_;
  std::map<unsigned, SymbolicWord> failures_;
};

/// The question of how much of a world has to stay in a cut to a set of capabilities about which nothing is known.
class Cutting {
 public:
  Cutting(const Profile& profile, Prover& prover)
      : profile_(profile),
        prover_(prover),
        all_(all_of(prover.step())),
        kept_(SymbolicWord::unknown("kept")),
        failures_(SetTests(prover.step(), all_).failures()) {
    for (const SymbolicWord& set : prover.step().sets) cut_.add(set, set & kept_);
  }

  /// The tests of which some capability that makes them fail may be left out.
  void set_asked(std::uint64_t asked) {
    asked_ = asked;
    tests_.clear();
    for (const SymbolicWord& failure : failures_) {
      if (!prover_.follows(has_asked(), (failure & ~kept_) == SymbolicWord(0))) tests_.push_back(failure);
    }
  }

  std::size_t most_witnesses() const { return tests_.size(); }

  bool commutes() { return commutes(tests_, true, all_); }

  /// How many tests are left if no further one can go without which the cut commutes, as far as these consequences go.
  std::size_t count_witnesses(const SymbolicBool& premise, std::span<const Consequence> consequences) {
    if (commutes({}, premise, consequences)) return 0;
    std::vector<SymbolicWord> needed = tests_;
    for (const SymbolicWord& test : tests_) {
      std::vector<SymbolicWord> fewer;
      std::ranges::copy_if(needed, std::back_inserter(fewer),
                           [&](const SymbolicWord& other) { return !identical(other, test); });
      if (commutes(fewer, premise, consequences)) needed = std::move(fewer);
    }
    return needed.size();
  }

 private:
  SymbolicBool has_asked() const {
    SymbolicBool has_all = (SymbolicWord(asked_) & ~kept_) == SymbolicWord(0);
    for (const CapabilityArgument& argument : prover_.step().capabilities) {
      const SymbolicBool exists = argument.holds & (argument.number < SymbolicWord(profile_.last_cap() + 1));
      has_all = has_all & implies<Symbolic>(exists, has<Symbolic>(kept_, argument.number));
    }
    return has_all;
  }

  /// Of each of these tests that fails, one capability in which it does is kept.
  SymbolicBool has_witnesses(std::span<const SymbolicWord> tests) const {
    SymbolicBool has_all(true);
    for (const SymbolicWord& failure : tests) {
      has_all = has_all & implies<Symbolic>(!(failure == SymbolicWord(0)), !((failure & kept_) == SymbolicWord(0)));
    }
    return has_all;
  }

  bool commutes(std::span<const SymbolicWord> witnessed, const SymbolicBool& premise,
                std::span<const Consequence> consequences) {
    const auto relation = [&](const SymbolicWord& changed, const SymbolicWord& word) {
      return ((changed ^ word) & kept_) == SymbolicWord(0);
    };
    return prover_.come_out(cut_, premise & has_asked() & has_witnesses(witnessed), relation, consequences);
  }

  const Profile profile_;
  Prover& prover_;
  std::vector<Consequence> all_;
  SymbolicWord kept_;
  std::vector<SymbolicWord> failures_, tests_;
  Substitution cut_;
  std::uint64_t asked_ = 0;
};

/// The values between which a code is a choice.
std::vector<SymbolicWord> outcomes(const SymbolicWord& code) {
  std::vector<SymbolicWord> values;
  for (const auto& each : code.cases()) values.push_back(each.word);
  return values;
}

/// Of the capabilities outside the largest class, those which a cut has to keep.
Capabilities find_asked(const std::vector<Capabilities>& classes, Cutting& cutting) {
  std::uint64_t asked = 0;
  for (const Capabilities& each : std::span(classes).subspan(1)) asked |= set_of(each);
  cutting.set_asked(asked);
  if (!cutting.commutes())
    throw std::runtime_error("no cut of the world commutes with a call, whatever it keeps: a rule counts capabilities");
  const std::size_t most_witnesses = cutting.most_witnesses();
  for (const Capabilities& each : std::span(classes).subspan(1)) {
    // Not if that makes a test for one of them a test like any other, which asks for a witness.
    cutting.set_asked(asked & ~set_of(each));
    if (cutting.most_witnesses() == most_witnesses && cutting.commutes()) asked &= ~set_of(each);
  }
  cutting.set_asked(asked);
  Capabilities found;
  for (std::uint64_t rest = asked; rest != 0; rest &= rest - 1)
    found.push_back(static_cast<std::uint64_t>(std::countr_zero(rest)));
  return found;
}

}  // namespace

Alike find_alike(const Profile& profile, Fault fault, CallKind kind, std::chrono::milliseconds timeout) {
  constexpr int kUnrolling = 2;
  const TermScope scope(kUnrolling);
  Prover prover(profile, fault, kind, timeout);
  const AnyStep& step = prover.step();
  Alike found{kind, find_classes(profile, prover), {}, 0, 0, 0, 0};
  Cutting cutting(profile, prover);
  found.asked = find_asked(found.classes, cutting);
  std::vector<Consequence> result_and_state = step.result;
  result_and_state.insert(result_and_state.end(), step.state.begin(), step.state.end());
  found.witnesses_of_success = cutting.count_witnesses(step.succeeds, result_and_state);
  found.witnesses_of_output = cutting.count_witnesses(step.succeeds, all_of(step));
  const SymbolicWord& code = step.result.front().word;
  for (const SymbolicWord& outcome : outcomes(code)) {
    found.witnesses_of_failure =
        std::max(found.witnesses_of_failure, cutting.count_witnesses(!step.succeeds & (code == outcome), all_of(step)));
  }
  found.questions = prover.questions();
  return found;
}

}  // namespace capcheck
