// SPDX-License-Identifier: GPL-2.0-only
#include "solver/kernel/reach.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "model/call.h"
#include "solver/prove.h"
#include "solver/quest.h"
#include "solver/replay.h"
#include "solver/search.h"
#include "solver/statement.h"
#include "solver/transition.h"

namespace capcheck {
namespace {

/// All sequences of up to so many calls are looked at.
constexpr std::size_t kBound = 2;

/// The constants of a term that nothing is known of.
std::vector<z3::expr> constants_of(const z3::expr& term) {
  std::vector<z3::expr> found, open{term};
  std::set<unsigned> seen;
  while (!open.empty()) {
    const z3::expr here = open.back();
    open.pop_back();
    if (!seen.insert(here.id()).second) continue;
    if (here.is_const() && here.decl().decl_kind() == Z3_OP_UNINTERPRETED) found.push_back(here);
    for (unsigned i = 0; i < here.num_args(); ++i) open.push_back(here.arg(i));
  }
  return found;
}

std::string name_of(const z3::expr& constant) {
  return constant.decl().name().str();
}

/// A word as a value of the constant's sort.
z3::expr of_sort(const z3::expr& constant, const SymbolicWord& word) {
  if (constant.is_bool()) return (!(word == SymbolicWord(0))).term();
  return low_bits(word, constant.get_sort().bv_size());
}

template <Domain D>
std::optional<typename D::Word> value_of(const Occurrence<D>& occurrence, std::string_view name) {
  const auto found =
      std::ranges::find(occurrence.values, name, [](const auto& each) -> std::string_view { return each.first; });
  return found == occurrence.values.end() ? std::nullopt : std::optional(found->second);
}

/// The condition, and whose values its constants take.
class Condition {
 public:
  Condition(const Scene& scene, const SymbolicBool& condition)
      : context_(TermScope::context()), term_(scene.interpreter().spelled_out(condition.term())) {
    for (const auto& [constant, name] : named_constants(scene)) names_.emplace(name_of(constant), name);
    for (const z3::expr& constant : constants_of(term_)) {
      const auto found = names_.find(name_of(constant));
      if (found != names_.end()) constants_.emplace_back(constant, found->second);
    }
  }

  /// Over machine integers: for these values of the scene's unknowns, what is missing being 0.
  bool holds(const Occurrence<Concrete>& occurrence) {
    std::vector<std::uint64_t> values;
    for (const auto& [constant, name] : constants_) values.push_back(value_of(occurrence, name).value_or(0));
    const auto [found, is_new] = known_.try_emplace(values, false);
    if (is_new) found->second = model_of(constants_, occurrence).eval(term_, true).is_true();
    return found->second;
  }

  /// The same in the innermost scope, which need not be the condition's own.
  std::function<SymbolicBool(const Occurrence<Symbolic>&)> translated() const {
    z3::context& context = TermScope::context();
    const z3::expr here(context, Z3_translate(context_, term_, context));
    std::vector<std::pair<z3::expr, std::string>> constants;
    for (const z3::expr& constant : constants_of(here)) {
      const auto found = names_.find(name_of(constant));
      constants.emplace_back(constant, found == names_.end() ? "" : found->second);
    }
    return [&context, here, constants](const Occurrence<Symbolic>& occurrence) {
      z3::expr_vector from(context), to(context);
      for (const auto& [constant, name] : constants) {
        from.push_back(constant);
        to.push_back(of_sort(constant, value_of(occurrence, name).value_or(SymbolicWord(0))));
      }
      z3::expr term = here;
      return condition_of(term.substitute(from, to));
    };
  }

 private:
  z3::context& context_;
  z3::expr term_;
  std::map<std::string, std::string, std::less<>> names_{};  ///< of the unknowns, by the constants'
  NamedConstants constants_{};                               ///< with the unknowns' names
  std::map<std::vector<std::uint64_t>, bool> known_{};
};

std::vector<CallKind> list(CallKinds kinds) {
  std::vector<CallKind> found;
  for (const CallInfo& call : kCalls) {
    if (kinds & capcheck::kinds({call.kind})) found.push_back(call.kind);
  }
  return found;
}

/// Looks for programs whose last call meets the condition.
class Seeker {
 public:
  Seeker(Scene& scene, const ProvedFunction& function, unsigned situation, const SymbolicBool& condition)
      : profile_(scene.profile()), function_(function), situation_(situation), condition_(scene, condition) {}

  Quest quest() {
    return {fmt::format("{}()", function_.name), [this](const World<Symbolic>&) { return watch(); },
            [this](const Program& program) { return replays(program); },
            [this](const Program& program) { return beginning(program); }};
  }

 private:
  bool runs(CallKind kind) const { return (function_.occurrences.kinds & kinds({kind})) != 0; }

