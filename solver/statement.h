// SPDX-License-Identifier: GPL-2.0-only
// A statement to prove: an invariant's templates, over both domains, as plain functions.
#ifndef CAPCHECK_SOLVER_STATEMENT_H_
#define CAPCHECK_SOLVER_STATEMENT_H_

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/domain.h"
#include "model/invariants.h"
#include "model/profile.h"
#include "model/world.h"
#include "solver/symbolic.h"
#include "solver/transition.h"

namespace capcheck {

/// A statement over one domain. Of states, it is about every live task, every namespace in use, or both. Of steps, it
/// has the other two.
template <Domain D>
struct StatementOver {
  using Word = typename D::Word;
  using Bool = typename D::Bool;
  Bool (*of_task)(const Profile&, const World<D>&, std::size_t task) = nullptr;
  Bool (*of_namespace)(const Profile&, const World<D>&, const Word& index) = nullptr;
  Bool (*premise)(const Profile&, const Step<D>&) = nullptr;
  Bool (*conclusion)(const Profile&, const Step<D>&) = nullptr;
};

struct Statement {
  const InvariantInfo* info = nullptr;
  Claim (*claim)(const Profile&) = nullptr;
  bool of_helpers = false;  ///< of steps: it is about user-mode helpers, not about callers and their children
  StatementOver<Concrete> concrete{};
  StatementOver<Symbolic> symbolic{};

  bool of_states() const { return concrete.premise == nullptr; }

  template <Domain D>
  const StatementOver<D>& over() const {
    if constexpr (std::same_as<D, Symbolic>) {
      return symbolic;
    } else {
      return concrete;
    }
  }
};

namespace detail {

/// A statement of states about more than what is observed of a task speaks of a task of a world, perhaps of a
/// namespace.
template <class I, class D>
concept WorldInvariant =
    requires(const Profile& profile, const World<D>& world) { I::of_task(profile, world, std::size_t{}); };
template <class I, class D>
concept SpeaksOfNamespaces = requires(const Profile& profile, const World<D>& world, const typename D::Word& index) {
  I::of_namespace(profile, world, index);
};

template <class I, Domain D>
StatementOver<D> statement_over() {
  using Word = typename D::Word;
  StatementOver<D> over;
  if constexpr (WorldInvariant<I, D>) {
    over.of_task = [](const Profile& profile, const World<D>& world, std::size_t task) {
      return I::of_task(profile, world, task);
    };
    if constexpr (SpeaksOfNamespaces<I, D>) {
      over.of_namespace = [](const Profile& profile, const World<D>& world, const Word& index) {
        return I::of_namespace(profile, world, index);
      };
    }
  } else if constexpr (StateInvariant<I, D>) {
    over.of_task = [](const Profile& profile, const World<D>& world, std::size_t task) {
      return I::holds(profile, observe(world, task));
    };
  } else {
    over.premise = [](const Profile& profile, const Step<D>& step) { return I::premise(profile, step); };
    over.conclusion = [](const Profile& profile, const Step<D>& step) { return I::conclusion(profile, step); };
  }
  return over;
}

template <class T, std::size_t Size>
std::vector<std::uint64_t> indices(const std::array<T, Size>&) {
  std::vector<std::uint64_t> all(Size);
  for (std::size_t i = 0; i < Size; ++i) all[i] = i;
  return all;
}

template <class T>
std::vector<SymbolicWord> indices(const SymbolicTable<T>& table) {
  std::vector<SymbolicWord> all;
  for (const auto& slot : table.slots()) all.push_back(slot.index);
  return all;
}

}  // namespace detail

/// The statement that a type of the form used in model/invariants.h makes, or one like WorldWellFormed.
template <class I>
Statement statement() {
  return {&I::info, &I::claim, OfHelpers<I>, detail::statement_over<I, Concrete>(),
          detail::statement_over<I, Symbolic>()};
}

/// What a statement of states says of a world: conditions that each live task has to meet, and each of these namespaces
/// that is in use.
template <Domain D>
std::vector<typename D::Bool> conditions(const Statement& statement, const Profile& profile, const World<D>& world,
                                         std::span<const typename D::Word> namespaces) {
  using Word = typename D::Word;
  const StatementOver<D>& over = statement.over<D>();
  std::vector<typename D::Bool> found;
  const auto add = [&](const typename D::Bool& exists, auto condition) {
    if (detail::certainly_not(exists)) return;
    for (const auto& part : conjuncts(condition())) found.push_back(implies<D>(exists, part));
  };
  for (std::size_t task = 0; task < kMaxTasks; ++task) {
    add(!(world.tasks[task].alive == Word(0)), [&] { return over.of_task(profile, world, task); });
  }
  if (!over.of_namespace) return found;
  for (const Word& index : namespaces) {
    add(index < world.namespace_count, [&] { return over.of_namespace(profile, world, index); });
  }
  return found;
}

/// Whether a statement of states holds in a world.
template <Domain D>
typename D::Bool holds(const Statement& statement, const Profile& profile, const World<D>& world) {
  const auto namespaces = detail::indices(world.namespaces);
  typename D::Bool all(true);
  for (const auto& condition : conditions<D>(statement, profile, world, namespaces)) all = all & condition;
  return all;
}

/// What a search looks for in the last step of a trace.
struct Goal {
  enum class Kind : std::uint8_t {
    violation,  ///< the step breaks the statement
    premise,    ///< the step meets the statement's premise
  };
  const Statement* statement;
  Kind kind;
};

/// The ways in which a transition meets a goal.
template <Domain D>
std::vector<typename D::Bool> ways_to_meet(const Goal& goal, const Profile& profile, const Transition<D>& transition) {
  using Bool = typename D::Bool;
  const Statement& statement = *goal.statement;
  std::vector<Bool> ways;
  if (statement.of_states()) {
    const auto namespaces = detail::indices(transition.after.namespaces);
    for (const auto& condition : conditions<D>(statement, profile, transition.after, namespaces)) {
      ways.push_back(!condition);
    }
    return ways;
  }
  for (const Successor<D>& successor : transition.successors) {
    if (statement.of_helpers != (successor.whose == Whose::helper)) continue;
    const Step<D> step = transition.seen(successor);
    const Bool premise = successor.exists & statement.over<D>().premise(profile, step);
    if (detail::certainly_not(premise)) continue;
    if (goal.kind == Goal::Kind::premise) {
      ways.push_back(premise);
      continue;
    }
    for (const auto& part : conjuncts(statement.over<D>().conclusion(profile, step))) ways.push_back(premise & !part);
  }
  return ways;
}

/// Whether a transition meets a goal.
template <Domain D>
typename D::Bool meets(const Goal& goal, const Profile& profile, const Transition<D>& transition) {
  typename D::Bool met(false);
  for (const auto& way : ways_to_meet(goal, profile, transition)) met = met | way;
  return met;
}

}  // namespace capcheck

#endif
