// SPDX-License-Identifier: GPL-2.0-only
#include "solver/induction.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ranges>
#include <stdexcept>
#include <utility>

#include "solver/difference.h"
#include "solver/known_worlds.h"
#include "solver/refuted.h"
#include "solver/well_formed.h"

namespace capcheck {
namespace {

/// For each question about what is near to where terms differ: there are many, and most are easy or in vain.
constexpr std::chrono::milliseconds kNearbyTimeout{400};

/// For all questions of tells_apart(), in timeouts for one.
constexpr int kTimeoutsForAll = 4;

bool shows(const z3::model& model, const SymbolicBool& condition) {
  if (condition.is_false()) return false;
  return model.eval(condition.term(), true).is_true();
}

}  // namespace

const Statement& Induction::foundation() {
  static const Statement well_formed = statement<WorldWellFormed>();
  return well_formed;
}

Induction::Induction(const Profile& profile, Fault fault, std::chrono::milliseconds timeout)
    : Induction(
          profile,
          [&](World<Symbolic>& world, const Call<Symbolic>& call) { return faulty_step(profile, fault, world, call); },
          timeout) {}

Induction::Induction(const Profile& profile, const Stepper<Symbolic>& rules, std::chrono::milliseconds timeout,
                     CallKinds calls, Worlds worlds)
    : profile_(profile),
      newest_(profile),
      any_namespace_(any_user_ns("any_namespace")),
      timeout_(timeout),
      lazy_(timeout) {
  for (const CallerStanding standing : kStandings) {
    for (const CallInfo& call : kCalls) {
      if (!(calls & kinds({call.kind})) || !is_about(standing, call.kind)) continue;
      if (worlds == Worlds::any) {
        add_case(setting_of(standing), rules, any_call(call));
      } else {
        add_writes(standing, rules, call);
      }
    }
  }
}

/// The setting of that name, which is the last that was made if it has been.
Induction::Setting& Induction::setting_of(CallerStanding standing) {
  const std::string name = describe(standing);
  if (!settings_.empty() && settings_.back().standing == name) return settings_.back();
  Setting& made = settings_.emplace_back(name, any_world(standing, any_namespace_));
  made.namespaces = {0, made.world.tasks[0].user_ns, named_namespace(), any_namespace_};
  return made;
}

void Induction::add_case(const Setting& setting, const Stepper<Symbolic>& rules, const Call<Symbolic>& call) {
  Case& here = cases_.emplace_back(setting, take_by<Symbolic>(rules, setting.world, call));
  here.questions.timeout = timeout_;
  here.nearby_questions.timeout = std::min(timeout_, kNearbyTimeout);
}

void Induction::add_writes(CallerStanding standing, const Stepper<Symbolic>& rules, const CallInfo& call_info) {
  if (!(kWritesToProc & kinds({call_info.kind}))) throw std::invalid_argument("only writes are looked at by number");
  for (const WriteNumbers& numbers : all_write_numbers(standing)) {
    Setting& setting = settings_.emplace_back(describe(standing), any_world_of(numbers, standing, any_namespace_));
    for (const auto& slot : setting.world.namespaces.slots()) {
      if (!(slot.index.numeral() == kNextNamespace)) setting.namespaces.push_back(slot.index);
    }
    Call<Symbolic> call = any_call(call_info);
    call.args[0] = numbers.target;
    call.args[1] = numbers.opener;
    add_case(setting, rules, call);
  }
}

/// What a statement of states says of every task and of any namespace.
std::vector<SymbolicBool> Induction::any_conditions(const Statement& statement, const World<Symbolic>& world) const {
  const std::array namespaces{any_namespace_, SymbolicWord(kNextNamespace)};
  return conditions<Symbolic>(statement, profile_, world, namespaces);
}

Lemma Induction::add_lemma(const Statement& statement) {
  const Lemma lemma = settings_.front().conditions.size();
  statements_.push_back(&statement);
  for (Setting& setting : settings_) {
    setting.conditions.push_back(any_conditions(statement, setting.world));
    for (const auto& holds : conditions<Symbolic>(statement, profile_, setting.world, setting.namespaces)) {
      if (!holds.is_true()) setting.facts.push_back({lemma, holds, unknowns_of(holds)});
    }
  }
  return lemma;
}

namespace {

/// The namespaces that a call may look up by way of tasks: of the caller and of those it names, the parents of their
/// namespaces and the namespaces of their address spaces; and that of the caller's tracer.
std::vector<SymbolicWord> namespaces_looked_up(const World<Symbolic>& world, const Call<Symbolic>& call) {
  std::vector<SymbolicWord> tasks{call.task};
  const CallInfo& call_info = info(call.kind);
  for (std::size_t i = 0; i < call_info.argument_count; ++i) {
    if (call_info.roles[i] == Role::task) tasks.push_back(call.args[i]);
  }
  std::vector<SymbolicWord> found{world.tasks[call.task].tracer_user_ns};
  for (const SymbolicWord& number : tasks) {
    const Task<Symbolic> task = Symbolic::at(world.tasks, number);
    found.push_back(task.user_ns);
    found.push_back(Symbolic::at(world.namespaces, task.user_ns).parent);
    found.push_back(Symbolic::at(world.tasks, task.leader).mm_user_ns);
  }
  return found;
}

}  // namespace

void Induction::look_up_namespaces() {
  for (Case& here : cases_) look_up_namespaces(here);
  for (Setting& setting : settings_) {
    look_up_what_is_read(setting.world, 0, setting.reads);
    setting.read = setting.world.namespaces.read_elsewhere().size();
  }
}

void Induction::look_up_namespaces(Case& here) const {
  if (std::exchange(here.has_looked_up, true)) return;
  const World<Symbolic>& world = here.setting.world;
  for (const SymbolicWord& index : namespaces_looked_up(world, here.transition.call)) {
    for (Lemma lemma = 0; lemma < statements_.size(); ++lemma) {
      const StatementOver<Symbolic>& over = statements_[lemma]->over<Symbolic>();
      if (!over.of_namespace) continue;
      for (const SymbolicBool& part : conjuncts(over.of_namespace(profile_, world, index))) {
        const SymbolicBool holds = implies<Symbolic>(index < world.namespace_count, part);
        if (!holds.is_true()) here.of_lookups.push_back({lemma, holds, unknowns_of(holds)});
      }
    }
  }
}

/// How the call may break the statement.
std::vector<SymbolicBool> Induction::all_ways_to_break(const Transition<Symbolic>& transition,
                                                       const Statement& statement) const {
  if (!statement.of_states()) return ways_to_meet({&statement, Goal::Kind::violation}, profile_, transition);
  std::vector<SymbolicBool> ways;
  for (const SymbolicBool& condition : any_conditions(statement, transition.after)) ways.push_back(!condition);
  return ways;
}

/// As all_ways_to_break(), without those that a lemma settles by speaking of what the call leaves as it was; adds these
/// lemmas to `used`.
std::vector<SymbolicBool> Induction::ways_to_break(const Setting& setting, const Transition<Symbolic>& transition,
                                                   const Statement& statement, std::span<const Lemma> lemmas,
                                                   std::vector<Lemma>& used) const {
  if (!statement.of_states()) return all_ways_to_break(transition, statement);
  std::vector<SymbolicBool> ways;
  for (const SymbolicBool& condition : any_conditions(statement, transition.after)) {
    const auto known = std::ranges::find_if(lemmas, [&](Lemma lemma) {
      return std::ranges::any_of(setting.conditions[lemma],
                                 [&](const SymbolicBool& before) { return identical(before, condition); });
    });
    if (known == lemmas.end() || condition.is_true()) {
      ways.push_back(!condition);
    } else {
      used.push_back(*known);
    }
  }
  return ways;
}

/// What may speak against a goal: all that the lemmas say, or what they say of the goal's own unknowns.
Induction::Doubt Induction::doubt(const Case& here, const SymbolicBool& goal, std::span<const Lemma> lemmas,
                                  bool all_facts) {
  const Unknowns unknowns = unknowns_of(goal);
  Doubt made{goal, {}, {}};
  for (std::size_t i = 0; i < here.facts(); ++i) {
    const Fact& fact = here.fact(i);
    if (std::ranges::find(lemmas, fact.lemma) == lemmas.end()) continue;
    if (!all_facts && !have_common(unknowns, fact.unknowns)) continue;
    made.numbers.push_back(i);
    made.facts.push_back(fact.holds);
  }
  return made;
}

/// What is known to refute the goal, if anything is.
std::optional<Induction::Refutation> Induction::known_refutation(const Doubt& doubt) const {
  const std::vector<SymbolicBool> parts = conjuncts(doubt.goal);
  for (std::size_t i = 0; i < doubt.facts.size(); ++i) {
    const auto is_opposite = [&](const SymbolicBool& part) { return identical(!part, doubt.facts[i]); };
    if (std::ranges::any_of(parts, is_opposite)) return Refutation{{doubt.numbers[i]}};
  }
  if (timeout_.count() <= 0) return std::nullopt;
  auto known = Refutable(doubt.goal, doubt.facts, newest_).find_refutation();
  if (!known) return std::nullopt;
  std::ranges::transform(*known, known->begin(), [&](std::size_t place) { return doubt.numbers[place]; });
  return Refutation{*std::move(known)};
}

/// Keeps what refutes the goal for other profiles, if it does so there.
void Induction::note_refutation(const Doubt& doubt, const Refutation& refutation) const {
  if (!refutation.is_general) return;
  std::vector<std::size_t> places;
  for (const std::size_t number : refutation.numbers) {
    places.push_back(static_cast<std::size_t>(std::ranges::find(doubt.numbers, number) - doubt.numbers.begin()));
  }
  Refutable(doubt.goal, doubt.facts, newest_).add_refutation(places);
}

/// Can the goal be met, whatever was known before?
Answer Induction::ask(const Case& here, Questions& questions, const Doubt& doubt, Refutation& refutation) {
  if (!questions.query) questions.query.emplace(questions.timeout, Solver::each);
  Query& query = *questions.query;
  std::vector<SymbolicBool> names;
  for (const std::size_t number : doubt.numbers) {
    if (!questions.facts.contains(number)) {
      questions.facts.emplace(number, query.name(newest_.left_open(here.fact(number).holds)));
    }
    names.push_back(questions.facts.at(number));
  }
  const SymbolicBool goal = newest_.left_open(doubt.goal), as_in_profile = newest_.as_in_profile();
  Answer answer = query.ask_doubtfully(goal, names, subject_);
  if (answer.kind == Answer::Kind::yes && !query.value(as_in_profile)) {
    answer = query.ask(goal & as_in_profile, names);
    refutation.is_general = false;
  }
  if (answer.kind != Answer::Kind::no) return answer;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (query.used(names[i])) refutation.numbers.push_back(doubt.numbers[i]);
  }
  note_refutation(doubt, refutation);
  return answer;
}

