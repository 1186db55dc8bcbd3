// SPDX-License-Identifier: GPL-2.0-only
// The kernel's functions that are proved equal to the model's rules: of each, the situations it is run in, and what is
// compared.
#ifndef CAPCHECK_SOLVER_KERNEL_FUNCTIONS_H_
#define CAPCHECK_SOLVER_KERNEL_FUNCTIONS_H_

#include <string>
#include <string_view>
#include <vector>

#include "model/faults.h"
#include "model/profile.h"
#include "solver/kernel/occurrence.h"
#include "solver/kernel/scene.h"

namespace capcheck {

/// A function of the kernel, and the rule that it is to be equal to.
struct ProvedFunction {
  std::string_view name;
  std::string_view rule;   ///< of the model
  std::string_view bound;  ///< how far the situations go; empty if they are all that there are
  unsigned (*situations)(const Profile& profile);
  /// Runs the function in one of the situations, and adds what is to be compared.
  void (*run)(Scene& scene, unsigned situation);
  /// The calls whose result and credentials afterwards are what is compared, within the bound.
  CallKinds calls = 0;
  /// Where calls of programs run it.
  Occurrences occurrences{};
};

/// All of them.
const std::vector<ProvedFunction>& proved_functions();

}  // namespace capcheck

#endif
