// SPDX-License-Identifier: GPL-2.0-only
#include "solver/mutants.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <source_location>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

#include "model/mutants.h"
#include "solver/any_world.h"
#include "solver/concrete_world.h"
#include "solver/difference.h"
#include "solver/induction.h"
#include "solver/prove.h"
#include "solver/query.h"
#include "solver/symbolic.h"
#include "solver/well_formed.h"

namespace capcheck {
namespace {

using M = MutantDomain<Symbolic>;

template <template <Domain> class T>
T<M> lift(const T<Symbolic>& value) {
  T<Symbolic> copy = value;
  T<M> lifted;
  const auto from = words_of(copy);
  const auto to = words_of(lifted);
  for (std::size_t i = 0; i < to.size(); ++i) *to[i] = *from[i];
  return lifted;
}

World<M> lift(const World<Symbolic>& world) {
  return {world.tasks.converted<Task<M>>([](const Task<Symbolic>& task) { return lift(task); }),
          world.namespaces.converted<UserNamespace<M>>([](const UserNamespace<Symbolic>& ns) { return lift(ns); }),
          world.namespace_count,
          world.fs_count,
          world.session_count,
          lift(world.sysctls)};
}

World<Symbolic> lower(const World<M>& world) {
  return {world.tasks.converted<Task<Symbolic>>([](const Task<M>& task) { return lower(task); }),
          world.namespaces.converted<UserNamespace<Symbolic>>([](const UserNamespace<M>& ns) { return lower(ns); }),
          world.namespace_count.inner,
          world.fs_count.inner,
          world.session_count.inner,
          lower(world.sysctls)};
}

/// What stands for a word that a loop left unfinished: the same unknown where the same loop of the rules left the same,
/// though a call may come by it for several reasons. Not asked for of a loop that is itself changed.
class Unfinished {
 public:
  SymbolicWord operator()(CallKind kind, const std::source_location& loop, const SymbolicBool& goes_on,
                          const SymbolicWord& word) {
    if (goes_on.is_false()) return word;
    auto& known = known_[{kind, loop.file_name(), loop.line()}];
    const auto found = std::ranges::find_if(
        known, [&](const Left& left) { return identical(left.goes_on, goes_on) && identical(left.word, word); });
    if (found != known.end()) return Symbolic::select(goes_on, found->unknown, word);
    known.push_back({goes_on, word, SymbolicWord::anything()});
    return Symbolic::select(goes_on, known.back().unknown, word);
  }

 private:
  struct Left {
    SymbolicBool goes_on;
    SymbolicWord word, unknown;
  };
  std::map<std::tuple<CallKind, std::string, unsigned>, std::vector<Left>> known_;
};

using Tests = std::vector<GuardTest<Symbolic>>;

/// Whether a program can have the call, whose arguments are canonical() each by itself.
SymbolicBool is_canonical_call(const Call<Symbolic>& call) {
  SymbolicBool is = true;
  if (call.kind != CallKind::execve) return is;
  const auto args = canonical_executable<Symbolic>(call.args);
  for (std::size_t i = 0; i < args.size(); ++i) is = is & (args[i] == call.args[i]);
  return is;
}

/// step() with a mutant in it, over Z3 terms: what to make calls by, and what is noted of those that were made.
struct MutantRules {
  const Profile& profile;
  Unfinished& unfinished;
  Mutant mutant;
  /// Of each call, what stands for what its first guards hold.
  std::vector<std::vector<SymbolicBool>> stand_ins{};
  std::vector<FunctionPart<Symbolic>> parts{};  ///< of all calls
  std::vector<Tests> tests{};                   ///< of each call
  SymbolicBool deviated{};                      ///< when the last call can have gone otherwise than by the rules
  SymbolicBool is_canonical{};                  ///< that a program can have the last call

