// SPDX-License-Identifier: GPL-2.0-only
#include "solver/ask.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <deque>
#include <iterator>
#include <map>
#include <set>
#include <span>
#include <stdexcept>
#include <utility>

#include "model/constants.h"
#include "solver/dress.h"
#include "solver/induction.h"
#include "solver/prove.h"
#include "solver/query.h"
#include "solver/quest.h"
#include "solver/replay.h"
#include "solver/search.h"
#include "solver/symbolic.h"
#include "solver/transition.h"

namespace capcheck {
namespace {

template <class L>
using Capabilities = std::vector<typename L::Capability>;

template <class L>
typename L::Truth holds_of(const Profile& profile, const Predicate& predicate, const TaskState<typename L::D>& state,
                           const Capabilities<L>& capabilities) {
  return holds<L>(predicate, {profile, state, state, capabilities});
}

bool is_false(std::uint64_t lanes) {
  return lanes == 0;
}
bool is_false(const SymbolicBool& condition) {
  return condition.is_false();
}

/// What is asked for, of a transition.
PredicatePtr reached(const Question& question) {
  return has_primes(*question.reach) ? question.reach : primed(*question.reach);
}

/// Whether a question goes on with what comes out of a call.
bool is_followed(Whose whose) {
  return whose == Whose::caller || whose == Whose::child;
}

/// Whether a question allows a kind of call at all: one task alone creates none.
bool may_be_made(const Question& question, CallKind kind) {
  return kind != CallKind::clone || !question.one_task;
}

/// Whether it allows that call.
template <Domain D>
typename D::Bool is_allowed(const Question& question, const Call<D>& call) {
  return may_be_made(question, call.kind) ? matches(question.calls, call) : typename D::Bool(false);
}

/// Whether a call comes to what a question asks for, whoever makes it. `goal` is reached() of the question.
template <class L>
typename L::Truth comes_to(const Profile& profile, const Question& question, const Predicate& goal,
                           const Capabilities<L>& capabilities, const Transition<typename L::D>& made) {
  using Truth = typename L::Truth;
  Truth met = L::truth(false);
  for (const Successor<typename L::D>& successor : made.successors) {
    if (!is_followed(successor.whose)) continue;
    met = met | (L::truth(successor.exists) & holds<L>(goal, {profile, made.caller, successor.state, capabilities}));
  }
  return met & L::truth(is_allowed(question, made.call)) & L::truth(matches(question.by, made.call));
}

/// Which tasks of a trace are of the lineage that a question is about: they descend from a task that it starts from,
/// and since then only calls were made that it allows.
template <class L>
class Pursuit {
 public:
  using D = typename L::D;
  using Truth = typename L::Truth;

  /// Tasks start in this world and, if it is not the only one, in those that follow. `question` outlives this.
  Pursuit(const Profile& profile, const Question& question, Capabilities<L> capabilities, const World<D>& world,
          bool starts_later = true)
      : profile_(profile),
        question_(question),
        capabilities_(std::move(capabilities)),
        starts_later_(starts_later && !question.from_root) {
    in_.fill(L::truth(false));
    if (question_.from_root) {
      in_[0] = L::truth(true);
    } else {
      begin_in(world);
    }
  }

  const Truth& in(std::size_t task) const { return in_[task]; }
  bool anywhere() const {
    return std::ranges::any_of(in_, [](const Truth& in) { return !is_false(in); });
  }

  Truth is_met(const Transition<D>& made) const {
    const Truth& caller = in_[made.call.task];
    return is_false(caller) ? caller : Truth(caller & comes_to<L>(profile_, question_, *reached_, capabilities_, made));
  }

  void pass(const Transition<D>& made) {
    const Truth may = allowed(made), caller = in_[made.call.task];
    for (std::size_t number = 0; number < kMaxTasks; ++number) {
      using Word = typename D::Word;
      const typename D::Bool lives = !(made.after.tasks[number].alive == Word(0));
      if (detail::certainly_not(lives)) {
        in_[number] = L::truth(false);
        continue;
      }
      const Truth goes_on = L::truth(detail::succeeds_caller(made, number)),
                  is_born = L::truth(detail::is_born(made, number));
      const bool follows_births = made.call.kind == CallKind::clone;
      const Truth of_caller = follows_births ? Truth(goes_on | is_born) : goes_on;
      in_[number] =
          may & L::truth(lives) & ((of_caller & caller) | (L::negate(Truth(goes_on | is_born)) & in_[number]));
    }
    if (starts_later_) begin_in(made.after);
  }

 private:
  Truth allowed(const Transition<D>& made) const {
    const Truth of_question = L::truth(is_allowed(question_, made.call));
    return question_.one_task ? Truth(of_question & in_[made.call.task]) : of_question;
  }