/// Can the goal be met, given what the lemmas say: all of it, or what they say of the goal's own unknowns?
Answer Induction::ask(const Case& here, Questions& questions, const SymbolicBool& goal, std::span<const Lemma> lemmas,
                      bool all_facts) {
  const Doubt asked = doubt(here, goal, lemmas, all_facts);
  if (known_refutation(asked)) return {Answer::Kind::no, ""};
  Refutation refutation;
  return ask(here, questions, asked, refutation);
}

namespace {

/// Of a part of a condition that says that a word is a number or an unknown: the word, and that.
std::optional<std::pair<z3::expr, z3::expr>> known_word(const z3::expr& part) {
  const auto is_plain = [](const z3::expr& word) { return word.is_numeral() || word.is_const(); };
  if (!part.is_eq() || !part.arg(0).is_bv()) return std::nullopt;
  for (const unsigned plain : {1u, 0u}) {
    const z3::expr word = part.arg(1 - plain);
    if (is_plain(part.arg(plain)) && !word.is_numeral()) return std::pair(word, part.arg(plain));
  }
  return std::nullopt;
}

/// The same condition: what some of its parts say that words are stands in place of these in the others. Those parts
/// come first.
SymbolicBool with_known_words(const SymbolicBool& condition) {
  z3::expr_vector words(TermScope::context()), known(TermScope::context());
  SymbolicBool all = true;
  std::vector<SymbolicBool> others;
  for (const SymbolicBool& part : conjuncts(condition)) {
    if (const auto said = known_word(part.term())) {
      words.push_back(said->first);
      known.push_back(said->second);
      all = all & part;
    } else {
      others.push_back(part);
    }
  }
  for (const SymbolicBool& other : others) all = all & SymbolicBool(other.term().substitute(words, known));
  return all;
}

}  // namespace

