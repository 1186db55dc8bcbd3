// SPDX-License-Identifier: GPL-2.0-only
// The inductive step: one call of any kind, with any arguments, in any world.
#ifndef CAPCHECK_SOLVER_INDUCTION_H_
#define CAPCHECK_SOLVER_INDUCTION_H_

#include <chrono>
#include <cstddef>
#include <span>
#include <vector>

#include "model/call.h"
#include "model/faults.h"
#include "model/profile.h"
#include "solver/query.h"
#include "solver/statement.h"
#include "solver/symbolic.h"
#include "solver/transition.h"

namespace capcheck {

/// Of every reachable world, known or under test. An index into what Induction was given.
using Lemma = std::size_t;

/// Whether one kind of call can break a statement: `no` is a proof for that kind.
struct Inductive {
  Answer answer;
  std::vector<Lemma> used;  ///< after `no`: the lemmas that the proof used
};

/// An arbitrary world and every call in it. Lives within one TermScope.
class Induction {
 public:
  Induction(const Profile& profile, Fault fault, std::chrono::milliseconds timeout);

  /// Makes a statement of states available for breaks(). Lemmas are numbered from 0.
  Lemma add_lemma(const Statement& statement);

  /// Can a call of that kind break the statement, in a world in which the lemmas hold? Of a statement of steps: is
  /// there a step that meets the premise and not the conclusion. Of states: is it broken after the call.
  Inductive breaks(const Statement& statement, CallKind kind, std::span<const Lemma> lemmas);

  std::size_t asked() const { return query_.asked(); }

 private:
  Profile profile_;
  World<Symbolic> world_;
  std::vector<Transition<Symbolic>> transitions_;  ///< one of each kind
  Query query_;
  struct Known {
    SymbolicBool holds;  ///< in the world before the call
    SymbolicBool name;
  };
  std::vector<Known> lemmas_;
};

}  // namespace capcheck

#endif