  /// Tasks to start from, in this world.
  void begin_in(const World<D>& world) {
    using Word = typename D::Word;
    for (std::size_t number = 0; number < kMaxTasks; ++number) {
      const typename D::Bool alive = !(world.tasks[number].alive == Word(0));
      if (detail::certainly_not(alive)) continue;
      const Truth begins = question_.from
                               ? holds_of<L>(profile_, *question_.from, observe(world, number), capabilities_)
                               : L::truth(true);
      in_[number] = in_[number] | (L::truth(alive) & begins);
    }
  }

  const Profile& profile_;
  const Question& question_;
  PredicatePtr reached_ = reached(question_);
  Capabilities<L> capabilities_;
  bool starts_later_;
  std::array<Truth, kMaxTasks> in_;
};

// Over machine integers: the last variable is looked at for all capabilities at once, the others one after the other.

/// Calls f(capabilities of all variables) until it returns true.
template <class F>
bool any_valuation(const Profile& profile, std::size_t variables, Capabilities<Lanes>& chosen, F f) {
  if (variables == chosen.size()) return f(chosen);
  if (chosen.size() + 1 == variables) {
    chosen.push_back({true, 0});
    const bool found = f(chosen);
    chosen.pop_back();
    return found;
  }
  for (std::uint64_t number = 0; number <= profile.last_cap(); ++number) {
    chosen.push_back(Lanes::number(number));
    const bool found = any_valuation(profile, variables, chosen, f);
    chosen.pop_back();
    if (found) return true;
  }
  return false;
}

/// The lanes that stand for a capability, or for the truth of what has no variable.
std::uint64_t lanes_of(const Profile& profile, const Question& question) {
  return question.variables.empty() ? 1 : profile.full_set();
}

/// Follows a program for some capabilities; f(how many calls were made, the lanes for which the last one got there,
/// the pursuit) until it returns true.
template <class F>
bool follow(const Profile& profile, const Question& question, const Capabilities<Lanes>& chosen, const Program& program,
            F f) {
  World<Concrete> world = initial_world(profile);
  Pursuit<Lanes> pursuit(profile, question, chosen, world);
  for (std::size_t made = 0; made < program.calls.size(); ++made) {
    const Call<Concrete>& call = program.calls[made];
    if (!world.tasks[call.task].alive || world.namespace_count + 1 >= kMaxNamespaces) return false;
    const Transition<Concrete> transition = take(profile, Fault::none, world, call);
    if (f(made + 1, pursuit.is_met(transition) & lanes_of(profile, question))) return true;
    pursuit.pass(transition);
    world = transition.after;
  }
  return false;
}

/// How many calls of a program that answers make the last task to start from.
std::size_t latest_start(const Profile& profile, const Question& question, const Capabilities<Lanes>& chosen,
                         const Program& program) {
  std::vector<World<Concrete>> worlds{initial_world(profile)};
  std::vector<Transition<Concrete>> made;
  made.reserve(program.calls.size());
  for (const Call<Concrete>& call : program.calls) {
    made.push_back(take(profile, Fault::none, worlds.back(), call));
    worlds.push_back(made.back().after);
  }
  for (std::size_t start = question.from_root ? 0 : program.calls.size() - 1; start > 0; --start) {
    Pursuit<Lanes> pursuit(profile, question, chosen, worlds[start], false);
    for (std::size_t i = start; i + 1 < made.size(); ++i) pursuit.pass(made[i]);
    if (pursuit.is_met(made.back()) != 0) return start;
  }
  return 0;
}

Program without_dead_callers(const Profile& profile, const Program& program) {
  World<Concrete> world = initial_world(profile);
  Program made;
  for (const Call<Concrete>& call : program.calls) {
    if (!world.tasks[call.task].alive) continue;
    if (world.namespace_count + 1 >= kMaxNamespaces) break;
    step(profile, world, call);
    made.calls.push_back(call);
  }
  return made;
}

std::optional<Program> beginning_that_answers(const Profile& profile, const Question& question,
                                              const Program& program) {
  Program made = without_dead_callers(profile, program);
  std::size_t shortest = made.calls.size() + 1;
  Capabilities<Lanes> chosen;
  any_valuation(profile, question.variables.size(), chosen, [&](const auto& capabilities) {
    follow(profile, question, capabilities, made, [&](std::size_t calls, std::uint64_t met) {
      if (met != 0) shortest = std::min(shortest, calls);
      return met != 0;
    });
    return false;
  });
  if (shortest > made.calls.size()) return std::nullopt;
  made.calls.resize(shortest);
  return made;
}

/// The most of these sets of lanes that have one lane in common.
std::size_t most_in_common(const Profile& profile, const std::vector<std::uint64_t>& sets) {
  std::size_t most = 0;
  for (std::uint64_t lane = 0; lane <= profile.last_cap(); ++lane) {
    const auto has_lane = [&](std::uint64_t set) { return (set >> lane & 1) != 0; };
    most = std::max(most, static_cast<std::size_t>(std::ranges::count_if(sets, has_lane)));
  }
  return most;
}

/// How many parts of a state to start from, and then of what is to be reached, a program brings together in one task.
std::size_t nearness(const Profile& profile, const Question& question, const std::vector<PredicatePtr>& from,
                     const std::vector<PredicatePtr>& reach, const Program& program) {
  const Program made = without_dead_callers(profile, program);
  Capabilities<Lanes> chosen(question.variables.size(), Lanes::number(CAP_CHOWN));
  if (!chosen.empty()) chosen.back() = {true, 0};
  std::size_t nearest = 0;
  World<Concrete> world = initial_world(profile);
  Pursuit<Lanes> pursuit(profile, question, chosen, world);
  const auto parts_of = [&](const std::vector<PredicatePtr>& parts, const TaskState<Concrete>& before,
                            const TaskState<Concrete>& after) {
    std::vector<std::uint64_t> sets;
    for (const PredicatePtr& part : parts) sets.push_back(holds<Lanes>(*part, {profile, before, after, chosen}));
    return sets;
  };
  for (const Call<Concrete>& call : made.calls) {
    const Transition<Concrete> transition = take(profile, Fault::none, world, call);
    const std::uint64_t in = pursuit.in(call.task);
    for (const Successor<Concrete>& successor : transition.successors) {
      if (!is_followed(successor.whose)) continue;
      nearest = std::max(nearest, most_in_common(profile, parts_of(from, successor.state, successor.state)));
      if (in == 0) continue;
      auto sets = parts_of(reach, transition.caller, successor.state);
      for (std::uint64_t& set : sets) set &= in;
      nearest = std::max(nearest, from.size() + most_in_common(profile, sets));
    }
    pursuit.pass(transition);
    world = transition.after;
  }
  // Of programs that come as near, one is better whose lineage has not ended: it can be gone on with.
  return 2 * nearest + (pursuit.anywhere() ? 1 : 0);
}

// Over terms.

/// A capability, as its bit: one of those up to CAP_LAST_CAP.
SymbolicBool is_capability(const Profile& profile, const SymbolicWord& bit) {
  return ((bit & (bit - SymbolicWord(1))) == SymbolicWord(0)) & !(bit == SymbolicWord(0)) &
         ((bit & ~SymbolicWord(profile.full_set())) == SymbolicWord(0));
}

Capabilities<Terms> unknown_capabilities(const Question& question) {
  Capabilities<Terms> capabilities;
  for (const std::string& name : question.variables) {
    capabilities.push_back(SymbolicWord::unknown(fmt::format("capability.{}", name)));
  }
  return capabilities;
}

SymbolicBool are_capabilities(const Profile& profile, const Capabilities<Terms>& capabilities) {
  SymbolicBool all = true;
  for (const SymbolicWord& bit : capabilities) all = all & is_capability(profile, bit);
  return all;
}

/// The kinds that a list names.
std::vector<CallKind> kinds_of(const CallFilter& filter) {
  std::vector<CallKind> kinds;
  for (const CallPattern& pattern : filter.patterns) {
    if (!filter.all_but) kinds.push_back(pattern.kind);
  }
  return kinds;
}

Quest quest_for(const Profile& profile, const Question& question) {
  const auto watch = [&profile, &question](const World<Symbolic>& initial) {
    const Capabilities<Terms> capabilities = unknown_capabilities(question);
    const auto pursuit = std::make_shared<Pursuit<Terms>>(profile, question, capabilities, initial);
    return Watch{are_capabilities(profile, capabilities),
                 [pursuit](const Transition<Symbolic>& made) { return pursuit->is_met(made); },
                 [pursuit](const Transition<Symbolic>& made) { pursuit->pass(made); }};
  };
  const auto replays = [&profile, &question](const Program& program) {
    std::vector<std::uint64_t> variables;
    std::size_t start = 0;
    return answers_yes(profile, question, program, variables, start);
  };
  const auto beginning = [&profile, &question](const Program& program) {
    return beginning_that_answers(profile, question, program);
  };
  const auto near = [&profile, &question, from = question.from ? conjuncts(question.from) : std::vector<PredicatePtr>{},
                     reach = conjuncts(reached(question))](const Program& program) {
    return nearness(profile, question, from, reach, program);
  };
  return {"the question", watch, replays, beginning, near, {}, kinds_of(question.calls)};
}

// The invariant: of many candidates, those that every task of the lineage has when it starts, and that every call
// keeps.

PredicatePtr make_predicate(auto form) {
  return std::make_shared<const Predicate>(Predicate{std::move(form)});
}
SetFormulaPtr set_field(FieldIndex index) {
  return std::make_shared<const SetFormula>(SetFormula{Field{index}});
}

/// What a question speaks of.
struct Vocabulary {
  std::set<std::uint64_t> capabilities{CAP_SETPCAP};
  std::set<FieldIndex> numbers{};
  bool securebits = false, relations = false;