/// Whether a world that was found for questions of that name shows the goal, and all that the lemmas say.
bool Induction::is_known_to_be(const Case& here, const std::string& question, const SymbolicBool& goal,
                               std::span<const Lemma> lemmas) const {
  if (timeout_.count() <= 0) return false;
  return std::ranges::any_of(known_worlds(question), [&](const z3::model& world) {
    if (!shows(world, goal)) return false;
    for (std::size_t i = 0; i < here.facts(); ++i) {
      const Fact& fact = here.fact(i);
      if (std::ranges::find(lemmas, fact.lemma) != lemmas.end() && !shows(world, fact.holds)) return false;
    }
    return true;
  });
}

/// What refutes that which is plain of a way to break a statement, if there is any such part that is worth a question.
/// Mostly the rest of the premise, all guards of a call among it, has nothing to do with it.
std::optional<Induction::Refutation> Induction::refute_plain_parts(Case& here, const SymbolicBool& way,
                                                                   std::span<const Lemma> lemmas) {
  Refutation refutation;
  const SymbolicBool plain = plain_parts_of(way);
  if (identical(plain, way)) return std::nullopt;
  if (!plain.is_false()) {
    const Doubt part = doubt(here, plain, lemmas, false);
    if (auto known = known_refutation(part)) {
      refutation = *std::move(known);
    } else if (ask(here, here.nearby_questions, part, refutation).kind != Answer::Kind::no) {
      return std::nullopt;
    }
  }
  // What is plain was found by this profile's numerals: where the way has some, that says nothing of others.
  refutation.is_general = refutation.is_general && identical(newest_.left_open(way), way);
  return refutation;
}

