// SPDX-License-Identifier: GPL-2.0-only
#include "solver/mutants.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

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

/// What stands for a word that a loop left unfinished: the same unknown where the same loop left the same. Not asked
/// for of a loop that is itself changed.
class Unfinished {
 public:
  SymbolicWord operator()(CallKind kind, unsigned number, const SymbolicBool& goes_on, const SymbolicWord& word) {
    if (goes_on.is_false()) return word;
    auto& known = known_[{kind, number}];
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
  std::map<std::pair<CallKind, unsigned>, std::vector<Left>> known_;
};

using Tests = std::vector<GuardTest<Symbolic>>;

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

  Reply<Symbolic> operator()(World<Symbolic>& world, const Call<Symbolic>& call) {
    MutantRun<Symbolic> run;
    run.mutant = mutant;
    run.unfinished = [&](unsigned number, const SymbolicBool& goes_on, const SymbolicWord& word) {
      return unfinished(call.kind, number, goes_on, word);
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
constexpr std::array kStatementsOfInputs = {&WorldWellFormed::info, &MapsAreWrittenWhole::info, &IdsHave32Bits::info};

}  // namespace

const std::vector<Statement>& statements_for_mutants() {
  static const std::vector<Statement> statements = [] {
    std::vector<Statement> all = all_statements();
    all.insert(all.begin() + 1,
               {statement<NamespacesExist>(), statement<MapsAreWrittenWhole>(), statement<IdsHave32Bits>(),
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
    if (is_same_function(rules.parts) || are_swapped_in_vain(rules, other)) return Equality::proved;
    MutantRules settled = rules_of(mutant);
    if (settle_guards(rules, other, settled)) {
      other = variant(settled);
      if (Induction::same_form(other)) return Equality::proved;
    }
    switch (induction_.differs(other, lemmas_).kind) {
      case Answer::Kind::no:
        return Equality::proved;
      case Answer::Kind::yes:
        return Equality::different;
      default:
        return Equality::unanswered;
    }
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
    return induction_.variant(rules.mutant.kind, std::ref(rules), [&] { return rules.deviated; });
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
    for (const SymbolicWord& word : part.words) told = told & well_formed::is_id<Symbolic>(word);
    for (const IdMap<Symbolic>& map : part.maps) {
      told = told & well_formed::map(map) & well_formed::written_whole(map) & well_formed::leads_to_ids(map);
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
    MutantRules late = rules_of(rules.mutant);
    late.mutant.change.detail = kInItsOrder;
    if (!Induction::same_form(variant(late))) return false;
    const std::vector<Tests>& proper = proper_tests(rules.mutant.kind);
    for (std::size_t call = 0; call < proper.size(); ++call) {
      const Tests &tests = proper[call], &its = rules.tests[call];
      if (tests.size() != its.size()) return false;
      for (std::size_t i = 0; i < tests.size(); ++i) {
        if (is_same(tests[i], its[i])) continue;
        if (i + 1 == tests.size() || !is_same(tests[i], its[i + 1]) || !is_same(tests[i + 1], its[i])) return false;
        const auto& [guard, passed, holds] = tests[i];
        const auto& [next_guard, next_passed, next_holds] = tests[i + 1];
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