  Reply<Symbolic> operator()(World<Symbolic>& world, const Call<Symbolic>& call) {
    MutantRun<Symbolic> run;
    run.mutant = mutant;
    run.unfinished = [&](const std::source_location& loop, const SymbolicBool& goes_on, const SymbolicWord& word) {
      return unfinished(call.kind, loop, goes_on, word);
    };
    // What reads another set of a task's is told by which it is, and not by its bits.
    if (mutant.change.mutation < Mutation::read_left_as) run.any_input = any_input;
    if (tests.size() < stand_ins.size()) run.stand_ins = stand_ins[tests.size()];
    World<M> lifted = lift(world);
    Call<M> lifted_call{call.kind, call.task, {}};
    std::ranges::copy(call.args, lifted_call.args.begin());
    const Reply<M> reply = mutated_step<Symbolic>(profile, run, lifted, lifted_call);
    world = lower(lifted);
    // Of a loop, not all steps are looked at; what is of the whole call has no site.
    const bool has_all_visits = !run.changed_loop && mutant.site != kNoSite;
    deviated = has_all_visits ? run.deviates : SymbolicBool(true);
    is_canonical = is_canonical_call(call);
    tests.push_back(std::move(run.tests));
    std::ranges::move(run.parts, std::back_inserter(parts));
    return lower(reply);
  }

 private:
  /// The same unknown wherever an input stands at the same place.
  static SymbolicWord any_input(std::size_t number, const SymbolicWord& word) {
    return word.numeral() ? word : SymbolicWord::unknown(fmt::format("input{}", number));
  }
};

/// What they say of worlds is what function_of() takes for granted of its inputs.
constexpr std::array kStatementsOfInputs = {&WorldWellFormed::info, &NamespacesExist::info, &MapsAreWrittenWhole::info,
                                            &IdsAreBounded::info};

}  // namespace

const std::vector<Statement>& statements_for_mutants() {
  static const std::vector<Statement> statements = [] {
    std::vector<Statement> all = all_statements();
    all.insert(all.begin() + 1,
               {statement<NamespacesExist>(), statement<MapsAreWrittenWhole>(), statement<IdsAreBounded>(),
                statement<FlagsAreBoolean>(), statement<DumpableHaveFsIds>()});
    return all;
  }();
  return statements;
}

class MutantProver::Impl {
 public:
  Impl(const Profile& profile, const std::vector<std::string>& proved, std::chrono::milliseconds timeout,
       CallKinds calls)
      : profile_(profile), calls_(calls), timeout_(timeout), induction_(profile_, std::ref(proper_), timeout, calls) {
    for (const Statement& statement : statements_for_mutants()) {
      if (std::ranges::find(proved, statement.info->name) == proved.end()) continue;
      kept_.push_back(&statement);
      if (statement.of_states()) lemmas_.push_back(induction_.add_lemma(statement));
    }
    induction_.look_up_namespaces();
    knows_inputs_ = std::ranges::all_of(kStatementsOfInputs, [&](const InvariantInfo* info) {
      return std::ranges::find(proved, info->name) != proved.end();
    });
  }

  bool has_same_form(const Mutant& mutant) {
    require_call(mutant);
    MutantRules rules = rules_of(mutant);
    return induction_.same_form(mutant.kind, std::ref(rules));
  }

  Equality equality(const Mutant& mutant) {
    MutantRules rules = rules_of(mutant);
    Induction::Variant other = variant(rules);
    if (Induction::same_form(other)) return Equality::same_form;
    if (is_same_function(rules.parts) || are_swapped_in_vain(rules, other) ||
        is_guard_changed_in_vain(rules, other, Induction::Effort::brief))
      return Equality::proved;
    const Equality answer = equality_of_call(rules, other);
    if (answer != Equality::unanswered) return answer;
    return is_guard_changed_in_vain(rules, other, Induction::Effort::full) ? Equality::proved : answer;
  }

  Breaks breaks(const FaultInfo& fault) {
    const auto rules = [&](World<Symbolic>& world, const Call<Symbolic>& call) {
      return faulty_step(profile_, fault.fault, world, call);
    };
    Breaks found{{}, false};
    for (const CallInfo& call : kCalls) {
      if (!(fault.calls & kinds({call.kind}))) continue;
      Induction::Variant other = induction_.variant(call.kind, rules);
      for (const Statement*& statement : kept_) {
        if (std::ranges::find(found.broken, statement->info) != found.broken.end()) continue;
        if (induction_.broken(other, {&statement, 1}, lemmas_, found.unanswered).empty()) continue;
        found.broken.push_back(statement->info);
      }
    }
    return found;
  }