/// Can the call break a statement in this way? After `no`, adds the numbers of the facts that were used.
Answer Induction::can_break(Case& here, const Statement& statement, const SymbolicBool& way,
                            std::span<const Lemma> lemmas, std::vector<std::size_t>& used) {
  const bool of_namespaces = statement.over<Symbolic>().of_namespace != nullptr;
  const std::string question =
      fmt::format("{} {} {}", statement.info->name, info(here.transition.call.kind).name, here.setting.standing);
  const auto refuted_by = [&](const Refutation& refutation) {
    used.insert(used.end(), refutation.numbers.begin(), refutation.numbers.end());
    return Answer{Answer::Kind::no, ""};
  };
  const Doubt whole = doubt(here, way, lemmas, false);
  if (const auto known = known_refutation(whole)) return refuted_by(*known);
  if (is_known_to_be(here, question, way, lemmas)) {
    if (!of_namespaces) return {Answer::Kind::yes, ""};
    look_up_namespaces(here);
    if (is_known_to_be(here, question, way, lemmas)) return {Answer::Kind::yes, ""};
  }
  if (const auto refutation = refute_plain_parts(here, way, lemmas)) {
    note_refutation(whole, *refutation);
    return refuted_by(*refutation);
  }
  const SymbolicBool plainer = with_known_words(way);
  Refutation of_whole;
  Answer answer = ask(here, here.questions, {plainer, whole.numbers, whole.facts}, of_whole);
  if (answer.kind == Answer::Kind::no) {
    note_refutation(whole, of_whole);
    return refuted_by(of_whole);
  }
  const auto ask_with_all = [&] {
    const Doubt all = doubt(here, plainer, lemmas, true);
    Refutation refutation;
    if (const auto known = known_refutation(all)) return refuted_by(*known);
    Answer of_all = ask(here, here.questions, all, refutation);
    return of_all.kind == Answer::Kind::no ? refuted_by(refutation) : of_all;
  };
  if (answer.kind == Answer::Kind::yes) answer = ask_with_all();
  if (answer.kind == Answer::Kind::yes && of_namespaces) {
    look_up_namespaces(here);
    answer = ask_with_all();
  }
  if (answer.kind == Answer::Kind::yes) keep_world(question, here.questions.query->model());
  return answer;
}

Inductive Induction::breaks(const Statement& statement, CallKind kind, std::span<const Lemma> lemmas) {
  Inductive result{{Answer::Kind::no, ""}, {}};
  subject_ = {};
  for (Case& here : cases_) {
    if (here.transition.call.kind != kind) continue;
    for (const SymbolicBool& way : ways_to_break(here.setting, here.transition, statement, lemmas, result.used)) {
      if (way.is_false()) continue;
      std::vector<std::size_t> used;
      result.answer = can_break(here, statement, way, lemmas, used);
      if (result.answer.kind != Answer::Kind::no) return {result.answer, {}};
      for (const std::size_t number : used) result.used.push_back(here.fact(number).lemma);
    }
  }
  return result;
}

