// SPDX-License-Identifier: GPL-2.0-only
// What the proofs say of mutants of the rules (model/mutant.h): that some invariant breaks, that nothing tells the
// mutant from the rules, or neither.
#ifndef CAPCHECK_SOLVER_MUTANTS_H_
#define CAPCHECK_SOLVER_MUTANTS_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/faults.h"
#include "model/invariants.h"
#include "model/mutant.h"
#include "model/profile.h"
#include "solver/statement.h"

namespace capcheck {

/// What mutants are held to, and looked at in the light of: all_statements(), and what else is true of worlds, which no
/// other proof needs and which takes Z3 longer.
const std::vector<Statement>& statements_for_mutants();

/// Whether a mutant is one.
enum class Equality : std::uint8_t {
  same_form,   ///< it gives the very same terms: the same text in other words
  proved,      ///< in every world in which what is proved of states holds, it gives and leaves the same
  different,   ///< in some such world it does not, as far as Z3 knows, which knows no end of a loop that changes
  unanswered,  ///< Z3 gave no answer
};

/// Which invariants a mutant breaks.
struct Breaks {
  std::vector<const InvariantInfo*> broken;  ///< proved ones: at least one if there is any, not all
  bool unanswered;                           ///< Z3 gave no answer of others
};

/// Judges the mutants of one profile. Belongs to the thread that made it.
class MutantProver {
 public:
  /// `proved` are the names of the invariants that hold on the profile (prove.h); `timeout` is for each question. Of
  /// mutants of other calls than these nothing can be asked: std::invalid_argument.
  MutantProver(const Profile& profile, const std::vector<std::string>& proved, std::chrono::milliseconds timeout,
               CallKinds calls = kEveryKind);
  ~MutantProver();
  MutantProver(const MutantProver&) = delete;
  MutantProver& operator=(const MutantProver&) = delete;

  /// By form alone, which takes little time.
  bool has_same_form(const Mutant& mutant);
  Equality equality(const Mutant& mutant);
  /// In an arbitrary world in which what is proved of states holds.
  Breaks breaks(const Mutant& mutant);
  /// All proved invariants that a planted fault breaks, each asked by itself.
  Breaks breaks(const FaultInfo& fault);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace capcheck

#endif