  Breaks breaks(const Mutant& mutant) {
    MutantRules rules = rules_of(mutant);
    Induction::Variant other = variant(rules);
    Breaks found{{}, false};
    for (const Statement* statement : induction_.broken(other, kept_, lemmas_, found.unanswered)) {
      found.broken.push_back(statement->info);
    }
    return found;
  }

 private:
  MutantRules rules_of(const Mutant& mutant) { return {profile_, unfinished_, mutant}; }

  Induction::Variant variant(MutantRules& rules) {
    require_call(rules.mutant);
    return induction_.variant(rules.mutant.kind, std::ref(rules), [&] { return rules.deviated & rules.is_canonical; });
  }

  static Equality equality_by(const Answer& answer) {
    if (answer.kind == Answer::Kind::no) return Equality::proved;
    return answer.kind == Answer::Kind::yes ? Equality::different : Equality::unanswered;
  }

  /// Whether anything comes of what is changed, in the whole call.
  Equality equality_of_call(const MutantRules& rules, const Induction::Variant& other) {
    const Mutant& mutant = rules.mutant;
    if (kWritesToProc & kinds({mutant.kind}) && writes()) return equality_of_write(mutant);
    MutantRules settled = rules_of(mutant);
    Induction::Variant changed = settle_guards(rules, other, settled) ? variant(settled) : other;
    if (Induction::same_form(changed)) return Equality::proved;
    const Equality answer = equality_by(induction_.differs(changed, lemmas_));
    if (answer != Equality::unanswered) return answer;
    MutantRules again = rules_of(mutant);
    Induction::Variant by_parts = variant(again);
    return equality_by(induction_.tells_apart(by_parts, lemmas_, tells(mutant)));
  }

  /// Writes to files of /proc by number, made when they are first asked for; none if what these worlds take for granted
  /// is not proved.
  Induction* writes() {
    if (writes_ || kept_.empty() || kept_.front()->info != Induction::foundation().info) return writes_.get();
    writes_ = std::make_unique<Induction>(profile_, std::ref(proper_), timeout_, calls_ & kWritesToProc,
                                          Induction::Worlds::by_number);
    for (const Statement* statement : kept_) {
      if (statement->of_states()) writes_->add_lemma(*statement);
    }
    writes_->look_up_namespaces();
    return writes_.get();
  }

  Equality equality_of_write(const Mutant& mutant) {
    MutantRules rules = rules_of(mutant);
    Induction::Variant other = writes()->variant(mutant.kind, std::ref(rules), [&] { return rules.deviated; });
    return equality_by(writes()->tells_apart(other, lemmas_, tells(mutant)));
  }

  /// Whether a call that a program can have, by the mutant, gives or leaves anything else than one by the rules.
  Induction::Tells tells(const Mutant& mutant) const {
    return [this, mutant](const ConcreteCall& call) {
      Call<Concrete> canonical = call.call;
      canonicalise(canonical);
      return canonical == call.call && left_by({.kind = mutant.kind, .site = kNoSite}, call) != left_by(mutant, call);
    };
  }

  /// What can be seen of a call by a mutant, and all that it leaves of live tasks and of namespaces in use.
  std::vector<std::uint64_t> left_by(const Mutant& mutant, const ConcreteCall& made) const {
    MutantRun<Concrete> run;
    run.mutant = mutant;
    World<MutantDomain<Concrete>> world{};
    lift(made.world, world);
    const Reply<Concrete> reply = lower(mutated_step<Concrete>(profile_, run, world, lift(made.call)));
    const Output<Concrete>& output = reply.output;
    std::vector<std::uint64_t> words{reply.result,         output.version,
                                     output.effective,     output.permitted,
                                     output.inheritable,   output.secure,
                                     output.features,      world.namespace_count.inner,
                                     world.fs_count.inner, world.session_count.inner};
    const auto add = [&](auto value) {
      for (const auto* word : words_of(value)) words.push_back(word->inner);
    };
    add(world.sysctls);
    for (const auto& task : world.tasks) {
      words.push_back(task.alive.inner);
      if (task.alive.inner != 0) add(task);
    }
    const auto in_use = std::min<std::uint64_t>(world.namespace_count.inner, kMaxNamespaces);
    std::ranges::for_each(std::span(world.namespaces).first(in_use), add);
    return words;
  }