std::vector<ObligationCase> Induction::obligation(const Statement& statement, CallKind kind,
                                                  std::span<const Lemma> lemmas) const {
  std::vector<ObligationCase> cases;
  for (const Case& here : cases_) {
    if (here.transition.call.kind != kind) continue;
    ObligationCase made{here.setting.standing, {}, all_ways_to_break(here.transition, statement)};
    for (std::size_t i = 0; i < here.facts(); ++i) {
      const Fact& fact = here.fact(i);
      if (std::ranges::find(lemmas, fact.lemma) != lemmas.end()) made.assumed.push_back(fact.holds);
    }
    cases.push_back(std::move(made));
  }
  return cases;
}

std::vector<Induction::ArbitraryCall> Induction::calls_of(CallKind kind, std::span<const Lemma> lemmas) const {
  std::vector<ArbitraryCall> calls;
  for (const Case& here : cases_) {
    if (here.transition.call.kind != kind) continue;
    ArbitraryCall& call = calls.emplace_back(ArbitraryCall{&here.transition, {}});
    for (const Fact& fact : here.setting.facts) {
      if (std::ranges::find(lemmas, fact.lemma) != lemmas.end()) call.facts.push_back({fact.holds, fact.unknowns});
    }
  }
  return calls;
}

std::size_t Induction::asked() const {
  std::size_t asked = 0;
  for (const Case& here : cases_) asked += here.questions.query ? here.questions.query->asked() : 0;
  return asked;
}

Induction::Variant Induction::variant(CallKind kind, const Stepper<Symbolic>& rules,
                                      const std::function<SymbolicBool()>& deviated) {
  Variant variant;
  for (Case& here : cases_) {
    const Transition<Symbolic>& proper = here.transition;
    if (proper.call.kind != kind) continue;
    here.setting.world.namespaces.forget_after(here.setting.read);
    Transition<Symbolic> transition = take_by<Symbolic>(rules, here.setting.world, proper.call);
    variant.calls_.push_back({&here, std::move(transition), deviated ? deviated() : SymbolicBool(true)});
  }
  return variant;
}

namespace {

/// The words of what each call gave or left that are not the very same term; what a task that does not live has, or
/// a namespace not in use, is not looked at where that is so by condition.
std::vector<WordPair> differing_words(const Transition<Symbolic>& a, const Transition<Symbolic>& b) {
  std::vector<WordPair> found;
  const auto compare = [&](const SymbolicBool& counts, const SymbolicWord& x, const SymbolicWord& y) {
    if (!counts.is_false() && !identical(x, y)) found.push_back({counts, x, y});
  };
  const auto compare_all = [&]<class T>(const SymbolicBool& counts, const T& x, const T& y) {
    T copy = x;
    zip_words(copy, y, [&](const SymbolicWord& p, const SymbolicWord& q) { compare(counts, p, q); });
  };
  compare(true, a.result, b.result);
  for (const auto member : {&Output<Symbolic>::version, &Output<Symbolic>::effective, &Output<Symbolic>::permitted,
                            &Output<Symbolic>::inheritable, &Output<Symbolic>::secure, &Output<Symbolic>::features}) {
    compare(true, a.output.*member, b.output.*member);
  }
  compare(true, a.after.namespace_count, b.after.namespace_count);
  compare(true, a.after.fs_count, b.after.fs_count);
  compare(true, a.after.session_count, b.after.session_count);
  compare_all(true, a.after.sysctls, b.after.sysctls);
  for (std::size_t i = 0; i < kMaxTasks; ++i) {
    const Task<Symbolic>&x = a.after.tasks[i], &y = b.after.tasks[i];
    compare(true, x.alive, y.alive);
    compare_all(!(x.alive == SymbolicWord(0)), x, y);
  }
  for (std::size_t i = 0; i < a.after.namespaces.slots().size(); ++i) {
    const auto &x = a.after.namespaces.slots()[i], &y = b.after.namespaces.slots()[i];
    compare_all(x.index < a.after.namespace_count, x.value, y.value);
  }
  return found;
}

SymbolicBool difference(std::span<const WordPair> words) {
  SymbolicBool differ = false;
  for (const auto& [counts, x, y] : words) differ = differ | (counts & !(x == y));
  return differ;
}

SymbolicBool difference(const Transition<Symbolic>& a, const Transition<Symbolic>& b) {
  return difference(differing_words(a, b));
}

}  // namespace

bool Induction::same_form(const Variant& variant) {
  return std::ranges::all_of(variant.calls_, [](const Variant::Call& call) {
    return difference(call.proper->transition, call.transition).is_false();
  });
}