  void add(const NumberFormula& number) {
    if (const auto* field = std::get_if<Field>(&number)) numbers.insert(field->index);
  }

  void add(const PredicatePtr& predicate) {
    if (!predicate) return;
    std::visit(detail::Overloaded{
                   [&](const Member& m) {
                     if (const auto* number = std::get_if<std::uint64_t>(&m.capability)) capabilities.insert(*number);
                   },
                   [&](const Subset&) { relations = true; },
                   [&](const SameSet&) { relations = true; },
                   [&](const Compare& c) { add(c.a), add(c.b); },
                   [&](const SecurebitSet&) { securebits = true; },
                   [&](const Not& n) { add(n.of); },
                   [&](const And& a) { add(a.a), add(a.b); },
                   [&](const Or& o) { add(o.a), add(o.b); },
                   [&](const Quantified& q) { add(q.of), relations = true; },
               },
               predicate->form);
  }
};

/// The conditions that may be part of an invariant: those of the question, and about what it speaks of, all that are
/// simple.
std::vector<PredicatePtr> candidates_for(const Question& question) {
  std::vector<PredicatePtr> candidates;
  const auto add = [&](const PredicatePtr& predicate) {
    const std::string text = to_string(*predicate);
    const auto same = [&](const PredicatePtr& known) { return to_string(*known) == text; };
    if (std::ranges::none_of(candidates, same)) candidates.push_back(predicate);
  };
  const auto add_with_negation = [&](const PredicatePtr& predicate) { add(negation(predicate)), add(predicate); };
  Vocabulary words;
  words.add(question.from);
  words.add(question.reach);
  if (question.from) std::ranges::for_each(conjuncts(question.from), add);
  if (!has_primes(*question.reach)) {
    add(negation(question.reach));
    for (const PredicatePtr& part : conjuncts(question.reach)) add(negation(part));
    std::ranges::for_each(conjuncts(negation(question.reach)), add);
  }
  std::vector<CapabilityFormula> capabilities(words.capabilities.begin(), words.capabilities.end());
  for (std::size_t i = 0; i < question.variables.size(); ++i) {
    capabilities.emplace_back(CapabilityVariable{i, question.variables[i]});
  }
  for (FieldIndex set = 0; set < kSetFields; ++set) {
    for (const auto& capability : capabilities) add_with_negation(make_predicate(Member{capability, set_field(set)}));
    for (FieldIndex other = 0; words.relations && other < kSetFields; ++other) {
      if (other != set) add(make_predicate(Subset{set_field(set), set_field(other)}));
    }
  }
  for (const Constant& constant : constants(Role::securebits, false)) {
    if (!words.securebits) break;
    add_with_negation(make_predicate(SecurebitSet{std::string(constant.name), constant.value, false}));
  }
  words.numbers.insert(kLevelField);
  for (const FieldIndex field : words.numbers) {
    add_with_negation(make_predicate(Compare{Compare::Relation::equal, Field{field}, std::uint64_t{0}}));
  }
  return candidates;
}

/// The candidates that every call keeps, of all that hold when a task of the lineage starts.
class Houdini {
 public:
  Houdini(const Profile& profile, const Question& question, Induction& induction, std::span<const Lemma> lemmas,
          std::chrono::milliseconds timeout)
      : profile_(profile), question_(question), capabilities_(unknown_capabilities(question)), timeout_(timeout) {
    for (const CallInfo& call : kCalls) {
      for (auto& arbitrary : induction.calls_of(call.kind, lemmas)) cases_.emplace_back(std::move(arbitrary));
    }
    candidates_ = candidates_for(question);
    stands_.assign(candidates_.size(), true);
  }