  Watch watch() const {
    return {true,
            [this, holds = condition_.translated()](const Transition<Symbolic>& made) {
              if (!runs(made.call.kind)) return SymbolicBool(false);
              const auto occurrence = function_.occurrences.symbolic(profile_, situation_, made);
              return occurrence.happens.is_false() ? SymbolicBool(false) : occurrence.happens & holds(occurrence);
            },
            [](const Transition<Symbolic>&) {}};
  }

  bool is_met(const Transition<Concrete>& made) {
    if (!runs(made.call.kind)) return false;
    const auto occurrence = function_.occurrences.concrete(profile_, situation_, made);
    return occurrence.happens && condition_.holds(occurrence);
  }

  bool replays(const Program& program) {
    World<Concrete> world = initial_world(profile_);
    for (const Call<Concrete>& call : program.calls) {
      if (world.tasks[call.task].alive == 0) return false;
      if (&call == &program.calls.back()) return is_met(take(profile_, Fault::none, world, call));
      step(profile_, world, call);
    }
    return false;
  }

  std::optional<Program> beginning(const Program& program) {
    World<Concrete> world = initial_world(profile_);
    Program made;
    for (const Call<Concrete>& call : program.calls) {
      if (!world.tasks[call.task].alive) continue;
      if (world.namespace_count + 1 >= kMaxNamespaces) return std::nullopt;
      made.calls.push_back(call);
      if (!runs(call.kind)) {
        step(profile_, world, call);
        continue;
      }
      const Transition<Concrete> transition = take(profile_, Fault::none, world, call);
      if (is_met(transition)) return made;
      world = transition.after;
    }
    return std::nullopt;
  }

  Profile profile_;
  const ProvedFunction& function_;
  unsigned situation_;
  Condition condition_;
};

}  // namespace

NamedConstants named_constants(const Scene& scene) {
  NamedConstants named;
  for (const Unknown& unknown : scene.unknowns()) {
    for (const z3::expr& constant : constants_of(unknown.word.term())) named.emplace_back(constant, unknown.name);
  }
  return named;
}

z3::model model_of(const NamedConstants& constants, const Occurrence<Concrete>& occurrence) {
  // Not of the innermost scope, which may be that of a search.
  z3::context& context = constants.empty() ? TermScope::context() : constants.front().first.ctx();
  z3::model model(context);
  for (const auto& [constant, name] : constants) {
    const std::uint64_t value = value_of(occurrence, name).value_or(0);
    z3::func_decl declared = constant.decl();
    z3::expr term = constant.is_bool()
                        ? context.bool_val(value != 0)
                        : context.bv_val(value, 64).extract(constant.get_sort().bv_size() - 1, 0).simplify();
    model.add_const_interp(declared, term);
  }
  return model;
}

std::vector<std::string_view> invariants_that_exclude(Scene& scene, const SymbolicBool& condition,
                                                      std::chrono::milliseconds timeout) {
  if (!scene.has_task()) return {};
  const Profile& profile = scene.profile();
  Query query(timeout);
  std::vector<std::pair<std::string_view, SymbolicBool>> named;
  std::vector<SymbolicBool> assumptions;
  for (const Statement& statement : all_statements()) {
    // Those about more than a task ask for what is no part of a scene.
    if (!statement.of_states() || statement.symbolic.of_namespace || statement.claim(profile) != Claim::holds) continue;
    const SymbolicBool holds = statement.symbolic.of_task(profile, scene.world(), 0);
    if (holds.is_true()) continue;
    named.emplace_back(statement.info->name, query.name(holds));
    assumptions.push_back(named.back().second);
  }
  if (query.ask(condition, assumptions).kind != Answer::Kind::no) return {};
  std::vector<std::string_view> used;
  for (const auto& [name, assumption] : named) {
    if (query.used(assumption)) used.push_back(name);
  }
  return used;
}

Reached reach(Scene& scene, const ProvedFunction& function, unsigned situation, const SymbolicBool& condition,
              std::chrono::milliseconds timeout) {
  if (function.occurrences.kinds == 0) return {{}, "no call shows by itself what the function does"};
  Seeker seeker(scene, function, situation, condition);
  const std::vector<CallKind> last = list(function.occurrences.kinds);
  const Found found = Search(scene.profile(), Fault::none, timeout).shortest(seeker.quest(), kBound, last);
  if (found.program) return {found.program};
  if (found.answer.kind != Answer::Kind::no)
    return {{}, fmt::format("Z3 does not say whether a call leads to it: {}", found.answer.reason)};
  return {{},
          fmt::format("no program was found that leads to it: none of up to {} calls does, and none that was sampled",
                      found.looked_at)};
}

}  // namespace capcheck