bool Induction::same_form(CallKind kind, const Stepper<Symbolic>& rules) const {
  return std::ranges::all_of(cases_, [&](const Case& here) {
    const Transition<Symbolic>& proper = here.transition;
    if (proper.call.kind != kind) return true;
    return difference(proper, take_by<Symbolic>(rules, here.setting.world, proper.call)).is_false();
  });
}

/// A world that was found before and shows what is looked for.
template <class Shows>
std::optional<z3::model> Induction::known_world(Case& here, Shows shows) {
  const auto known = std::ranges::find_if(here.models, shows);
  if (known == here.models.end()) return std::nullopt;
  std::rotate(here.models.begin(), known, known + 1);
  return here.models.front();
}

/// A world that meets a goal and all lemmas.
Answer Induction::find_world(Case& here, const SymbolicBool& goal, std::span<const Lemma> lemmas,
                             std::optional<z3::model>& found) {
  if (goal.is_false()) return {Answer::Kind::no, ""};
  Answer answer = ask(here, here.questions, goal, lemmas, false);
  if (answer.kind == Answer::Kind::yes) answer = ask(here, here.questions, goal, lemmas, true);
  if (answer.kind != Answer::Kind::yes) return answer;
  constexpr std::size_t kKept = 64;
  found = here.questions.query->model();
  if (here.models.size() == kKept) here.models.pop_back();
  here.models.insert(here.models.begin(), *found);
  return answer;
}

/// Whether some world that was found before shows the goal, and meets what lemmas say of the goal's own unknowns.
bool Induction::is_shown_nearby(Case& here, const SymbolicBool& goal, std::span<const Lemma> lemmas) {
  const Unknowns unknowns = unknowns_of(goal);
  const auto meets = [&](Nearby& nearby, std::size_t i) {
    const Fact& fact = here.fact(i);
    if (std::ranges::find(lemmas, fact.lemma) == lemmas.end() || !have_common(unknowns, fact.unknowns)) return true;
    const auto [known, made] = nearby.facts.try_emplace(i, false);
    if (made) known->second = shows(nearby.model, fact.holds);
    return known->second;
  };
  const auto found = std::ranges::find_if(here.nearby, [&](Nearby& nearby) {
    if (!shows(nearby.model, goal)) return false;
    for (std::size_t i = 0; i < here.facts(); ++i) {
      if (!meets(nearby, i)) return false;
    }
    return true;
  });
  if (found == here.nearby.end()) return false;
  std::rotate(here.nearby.begin(), found, found + 1);
  return true;
}

/// Whether pairs of words are equal by what is near to where their terms differ, whatever the rest is. False where that
/// is not so, or is not seen.
bool Induction::are_same_nearby(Case& here, std::span<const WordPair> pairs, std::span<const Lemma> lemmas) {
  constexpr std::size_t kQuestions = 10, kAbove = 10;
  const Differences found = differences(pairs);
  std::vector<bool> same(found.parts.size());
  std::size_t asked = 0;
  for (std::size_t i = 0; i < found.parts.size(); ++i) {
    const PartPair& part = found.parts[i];
    const auto is_same = [&](std::size_t inner) { return same[inner]; };
    same[i] = !part.within.empty() && std::ranges::all_of(part.within, is_same);
    if (same[i] || part.height > kAbove || asked == kQuestions) continue;
    const SymbolicBool differ = part.differ();
    if (is_shown_nearby(here, differ, lemmas)) continue;
    ++asked;
    const Answer::Kind answer = ask(here, here.nearby_questions, differ, lemmas, false).kind;
    same[i] = answer == Answer::Kind::no;
    if (answer != Answer::Kind::yes) continue;
    constexpr std::size_t kKept = 32;
    if (here.nearby.size() == kKept) here.nearby.pop_back();
    here.nearby.insert(here.nearby.begin(), {here.nearby_questions.query->model(), {}});
  }
  return std::ranges::all_of(found.wholes, [&](std::size_t whole) { return same[whole]; });
}

Answer Induction::can_be(const Variant& variant, std::size_t call, const SymbolicBool& goal,
                         std::span<const Lemma> lemmas, Effort effort) {
  Case& here = *variant.calls_.at(call).proper;
  if (goal.is_false()) return {Answer::Kind::no, ""};
  return ask(here, effort == Effort::brief ? here.nearby_questions : here.questions, goal, lemmas, false);
}