  /// Whether it is proved that no task is as those are to be that the question starts from.
  bool has_no_start(Answer& answer) const {
    if (question_.from_root || !question_.from) return false;
    return std::ranges::all_of(callers(), [&](const Case* here) {
      answer = start_query(here->arbitrary, nullptr).ask(begins(*here));
      return answer.kind == Answer::Kind::no;
    });
  }

  /// Of a task to start from in the initial namespace, credentials as plain as can be: those of root, or of a user.
  /// Nothing if there is none, or Z3 does not say.
  std::optional<Credentials<Concrete>> plainest_start() const {
    if (question_.from_root || !question_.from) return std::nullopt;
    const Case& here = *callers().front();
    TaskState<Symbolic> start = here.arbitrary.transition->caller;
    Query query = start_query(here.arbitrary, nullptr);
    query.require(begins(here) & (start.level == SymbolicWord(0)) & (start.user_ns == SymbolicWord(0)));
    if (query.ask(true).kind != Answer::Kind::yes) return std::nullopt;
    for (const SymbolicBool& wish : wishes(start.cred)) {
      if (query.ask(wish).kind == Answer::Kind::yes) query.require(wish);
    }
    if (query.ask(true).kind != Answer::Kind::yes) return std::nullopt;
    Credentials<Concrete> found{};
    const auto from = words_of(start.cred);
    const auto to = words_of(found);
    for (std::size_t i = 0; i < to.size(); ++i) *to[i] = query.value(*from[i]);
    return found;
  }

