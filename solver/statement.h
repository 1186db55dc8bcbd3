// SPDX-License-Identifier: GPL-2.0-only
// A statement to prove: an invariant's templates, over both domains, as plain functions.
#ifndef CAPCHECK_SOLVER_STATEMENT_H_
#define CAPCHECK_SOLVER_STATEMENT_H_

#include <concepts>
#include <cstdint>

#include "model/domain.h"
#include "model/invariants.h"
#include "model/profile.h"
#include "model/world.h"
#include "solver/symbolic.h"
#include "solver/transition.h"

namespace capcheck {

/// A statement over one domain: of states (`of_state` alone) or of steps (the other two).
template <Domain D>
struct StatementOver {
  typename D::Bool (*of_state)(const Profile&, const World<D>&) = nullptr;
  typename D::Bool (*premise)(const Profile&, const Step<D>&) = nullptr;
  typename D::Bool (*conclusion)(const Profile&, const Step<D>&) = nullptr;
};

struct Statement {
  const InvariantInfo* info = nullptr;
  Claim (*claim)(const Profile&) = nullptr;
  StatementOver<Concrete> concrete;
  StatementOver<Symbolic> symbolic;

  bool of_states() const { return concrete.of_state != nullptr; }

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

template <class I, Domain D>
StatementOver<D> statement_over() {
  if constexpr (StateInvariant<I, D>) {
    return {[](const Profile& profile, const World<D>& world) { return I::holds(profile, observe(world, 0)); }, nullptr,
            nullptr};
  } else if constexpr (requires(const Profile& profile, const World<D>& world) { I::holds(profile, world); }) {
    return {[](const Profile& profile, const World<D>& world) { return I::holds(profile, world); }, nullptr, nullptr};
  } else {
    return {nullptr, [](const Profile& profile, const Step<D>& step) { return I::premise(profile, step); },
            [](const Profile& profile, const Step<D>& step) { return I::conclusion(profile, step); }};
  }
}

}  // namespace detail

/// The statement that a type of the form used in model/invariants.h makes. holds() may also speak of the whole world.
template <class I>
Statement statement() {
  return {&I::info, &I::claim, detail::statement_over<I, Concrete>(), detail::statement_over<I, Symbolic>()};
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

/// Whether a transition meets a goal.
template <Domain D>
typename D::Bool meets(const Goal& goal, const Profile& profile, const Transition<D>& transition) {
  const StatementOver<D>& statement = goal.statement->over<D>();
  if (statement.of_state) return !statement.of_state(profile, transition.world);
  typename D::Bool premise = statement.premise(profile, transition.seen());
  if (goal.kind == Goal::Kind::premise) return premise;
  return premise & !statement.conclusion(profile, transition.seen());
}

}  // namespace capcheck

#endif
