// SPDX-License-Identifier: GPL-2.0-only
// Whether an input for which a kernel's function differs from its rule can be: a program that leads to one, or the
// invariants by which none does.
#ifndef CAPCHECK_SOLVER_KERNEL_REACH_H_
#define CAPCHECK_SOLVER_KERNEL_REACH_H_

#include <z3++.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/profile.h"
#include "model/program.h"
#include "solver/kernel/functions.h"
#include "solver/kernel/occurrence.h"
#include "solver/kernel/scene.h"
#include "solver/query.h"
#include "solver/symbolic.h"

namespace capcheck {

/// The unknowns of a scene: as terms, and by the names under which an Occurrence has their values.
using NamedConstants = std::vector<std::pair<z3::expr, std::string>>;
NamedConstants named_constants(const Scene& scene);

/// The scene's terms over machine integers: for those values, what is missing being 0. In the scope of the scene.
z3::model model_of(const NamedConstants& constants, const Occurrence<Concrete>& occurrence);

/// The names of invariants of states, claimed of the profile, that leave no input for which a condition holds in a
/// scene; empty if there may be one, or no answer. That they are proved is for the caller to see to.
std::vector<std::string_view> invariants_that_exclude(Scene& scene, const SymbolicBool& condition,
                                                      std::chrono::milliseconds timeout);

/// A program of the profile's model whose last call runs the function in that situation with an input for which the
/// condition holds.
struct Reached {
  std::optional<Program> program;
  std::string why_none{};  ///< in words, where there is none
};
Reached reach(Scene& scene, const ProvedFunction& function, unsigned situation, const SymbolicBool& condition,
              std::chrono::milliseconds timeout);

}  // namespace capcheck

#endif
