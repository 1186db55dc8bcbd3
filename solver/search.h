// SPDX-License-Identifier: GPL-2.0-only
// Bounded search: the shortest trace from the initial state whose last call meets a goal.
#ifndef CAPCHECK_SOLVER_SEARCH_H_
#define CAPCHECK_SOLVER_SEARCH_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/call.h"
#include "model/faults.h"
#include "model/profile.h"
#include "model/program.h"
#include "solver/query.h"
#include "solver/statement.h"
#include "solver/symbolic.h"
#include "solver/transition.h"

namespace capcheck {

/// What a search came to. `yes`: a program; `no`: there is none within the bound; otherwise no answer, and why.
struct Found {
  Answer answer;
  std::optional<Program> program;
};

/// The calls of one task from the initial state, unrolled as far as a search has needed it so far. Lives within one
/// TermScope.
class Search {
 public:
  Search(const Profile& profile, Fault fault, std::chrono::milliseconds timeout);

  /// The shortest program that meets a goal, of at most `bound` calls; of those, the first by kinds of calls, in a
  /// readable form. The same arguments give the same program. Throws std::logic_error if the program that Z3 found does
  /// not meet the goal on the model over machine integers.
  Found shortest(const Goal& goal, std::size_t bound);

  std::size_t asked() const { return query_.asked() + asked_elsewhere_; }

 private:
  using Kinds = std::vector<CallKind>;

  template <class T>
  using OfKinds = std::array<T, kCalls.size()>;  ///< one of each kind of call

  /// The call in one place of the trace. Only the last call may be of a kind that changes nothing there.
  struct Place {
    World<Symbolic> before;
    OfKinds<SymbolicBool> is;                       ///< exactly one is true
    std::vector<Transition<Symbolic>> transitions;  ///< one of each kind
    OfKinds<bool> may_change;                       ///< the kind may change the world
    SymbolicBool changes{};                         ///< it is of such a kind
  };

  const Place& place(std::size_t index);
  World<Symbolic> after(const Place& place) const;
  Kinds kinds_found(std::size_t length) const;
  std::optional<Kinds> least_kinds(const SymbolicBool& goal, std::vector<SymbolicBool> assumptions, Answer& answer);
  Found program(const Goal& goal, const Kinds& kinds);

  Profile profile_;
  Fault fault_;
  std::chrono::milliseconds timeout_;
  Query query_;
  std::vector<Place> places_;
  std::size_t asked_elsewhere_ = 0;
};

}  // namespace capcheck

#endif