  /// Whether what stands rules out what the question asks for. `answer` says why not, if Z3 gave no answer.
  bool succeeds(Answer& answer) {
    if (!drop_what_does_not_start(answer) || !leaves_others_alone(answer)) return false;
    if (!drop_what_is_not_kept(answer)) return false;
    return rules_out(answer);
  }

  /// After succeeds(): of what stands, the part that the proof needs, in the order of the candidates. All of it if Z3
  /// does not tell again.
  std::vector<PredicatePtr> needed() {
    std::set<std::size_t> all, open = used_by_goal_;
    while (!open.empty()) {
      const std::size_t here = *open.begin();
      open.erase(open.begin());
      if (!all.insert(here).second) continue;
      for (Case& each : cases_) {
        const auto used = kept_because_of(each, here);
        if (!used) return standing();
        open.insert(used->begin(), used->end());
      }
    }
    std::vector<PredicatePtr> predicates;
    for (const std::size_t number : all) predicates.push_back(candidates_[number]);
    return predicates;
  }

 private:
  struct Case {
    explicit Case(Induction::ArbitraryCall arbitrary_call) : arbitrary(std::move(arbitrary_call)) {}
    Induction::ArbitraryCall arbitrary;
    std::vector<std::vector<SymbolicBool>> broken{};  ///< of each candidate: ways in which the call breaks it
    std::optional<Query> full_query{};                ///< that found a way, last
    std::set<std::size_t> used{};                     ///< by the proof that the call keeps all that stands
    bool is_settled = false;
  };

  SymbolicBool of_state(std::size_t candidate, const TaskState<Symbolic>& state) const {
    return holds_of<Terms>(profile_, *candidates_[candidate], state, capabilities_);
  }

  /// With what lemmas say: all of it, or what they say of some unknowns.
  Query start_query(const Induction::ArbitraryCall& arbitrary, const Unknowns* unknowns) const {
    Query query(timeout_, Solver::simple);
    query.require(are_capabilities(profile_, capabilities_));
    for (const auto& fact : arbitrary.facts) {
      if (!unknowns || have_common(*unknowns, fact.unknowns)) query.require(fact.holds);
    }
    return query;
  }

  /// The states of callers are those of any task: one that leads its group, and one that does not.
  std::vector<const Case*> callers() const {
    std::vector<const Case*> found;
    for (const Case& here : cases_) {
      if (here.arbitrary.transition->call.kind == kCalls.front().kind) found.push_back(&here);
    }
    return found;
  }

  /// Whether the question starts from the caller.
  SymbolicBool begins(const Case& here) const {
    return holds_of<Terms>(profile_, *question_.from, here.arbitrary.transition->caller, capabilities_);
  }

  /// What makes credentials plain, the more important first. Not all of it can be.
  std::vector<SymbolicBool> wishes(const Credentials<Symbolic>& cred) const {
    const SymbolicWord full(profile_.full_set()), none(0), user(1000);
    std::vector<SymbolicBool> wishes{
        cred.securebits == none,  cred.no_new_privs == none, cred.ambient == none,
        cred.inheritable == none, cred.bounding == full,     cred.userns == full,
        cred.permitted == full,   cred.permitted == none,    cred.effective == cred.permitted,
        cred.group_count == none};
    for (const SymbolicWord& id :
         {cred.uid, cred.euid, cred.suid, cred.fsuid, cred.gid, cred.egid, cred.sgid, cred.fsgid}) {
      wishes.push_back(id == none);
      wishes.push_back(id == user);
    }
    return wishes;
  }

  SymbolicBool may_be_made(const Case& here) const { return is_allowed(question_, here.arbitrary.transition->call); }

  void find_ways_to_break(Case& here) {
    const Transition<Symbolic>& made = *here.arbitrary.transition;
    here.broken.resize(candidates_.size());
    for (const Successor<Symbolic>& successor : made.successors) {
      if (!is_followed(successor.whose)) continue;
      const SymbolicBool happens = may_be_made(here) & successor.exists;
      if (happens.is_false()) continue;
      for (std::size_t i = 0; i < candidates_.size(); ++i) {
        if (!stands_[i]) continue;
        const SymbolicBool after = of_state(i, successor.state);
        if (!after.is_true() && !identical(of_state(i, made.caller), after)) here.broken[i].push_back(happens & !after);
      }
    }
  }

