// SPDX-License-Identifier: GPL-2.0-only
// Every state that a small world can reach, every call in each: on the model, with every invariant asked of every step;
// and the same on a kernel in this process, compared.
#ifndef CAPCHECK_FUZZ_ENUMERATE_H_
#define CAPCHECK_FUZZ_ENUMERATE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/small_world.h"
#include "fuzz/sut/in_process_kernel.h"
#include "model/faults.h"
#include "model/invariants.h"
#include "model/profile.h"

namespace capcheck {

/// Calls from a start of a small world: a shortest way to a state.
struct Path {
  TaskState<Concrete> start;
  std::vector<Call<Concrete>> calls;
};

/// What all the steps of a small world say of one invariant.
struct Exhausted {
  const InvariantInfo* info;
  Claim claim;
  bool met;                    ///< of states: always; of steps: some step met the premise
  std::optional<Path> broken;  ///< a shortest way to break it; none: it holds in every state and step
};

struct Enumeration {
  std::vector<PackedState> states;  ///< in the order in which they were found: by the number of calls
  std::size_t steps = 0;            ///< calls made: one for each state and call of the alphabet
  double seconds = 0;
  std::vector<Exhausted> invariants;  ///< those that are claimed, or refuted, on the profile
};

/// Makes every call of a small world in every state that is reached, on the model, by the rules with a fault planted in
/// them (or none). Throws std::logic_error if the alphabet has a call that does more than the states can tell.
Enumeration enumerate_model(const Profile& profile, const SmallWorld& world, Fault fault = Fault::none);

/// A step in which a kernel differs from the model.
struct Difference {
  TaskState<Concrete> before;
  Call<Concrete> call;
  std::string report;  ///< model and kernel side by side
};

struct KernelEnumeration {
  std::size_t steps = 0;
  double seconds = 0;  ///< of model, kernel and comparison
  std::optional<Difference> difference;
};

/// Makes every call in each of the states on a kernel, and compares result, output and state with the model's. Stops at
/// the first difference. Throws std::runtime_error if the kernel dies.
KernelEnumeration enumerate_kernel(const Profile& profile, const SmallWorld& world,
                                   const std::vector<PackedState>& states, InProcessKernel& kernel);

}  // namespace capcheck

#endif
