// SPDX-License-Identifier: GPL-2.0-only
// What mutants do, held against what the kernel's functions are proved to do.
#ifndef CAPCHECK_FUZZ_KERNEL_PROOFS_H_
#define CAPCHECK_FUZZ_KERNEL_PROOFS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "fuzz/mutant_race.h"
#include "model/mutant.h"
#include "model/profile.h"
#include "solver/kernel/functions.h"

namespace capcheck {

/// What the kernel of a profile is proved to do as the rules say.
class KernelProofs {
 public:
  /// Proves these functions, which live as long. Throws std::runtime_error if the kernel is not built.
  explicit KernelProofs(const Profile& profile, std::span<const ProvedFunction> functions = proved_functions());

  /// The functions whose proofs fail, or have no answer.
  const std::vector<std::string>& unproved() const { return unproved_; }

  /// The function of the kernel that a mutant parts from by what it did; empty if there is none.
  std::string parted_from(const Mutant& mutant, const MutantRace::Attempt& attempt) const;

 private:
  bool parts_as_call(const MutantRace::Attempt& attempt, World<Concrete> world, const Call<Concrete>& call) const;
  std::vector<FunctionOutcome<Concrete>> outcomes_around(std::uint16_t site, const Mutant& mutant,
                                                         const MutantRace::Attempt& attempt) const;
  std::string name_of(const ProvedFunction& function) const;

  Profile profile_;
  std::string kernel_;
  std::vector<const ProvedFunction*> proved_;
  std::vector<std::string> unproved_;
};

}  // namespace capcheck

#endif