  /// Can this be, where the caller has all that stands? If not, adds to `used` what of that the proof used. Asks first
  /// with what speaks of the goal's own unknowns.
  Answer ask(Case& here, const SymbolicBool& goal, std::set<std::size_t>& used) {
    if (goal.is_false()) return {Answer::Kind::no, ""};
    const Unknowns unknowns = unknowns_of(goal);
    Query query = start_query(here.arbitrary, &unknowns);
    std::map<std::size_t, SymbolicBool> names;
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      const SymbolicBool before = of_state(i, here.arbitrary.transition->caller);
      if (stands_[i] && have_common(unknowns, unknowns_of(before))) names.emplace(i, query.name(before));
    }
    Query::Subject subject;
    Answer answer = query.ask_doubtfully(goal, values_of(names), subject);
    if (answer.kind != Answer::Kind::yes) {
      for (const auto& [number, name] : names) {
        if (query.used(name)) used.insert(number);
      }
      return answer;
    }
    here.full_query.emplace(start_query(here.arbitrary, nullptr));
    names.clear();
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      if (stands_[i]) names.emplace(i, here.full_query->name(of_state(i, here.arbitrary.transition->caller)));
    }
    answer = here.full_query->ask(goal, values_of(names));
    if (answer.kind != Answer::Kind::no) return answer;
    for (const auto& [number, name] : names) {
      if (here.full_query->used(name)) used.insert(number);
    }
    return answer;
  }

  static std::vector<SymbolicBool> values_of(const std::map<std::size_t, SymbolicBool>& names) {
    std::vector<SymbolicBool> values;
    for (const auto& [number, name] : names) values.push_back(name);
    return values;
  }

  /// What the tasks to start from do not all have falls.
  bool drop_what_does_not_start(Answer& answer) {
    if (question_.from_root) {
      const World<Concrete> world = initial_world(profile_);
      for (std::size_t i = 0; i < candidates_.size(); ++i) {
        bool everywhere = true;
        Capabilities<Lanes> chosen;
        any_valuation(profile_, question_.variables.size(), chosen, [&](const auto& capabilities) {
          const std::uint64_t lanes = lanes_of(profile_, question_);
          everywhere &= (holds_of<Lanes>(profile_, *candidates_[i], observe(world, 0), capabilities) & lanes) == lanes;
          return false;
        });
        stands_[i] = everywhere;
      }
      return true;
    }
    return std::ranges::all_of(callers(), [&](const Case* here) { return drop_what_does_not_start(*here, answer); });
  }

  bool drop_what_does_not_start(const Case& here, Answer& answer) {
    const TaskState<Symbolic>& state = here.arbitrary.transition->caller;
    Query query = start_query(here.arbitrary, nullptr);
    if (question_.from) query.require(begins(here));
    for (;;) {
      SymbolicBool some_fails = false;
      for (std::size_t i = 0; i < candidates_.size(); ++i) {
        if (stands_[i]) some_fails = some_fails | !of_state(i, state);
      }
      answer = query.ask(some_fails);
      if (answer.kind != Answer::Kind::yes) return answer.kind == Answer::Kind::no;
      for (std::size_t i = 0; i < candidates_.size(); ++i) stands_[i] = stands_[i] && query.value(of_state(i, state));
    }
  }

  /// A call changes what is observed of no other task: else what its calls keep would not be enough.
  bool leaves_others_alone(Answer& answer) {
    for (const Case& here : cases_) {
      const Transition<Symbolic>& made = *here.arbitrary.transition;
      SymbolicBool changes = false;
      for (std::size_t number = 0; number < kMaxTasks; ++number) {
        if (number == made.call.task) continue;
        const SymbolicBool other = !(made.before->tasks[number].alive == SymbolicWord(0)) &
                                   !(made.after.tasks[number].alive == SymbolicWord(0)) &
                                   !detail::succeeds_caller(made, number);
        changes = changes | (other & differ(observe(*made.before, number), observe(made.after, number)));
      }
      if (changes.is_false()) continue;
      Query query = start_query(here.arbitrary, nullptr);
      answer = query.ask(changes);
      if (answer.kind != Answer::Kind::no) return false;
    }
    return true;
  }

  static SymbolicBool differ(TaskState<Symbolic> a, const TaskState<Symbolic>& b) {
    SymbolicBool differ = false;
    const auto add = [&](const SymbolicWord& x, const SymbolicWord& y) {
      if (!identical(x, y)) differ = differ | !(x == y);
    };
    add(a.level, b.level);
    add(a.user_ns, b.user_ns);
    zip_words(a.cred, b.cred, add);
    return differ;
  }