Answer Induction::differs(Variant& variant, std::span<const Lemma> lemmas) {
  std::vector<SymbolicBool> whole;
  for (auto& [proper, transition, deviated] : variant.calls_) {
    whole.push_back(deviated & difference(proper->transition, transition));
    if (known_world(*proper, [&](const z3::model& model) { return shows(model, whole.back()); })) {
      return {Answer::Kind::yes, ""};
    }
  }
  for (std::size_t i = 0; i < whole.size(); ++i) {
    const auto& [proper, transition, deviated] = variant.calls_[i];
    if (whole[i].is_false()) continue;
    // What never computes anything else is the same, and that question is smaller by far.
    if (!deviated.is_true() && ask(*proper, proper->nearby_questions, deviated, lemmas, false).kind == Answer::Kind::no)
      continue;
    if (are_same_nearby(*proper, differing_words(proper->transition, transition), lemmas)) continue;
    std::optional<z3::model> world;
    const Answer answer = find_world(*proper, whole[i], lemmas, world);
    if (answer.kind != Answer::Kind::no) return answer;
  }
  return {Answer::Kind::no, ""};
}

/// Notes what lemmas say of namespaces that were read where the table has no slot, from the one at that place on.
void Induction::look_up_what_is_read(const World<Symbolic>& world, std::size_t first, Reads& reads) const {
  const auto read = [&] { return world.namespaces.read_elsewhere(); };
  const std::size_t end = read().size();
  for (std::size_t i = first; i < end; ++i) {
    const SymbolicWord index = read()[i].index;
    for (Lemma lemma = 0; lemma < statements_.size(); ++lemma) {
      const StatementOver<Symbolic>& over = statements_[lemma]->over<Symbolic>();
      if (!over.of_namespace) continue;
      for (const SymbolicBool& part : conjuncts(over.of_namespace(profile_, world, index))) {
        const SymbolicBool holds = implies<Symbolic>(index < world.namespace_count, part);
        if (!holds.is_true()) reads.facts.push_back({lemma, holds, {}});
      }
    }
  }
  for (std::size_t i = end; i < read().size(); ++i) reads.ends.push_back(i);
}

/// All that is known of the world in which a call is made, and has read these.
std::vector<SymbolicBool> Induction::facts_of(const Case& here, const Reads& reads,
                                              std::span<const Lemma> lemmas) const {
  std::vector<SymbolicBool> facts;
  const auto add = [&](const Fact& fact) {
    if (std::ranges::find(lemmas, fact.lemma) != lemmas.end()) facts.push_back(fact.holds);
  };
  for (std::size_t i = 0; i < here.facts(); ++i) add(here.fact(i));
  std::ranges::for_each(reads.facts, add);
  return facts;
}

namespace {

std::vector<SymbolicBool> with(std::span<const SymbolicBool> facts, std::span<const SymbolicBool> others) {
  std::vector<SymbolicBool> all(facts.begin(), facts.end());
  all.insert(all.end(), others.begin(), others.end());
  return all;
}

}  // namespace

/// Two numbers, or two unknowns: what is made of them may be the same, but they are not.
bool are_plainly_different(const PartPair& part) {
  const auto is_plain = [](const z3::expr& term) { return term.is_numeral() || term.is_const(); };
  return is_plain(part.a) && is_plain(part.b);
}

/// Which differences of parts may make one of the words: each is asked about where it would, first briefly.
Induction::Seen Induction::what_is_seen(std::span<const WordPair> pairs, std::span<const SymbolicBool> facts) {
  Seen seen{differences(pairs), {}, {}};
  seen.same.resize(seen.found.parts.size());
  const auto is_same = [&](std::size_t part) { return seen.same[part]; };
  for (const bool briefly : {true, false}) {
    std::size_t questions = briefly ? 6 : 30;  // that come to nothing
    for (std::size_t i = 0; i < seen.found.parts.size(); ++i) {
      const PartPair& part = seen.found.parts[i];
      if (!part.within.empty() && std::ranges::all_of(part.within, is_same)) seen.same[i] = true;
      if (seen.same[i] || questions == 0 || are_plainly_different(part)) continue;
      const auto known = with(facts, part.conditions);
      const Answer answer = briefly ? lazy_.ask_briefly(part.differ(), known) : lazy_.ask(part.differ(), known);
      seen.same[i] = answer.kind == Answer::Kind::no;
      if (!seen.same[i]) --questions;
      if (!briefly && answer.kind == Answer::Kind::yes) seen.possible.push_back(i);
    }
    seen.nothing = std::ranges::all_of(seen.found.wholes, is_same);
    if (seen.nothing) break;
  }
  return seen;
}

