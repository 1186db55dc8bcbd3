// SPDX-License-Identifier: GPL-2.0-only
// One call of a kind, with any arguments, in any world, as terms; and which of its unknowns stand for capabilities: so
// that capabilities can be renamed, or left out, before the call, and what comes of that compared.
#ifndef CAPCHECK_SOLVER_ANY_STEP_H_
#define CAPCHECK_SOLVER_ANY_STEP_H_

#include <z3++.h>

#include <cstdint>
#include <span>
#include <vector>

#include "model/call.h"
#include "model/faults.h"
#include "model/profile.h"
#include "model/step.h"
#include "model/world.h"
#include "solver/symbolic.h"

namespace capcheck {

/// A word that comes of a call, and whether it is a set of capabilities.
struct Consequence {
  SymbolicWord word;
  bool is_set;
};

/// An argument that is a capability's number, where `holds`: PR_CAP_AMBIENT_CLEAR_ALL takes a 0 that is none.
struct CapabilityArgument {
  SymbolicWord number;
  SymbolicBool holds;
};

/// Lives within one TermScope. Its world is any that the model could be in, but for what follows from invariants: task
/// 0 makes the call (see induction.h for why that will do), and tasks stand to each other and to the outside in any
/// way.
struct AnyStep {
  AnyStep(const Profile& profile, Fault fault, CallKind kind);

  std::vector<SymbolicWord> sets;                ///< unknowns of the world and the arguments that are sets
  std::vector<CapabilityArgument> capabilities;  ///< arguments
  SymbolicBool is_proper;                        ///< what holds of every argument
  SymbolicBool succeeds;
  std::vector<Consequence> state;   ///< the world after the call
  std::vector<Consequence> result;  ///< what it returned, and the guard that failed
  std::vector<Consequence> output;  ///< what it wrote

 private:
  void add_sets_of_other_tasks();
};

/// What a term is when unknowns have other values: `from` by `to`, one for one.
SymbolicWord substitute(const SymbolicWord& word, std::span<const SymbolicWord> from, std::span<const SymbolicWord> to);

}  // namespace capcheck

#endif