  /// Whether some function of its inputs alone around the changed site gives the same with and without the change, as
  /// often as it is used.
  bool is_same_function(const std::vector<FunctionPart<Symbolic>>& parts) const {
    if (!knows_inputs_) return false;
    std::set<std::pair<std::uint16_t, std::uint16_t>> functions;
    for (const FunctionPart<Symbolic>& part : parts) functions.insert(part.sites);
    return std::ranges::any_of(functions, [&](const auto& function) {
      return std::ranges::all_of(parts, [&](const FunctionPart<Symbolic>& part) {
        return part.sites != function || identical(part.proper, part.changed) ||
               ask_once(is_told_apart(part), timeout_).kind == Answer::Kind::no;
      });
    });
  }

  /// By inputs as all are: what is said of them here, kStatementsOfInputs say of worlds.
  static SymbolicBool is_told_apart(const FunctionPart<Symbolic>& part) {
    SymbolicBool told = !(part.proper == part.changed);
    for (const SymbolicWord& word : part.words) told = told & well_formed::is_bounded_id<Symbolic>(word);
    for (const IdMap<Symbolic>& map : part.maps) {
      told = told & well_formed::map(map) & well_formed::written_whole(map);
      for (const IdExtent<Symbolic>* line : {&map.line0, &map.line1})
        told = told & well_formed::is_bounded_id<Symbolic>(line->lower_first);
    }
    return told;
  }

  /// The guards of the rules proper, of each call of a kind.
  const std::vector<Tests>& proper_tests(CallKind kind) {
    const auto [known, made] = proper_tests_.try_emplace(kind);
    if (made) {
      MutantRules rules = rules_of({.kind = kind, .site = kNoSite});
      variant(rules);
      known->second = std::move(rules.tests);
    }
    return known->second;
  }

  /// Guard by guard: one that comes to the same wherever those before it pass may as well be the rules' own, and what
  /// is asked about it is small. Whether there is any that was not.
  bool settle_guards(const MutantRules& rules, const Induction::Variant& other, MutantRules& settled) {
    const std::vector<Tests>& proper = proper_tests(rules.mutant.kind);
    bool any = false;
    for (std::size_t call = 0; call < proper.size(); ++call) {
      std::vector<SymbolicBool>& same = settled.stand_ins.emplace_back();
      const Tests &tests = proper[call], &its = rules.tests[call];
      for (std::size_t i = 0; i < std::min(tests.size(), its.size()) && tests[i].guard == its[i].guard; ++i) {
        if (!identical(tests[i].holds, its[i].holds)) {
          const SymbolicBool wrong = tests[i].passed & differ(tests[i].holds, its[i].holds);
          if (induction_.can_be(other, call, wrong, lemmas_).kind != Answer::Kind::no) break;
          any = true;
        }
        same.push_back(tests[i].holds);
      }
    }
    return any;
  }

  /// Of two guards tested in each other's place: whether only one of them can fail, or both give the same error, in
  /// every call. What a call does besides depends on whether both pass, if nothing between them asks for the verdict.
  bool are_swapped_in_vain(const MutantRules& rules, const Induction::Variant& other) {
    if (rules.mutant.change.mutation != Mutation::swap_next) return false;
    if (is_asked_of_before_the_next(rules.mutant.kind, rules.mutant.site)) return false;
    const std::vector<Tests>& proper = proper_tests(rules.mutant.kind);
    for (std::size_t call = 0; call < proper.size(); ++call) {
      const Tests &tests = proper[call], &its = rules.tests[call];
      if (tests.size() != its.size()) return false;
      for (std::size_t i = 0; i < tests.size(); ++i) {
        if (is_same(tests[i], its[i])) continue;
        if (i + 1 == tests.size() || !is_same(tests[i], its[i + 1]) || !is_same(tests[i + 1], its[i])) return false;
        const auto& [site, guard, passed, holds] = tests[i];
        const auto& [next_site, next_guard, next_passed, next_holds] = tests[i + 1];
        if (!identical(next_passed, passed & holds)) return false;  // of another verdict
        const SymbolicBool both_fail = passed & !holds & !next_holds;
        if (info(guard).error != info(next_guard).error &&
            induction_.can_be(other, call, both_fail, lemmas_).kind != Answer::Kind::no)
          return false;
        ++i;
      }
    }
    return true;
  }