  bool drop_what_is_not_kept(Answer& answer) {
    for (Case& here : cases_) find_ways_to_break(here);
    for (bool settled = false; !settled;) {
      settled = true;
      for (Case& here : cases_) {
        if (here.is_settled) continue;
        settled = false;
        if (!settle(here, answer)) return false;
      }
    }
    return true;
  }

  /// Drops what a call does not keep, until it keeps what stands.
  bool settle(Case& here, Answer& answer) {
    for (;;) {
      SymbolicBool some = false;
      for (std::size_t i = 0; i < candidates_.size(); ++i) {
        if (!stands_[i]) continue;
        for (const SymbolicBool& way : here.broken[i]) some = some | way;
      }
      here.used.clear();
      answer = ask(here, some, here.used);
      if (answer.kind == Answer::Kind::no) {
        here.is_settled = true;
        return true;
      }
      if (answer.kind != Answer::Kind::yes) return false;
      for (std::size_t i = 0; i < candidates_.size(); ++i) {
        const auto happens = [&](const SymbolicBool& way) { return here.full_query->value(way); };
        if (stands_[i] && std::ranges::any_of(here.broken[i], happens)) drop(i);
      }
    }
  }

  void drop(std::size_t candidate) {
    stands_[candidate] = false;
    for (Case& here : cases_) {
      if (here.used.contains(candidate)) here.is_settled = false;
    }
  }

  /// No call gets there from a state in which all that stands holds.
  bool rules_out(Answer& answer) {
    if (contradicts_what_stands()) return true;
    const PredicatePtr goal = reached(question_);
    for (Case& here : cases_) {
      const SymbolicBool met = comes_to<Terms>(profile_, question_, *goal, capabilities_, *here.arbitrary.transition);
      answer = ask(here, met, used_by_goal_);
      if (answer.kind != Answer::Kind::no) return false;
    }
    return true;
  }

  /// What is kept may be the very opposite of what is asked for.
  bool contradicts_what_stands() {
    if (has_primes(*question_.reach)) return false;
    std::vector<PredicatePtr> parts = conjuncts(question_.reach);
    parts.push_back(question_.reach);
    for (const PredicatePtr& part : parts) {
      const std::string opposite = to_string(*negation(part));
      for (std::size_t i = 0; i < candidates_.size(); ++i) {
        if (!stands_[i] || to_string(*candidates_[i]) != opposite) continue;
        used_by_goal_ = {i};
        return true;
      }
    }
    return false;
  }

  std::vector<PredicatePtr> standing() const {
    std::vector<PredicatePtr> predicates;
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      if (stands_[i]) predicates.push_back(candidates_[i]);
    }
    return predicates;
  }

  std::optional<std::set<std::size_t>> kept_because_of(Case& here, std::size_t candidate) {
    SymbolicBool some = false;
    for (const SymbolicBool& way : here.broken[candidate]) some = some | way;
    std::set<std::size_t> used;
    if (ask(here, some, used).kind != Answer::Kind::no) return std::nullopt;
    return used;
  }

  const Profile& profile_;
  const Question& question_;
  Capabilities<Terms> capabilities_;
  std::chrono::milliseconds timeout_;
  std::deque<Case> cases_;
  std::vector<PredicatePtr> candidates_;
  std::vector<bool> stands_;
  std::set<std::size_t> used_by_goal_;
};

}  // namespace

class Asker::Impl {
 public:
  Impl(const Profile& profile, const AskOptions& options)
      : profile_(profile),
        options_(options),
        induction_(profile_, Fault::none, options.timeout),
        search_(profile_, Fault::none, options.timeout) {
    std::vector<Statement> of_states;
    std::ranges::copy_if(all_statements(), std::back_inserter(of_states), &Statement::of_states);
    ProveOptions proving;
    proving.timeout = options.timeout;
    for (const ProofResult& result : prove_statements(profile_, proving, of_states)) {
      if (result.verdict != ProofVerdict::proved) continue;
      const auto proved = std::ranges::find(all_statements(), result.info, &Statement::info);
      lemmas_.push_back(induction_.add_lemma(*proved));
      lemma_names_.push_back(result.info->name);
    }
  }

  AskAnswer ask(const Question& question) {
    const Quest quest = quest_for(profile_, question);
    const std::vector<CallKind> last = last_kinds(question);
    // A few programs tell most of what can be from what cannot; a proof is tried before many are.
    constexpr std::size_t kFew = 20'000;
    if (sample(profile_, quest, kFew)) return search(question, quest, last);
    Houdini houdini(profile_, question, induction_, lemmas_, options_.timeout);
    Answer answer{Answer::Kind::no, ""};
    if (is_founded() && houdini.has_no_start(answer)) {
      return {.kind = AskAnswer::Kind::vacuous, .lemmas = lemma_names_};
    }
    if (is_founded() && houdini.succeeds(answer)) {
      AskAnswer never{.kind = AskAnswer::Kind::never, .lemmas = lemma_names_};
      never.invariant = houdini.needed();
      return never;
    }
    AskAnswer found = search(question, quest, last);
    if (found.kind == AskAnswer::Kind::unknown) go_on_from_start(question, quest, houdini, found);
    if (found.kind == AskAnswer::Kind::unknown && answer.kind != Answer::Kind::no && answer.kind != Answer::Kind::yes) {
      found.kind = AskAnswer::Kind::timeout;
      found.detail = fmt::format("the search for an invariant had no answer: {}", answer.reason);
    }
    return found;
  }

