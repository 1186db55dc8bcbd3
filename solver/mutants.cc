// SPDX-License-Identifier: GPL-2.0-only
#include "solver/mutants.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

#include "solver/induction.h"
#include "solver/prove.h"
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

/// step() with a mutant in it, over Z3 terms.
/// `deviated` becomes when the last call can have gone otherwise than by the rules.
Stepper<Symbolic> rules_of(const Profile& profile, const Mutant& mutant, Unfinished& unfinished,
                           SymbolicBool& deviated) {
  return [&profile, mutant, &unfinished, &deviated](World<Symbolic>& world, const Call<Symbolic>& call) {
    MutantRun<Symbolic> run;
    run.mutant = mutant;
    run.unfinished = [&](unsigned number, const SymbolicBool& goes_on, const SymbolicWord& word) {
      return unfinished(call.kind, number, goes_on, word);
    };
    World<M> lifted = lift(world);
    Call<M> lifted_call{call.kind, call.task, {}};
    std::ranges::copy(call.args, lifted_call.args.begin());
    const Reply<M> reply = mutated_step<Symbolic>(profile, run, lifted, lifted_call);
    world = lower(lifted);
    // Of a loop, not all steps are looked at; what is of the whole call has no site.
    const bool has_all_visits = !run.changed_loop && mutant.site != kNoSite;
    deviated = has_all_visits ? run.deviates : SymbolicBool(true);
    return lower(reply);
  };
}

}  // namespace

const std::vector<Statement>& statements_for_mutants() {
  static const std::vector<Statement> statements = [] {
    std::vector<Statement> all = all_statements();
    all.insert(all.begin() + 1, {statement<NamespacesExist>(), statement<SecondLineFollowsFirst>(),
                                 statement<FlagsAreBoolean>(), statement<DumpableHaveFsIds>()});
    return all;
  }();
  return statements;
}

class MutantProver::Impl {
 public:
  Impl(const Profile& profile, const std::vector<std::string>& proved, std::chrono::milliseconds timeout,
       CallKinds calls)
      : profile_(profile),
        calls_(calls),
        induction_(profile_, rules_of(profile_, {}, unfinished_, deviated_), timeout, calls) {
    for (const Statement& statement : statements_for_mutants()) {
      if (std::ranges::find(proved, statement.info->name) == proved.end()) continue;
      kept_.push_back(&statement);
      if (statement.of_states()) lemmas_.push_back(induction_.add_lemma(statement));
    }
    induction_.look_up_namespaces();
  }

  Induction::Variant variant(const Mutant& mutant) {
    require_call(mutant);
    return induction_.variant(mutant.kind, rules_of(profile_, mutant, unfinished_, deviated_),
                              [&] { return deviated_; });
  }

  bool has_same_form(const Mutant& mutant) const {
    require_call(mutant);
    return induction_.same_form(mutant.kind, rules_of(profile_, mutant, unfinished_, deviated_));
  }

  Equality equality(const Mutant& mutant) {
    Induction::Variant other = variant(mutant);
    if (Induction::same_form(other)) return Equality::same_form;
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
    Induction::Variant other = variant(mutant);
    Breaks found{{}, false};
    for (const Statement* statement : induction_.broken(other, kept_, lemmas_, found.unanswered)) {
      found.broken.push_back(statement->info);
    }
    return found;
  }

 private:
  /// Of a call that is not looked at, nothing would differ.
  void require_call(const Mutant& mutant) const {
    if (calls_ & kinds({mutant.kind})) return;
    throw std::invalid_argument(fmt::format("asked of a mutant of {}, which is not looked at", info(mutant.kind).name));
  }

  const Profile profile_;
  const CallKinds calls_;
  const TermScope scope_{Induction::kUnrolling};
  mutable Unfinished unfinished_;
  mutable SymbolicBool deviated_;
  Induction induction_;
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