  /// Whether the verdict is asked for between a guard and the next.
  bool is_asked_of_before_the_next(CallKind kind, std::uint16_t guard) {
    MutantRules late = rules_of({kind, guard, {Mutation::swap_next, kInItsOrder}});
    return !Induction::same_form(variant(late));
  }

  /// Whether only one guard comes to something else in each call, and wherever it does, one of those right after it
  /// fails that gives the same error.
  bool is_guard_changed_in_vain(const MutantRules& rules, const Induction::Variant& other, Induction::Effort effort) {
    const std::vector<Tests>& proper = proper_tests(rules.mutant.kind);
    MutantRules settled = rules_of(rules.mutant);
    std::vector<std::pair<std::size_t, SymbolicBool>> matters;  // of which call, and where
    for (std::size_t call = 0; call < proper.size(); ++call) {
      const Tests &tests = proper[call], &its = rules.tests[call];
      if (!std::ranges::equal(tests, its, {}, &GuardTest<Symbolic>::site, &GuardTest<Symbolic>::site)) return false;
      std::vector<SymbolicBool>& same = settled.stand_ins.emplace_back();
      std::size_t changed = 0;
      for (std::size_t i = 0; i < tests.size(); ++i) {
        same.push_back(tests[i].holds);
        if (identical(tests[i].holds, its[i].holds)) continue;
        if (++changed > 1) return false;
        matters.emplace_back(call, tests[i].passed & differ(tests[i].holds, its[i].holds) &
                                       those_after_hold(rules.mutant.kind, tests, i));
      }
    }
    return Induction::same_form(variant(settled)) && std::ranges::all_of(matters, [&](const auto& where) {
             return induction_.can_be(other, where.first, where.second, lemmas_, effort).kind == Answer::Kind::no;
           });
  }

  /// That none fails of the guards that are tested right after one and give the same error, between which nothing asks
  /// for the verdict.
  SymbolicBool those_after_hold(CallKind kind, const Tests& tests, std::size_t first) {
    SymbolicBool hold = true;
    for (std::size_t i = first + 1; i < tests.size(); ++i) {
      const GuardTest<Symbolic>&before = tests[i - 1], &test = tests[i];
      if (info(test.guard).error != info(before.guard).error) break;
      if (!identical(test.passed, before.passed & before.holds)) break;  // of another verdict
      if (is_asked_of_before_the_next(kind, before.site)) break;
      hold = hold & test.holds;
    }
    return hold;
  }

  static bool is_same(const GuardTest<Symbolic>& a, const GuardTest<Symbolic>& b) {
    return a.guard == b.guard && identical(a.holds, b.holds);
  }

  /// Of a call that is not looked at, nothing would differ.
  void require_call(const Mutant& mutant) const {
    if (calls_ & kinds({mutant.kind})) return;
    throw std::invalid_argument(fmt::format("asked of a mutant of {}, which is not looked at", info(mutant.kind).name));
  }

  const Profile profile_;
  const CallKinds calls_;
  const std::chrono::milliseconds timeout_;
  const TermScope scope_{Induction::kUnrolling};
  Unfinished unfinished_;
  MutantRules proper_{profile_, unfinished_, {}};
  Induction induction_;
  std::map<CallKind, std::vector<Tests>> proper_tests_;
  std::unique_ptr<Induction> writes_;
  bool knows_inputs_ = false;  ///< what functions of their inputs alone are given
  std::vector<const Statement*> kept_;
  std::vector<Lemma> lemmas_;
};

MutantProver::MutantProver(const Profile& profile, const std::vector<std::string>& proved,
                           std::chrono::milliseconds timeout, CallKinds calls)
    : impl_(std::make_unique<Impl>(profile, proved, timeout, calls)) {}

MutantProver::~MutantProver() = default;

bool MutantProver::has_same_form(const Mutant& mutant) {
  return impl_->has_same_form(mutant);
}

Equality MutantProver::equality(const Mutant& mutant) {
  return impl_->equality(mutant);
}

Breaks MutantProver::breaks(const FaultInfo& fault) {
  return impl_->breaks(fault);
}

Breaks MutantProver::breaks(const Mutant& mutant) {
  return impl_->breaks(mutant);
}

}  // namespace capcheck