 private:
  /// Without this lemma, worlds are looked at that are not all that there are.
  bool is_founded() const {
    return std::ranges::find(lemma_names_, Induction::foundation().info->name) != lemma_names_.end();
  }

  static std::vector<CallKind> last_kinds(const Question& question) {
    std::vector<CallKind> kinds;
    for (const CallInfo& info : kCalls) {
      const auto may = [&](const CallFilter& filter) {
        const bool named = std::ranges::any_of(filter.patterns, [&](const CallPattern& pattern) {
          return pattern.kind == info.kind && (!filter.all_but || !pattern.operation);
        });
        return named != filter.all_but;
      };
      if (may_be_made(question, info.kind) && may(question.calls) && may(question.by)) kinds.push_back(info.kind);
    }
    return kinds;
  }

  /// Samples programs that begin with a plain task to start from, which others seldom come upon.
  void go_on_from_start(const Question& question, Quest quest, const Houdini& houdini, AskAnswer& found) const {
    const auto wanted = houdini.plainest_start();
    if (!wanted) return;
    quest.starts = {dress(profile_, *wanted)};
    constexpr std::size_t kMany = 100'000;
    if (const auto program = sample(profile_, quest, kMany)) {
      set_yes(question, make_readable(profile_, quest, *program), found);
    }
  }

  void set_yes(const Question& question, Program program, AskAnswer& answer) const {
    answer.kind = AskAnswer::Kind::yes;
    answer.trace = std::move(program);
    if (!answers_yes(profile_, question, *answer.trace, answer.variables, answer.start)) {
      throw std::logic_error("the trace that answers a question does not replay");
    }
  }

  AskAnswer search(const Question& question, const Quest& quest, std::span<const CallKind> last) {
    Found found = search_.shortest(quest, options_.bound - 1, last);
    AskAnswer answer{.looked_at = found.looked_at};
    if (found.program) {
      set_yes(question, *std::move(found.program), answer);
      return answer;
    }
    if (found.answer.kind == Answer::Kind::timeout) {
      answer.kind = AskAnswer::Kind::timeout;
      answer.detail = fmt::format("a search had no answer in {} ms", options_.timeout.count());
    } else if (found.answer.kind == Answer::Kind::unknown) {
      answer.detail = found.answer.reason;
    }
    return answer;
  }

  const Profile profile_;
  const AskOptions options_;
  const TermScope scope_{Induction::kUnrolling};
  Induction induction_;
  Search search_;
  std::vector<Lemma> lemmas_;
  std::vector<std::string_view> lemma_names_;
};

Asker::Asker(const Profile& profile, const AskOptions& options) : impl_(std::make_unique<Impl>(profile, options)) {}
Asker::~Asker() = default;

AskAnswer Asker::ask(const Question& question) {
  return impl_->ask(question);
}

bool answers_yes(const Profile& profile, const Question& question, const Program& program,
                 std::vector<std::uint64_t>& variables, std::size_t& start) {
  Capabilities<Lanes> chosen;
  return any_valuation(profile, question.variables.size(), chosen, [&](const auto& capabilities) {
    std::uint64_t last = 0;
    follow(profile, question, capabilities, program, [&](std::size_t calls, std::uint64_t met) {
      if (calls == program.calls.size()) last = met;
      return false;
    });
    if (last == 0) return false;
    variables.clear();
    for (const auto& capability : capabilities) {
      const std::uint64_t bits = capability.is_lane ? last : capability.bit;
      variables.push_back(static_cast<std::uint64_t>(std::countr_zero(bits)));
    }
    // The latest start: without the calls before it there is no answer.
    Capabilities<Lanes> fixed;
    std::ranges::transform(variables, std::back_inserter(fixed), Lanes::number);
    start = latest_start(profile, question, fixed, program);
    return true;
  });
}

std::string_view to_string(AskAnswer::Kind kind) {
  switch (kind) {
    case AskAnswer::Kind::never:
      return "never";
    case AskAnswer::Kind::vacuous:
      return "vacuous";
    case AskAnswer::Kind::yes:
      return "yes";
    case AskAnswer::Kind::unknown:
      return "unknown";
    case AskAnswer::Kind::timeout:
      return "timeout";
  }
  __builtin_unreachable();
}

}  // namespace capcheck