/// Whether there is a world that meets a goal, and shows that something differs. What Z3 finds may have two namespaces
/// of one number: then it is none.
Answer Induction::find_shown(const Case& here, const Reads& reads, const SymbolicBool& goal,
                             std::span<const SymbolicBool> facts, std::span<const Lemma> lemmas, const Tells& tells) {
  Answer answer = lazy_.ask_of_all(goal, facts);
  if (answer.kind != Answer::Kind::yes) return answer;
  const ConcreteCall found = concrete_call(here.setting.world, here.transition.call, reads.ends, lazy_.model());
  const auto is_true = [&](Lemma lemma) { return holds<Concrete>(*statements_[lemma], profile_, found.world); };
  if (refers_to_what_exists(found.world) && std::ranges::all_of(lemmas, is_true) && tells(found)) return answer;
  return {Answer::Kind::unknown, "the world that was found shows nothing"};
}

Answer Induction::tells_apart(Variant& variant, std::span<const Lemma> lemmas, const Tells& tells) {
  constexpr std::size_t kDoubts = 3, kParts = 2;
  std::size_t doubts = 0;
  lazy_.answer_within(kTimeoutsForAll * timeout_);
  for (const auto& [proper, transition, deviated] : variant.calls_) {
    const std::vector<WordPair> pairs = differing_words(proper->transition, transition);
    if (pairs.empty()) continue;
    Reads reads = proper->setting.reads;
    look_up_what_is_read(proper->setting.world, proper->setting.read, reads);
    const std::vector<SymbolicBool> facts = facts_of(*proper, reads, lemmas);
    const Seen seen = what_is_seen(pairs, facts);
    if (seen.nothing) continue;
    for (const std::size_t possible : seen.possible | std::views::reverse | std::views::take(kParts)) {
      const PartPair& part = seen.found.parts[possible];
      Answer answer = find_shown(*proper, reads, part.differ(), with(facts, part.conditions), lemmas, tells);
      if (answer.kind == Answer::Kind::yes) return answer;
    }
    Answer whole = find_shown(*proper, reads, deviated & difference(pairs), facts, lemmas, tells);
    if (whole.kind == Answer::Kind::yes) return whole;
    if (whole.kind != Answer::Kind::no && ++doubts == kDoubts) break;
  }
  if (doubts == 0) return {Answer::Kind::no, ""};
  return {Answer::Kind::unknown, "no world was found that shows what may be"};
}

std::vector<Induction::NewWay> Induction::new_ways(Case& here, const Transition<Symbolic>& other,
                                                   std::span<const Statement* const> kept,
                                                   std::span<const Lemma> lemmas) const {
  std::vector<NewWay> found;
  std::vector<Lemma> used;
  for (const Statement* statement : kept) {
    const auto [known, made] = here.ways.try_emplace(statement);
    if (made) known->second = ways_to_break(here.setting, here.transition, *statement, lemmas, used);
    for (const SymbolicBool& way : ways_to_break(here.setting, other, *statement, lemmas, used)) {
      const auto is_way = [&](const SymbolicBool& proper) { return identical(proper, way); };
      if (!way.is_false() && std::ranges::none_of(known->second, is_way)) found.push_back({statement, way});
    }
  }
  return found;
}

std::vector<const Statement*> Induction::broken(Variant& variant, std::span<const Statement* const> kept,
                                                std::span<const Lemma> lemmas, bool& unanswered) {
  std::vector<const Statement*> found;
  for (auto& [proper, transition, deviated] : variant.calls_) {
    const std::vector<NewWay> ways = new_ways(*proper, transition, kept, lemmas);
    std::optional<z3::model> world = known_world(*proper, [&](const z3::model& model) {
      return std::ranges::any_of(ways, [&](const NewWay& way) { return shows(model, way.way); });
    });
    for (auto way = ways.begin(); way != ways.end() && !world; ++way) {
      const Answer answer = find_world(*proper, way->way, lemmas, world);
      unanswered = unanswered || (answer.kind != Answer::Kind::no && answer.kind != Answer::Kind::yes);
    }
    if (!world) continue;
    for (const auto& [statement, way] : ways) {
      if (!world->eval(way.term(), true).is_true() || std::ranges::find(found, statement) != found.end()) continue;
      found.push_back(statement);
    }
    if (!found.empty()) return found;
  }
  return found;
}

}  // namespace capcheck
