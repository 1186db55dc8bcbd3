// SPDX-License-Identifier: GPL-2.0-only
// The trial of every mutant of a profile: by fuzzer, properties and solver, side by side.
#ifndef CAPCHECK_FUZZ_MUTANT_TRIAL_H_
#define CAPCHECK_FUZZ_MUTANT_TRIAL_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/mutant_kills.h"
#include "model/mutants.h"
#include "model/profile.h"
#include "solver/mutants.h"

namespace capcheck {

struct MutantTrialOptions {
  Profile profile;
  std::filesystem::path kernel;    ///< of that profile, in process
  std::vector<std::string> calls;  ///< by name, whose mutants are tried; empty: all
  unsigned fuzz_seconds = 60;
  std::uint64_t properties = 100'000;       ///< programs that RapidCheck draws
  std::uint64_t samples = 5'000;            ///< programs in whose worlds invariants are tried before Z3 is asked
  std::uint64_t worlds = 3'000;             ///< that are drawn, for invariants and to see who differs
  std::uint64_t kernel_worlds = 20'000;     ///< that are drawn, in each WorldForm, for what the kernel is proved to do
  std::chrono::milliseconds timeout{3000};  ///< for each question to Z3
  std::chrono::seconds solver_budget{240};  ///< for questions about equality, and a third of it for invariants
  std::function<void(std::string_view)> on_progress = [](std::string_view) {};
};

/// What the solver has against a mutant.
struct Refutation {
  std::string by;  ///< an invariant that breaks, or the function of the kernel that is proved to do otherwise
  bool is_kernel;  ///< it is such a function
  /// The call that showed it did: the function gave its caller something else, and nothing came of it.
  bool came_to_the_same = false;
};

/// What became of one mutant.
struct MutantResult {
  std::size_t mutant;  ///< its place in Mutants::all()
  std::optional<Kill> fuzzer{}, properties{};
  std::optional<Refutation> solver{};  ///< none if none was found
  std::optional<Equality> equality{};  ///< asked only of those that nobody killed

  bool killed() const { return fuzzer || properties || solver; }
  bool equivalent() const { return equality == Equality::proved; }
};

struct MutantTrial {
  std::size_t generated;              ///< of the calls that are tried; those of the very same form among them
  std::vector<MutantResult> results;  ///< of the others
  std::vector<std::string>
      unproved;  ///< functions of the kernel whose proofs have no answer, or fail: they kill nothing
  std::uint64_t fuzzer_programs;
  double seconds;
};

/// The names of the invariants that are proved on a profile: what the solver holds mutants to.
std::vector<std::string> proved_names(const Profile& profile);

/// The mutants of calls of these names; of none: all. Places in Mutants::all().
std::vector<std::size_t> mutants_to_try(const Mutants& mutants, const std::vector<std::string>& calls);

/// Throws std::runtime_error if kernel and model do not agree while mutants are tried, or the fuzz target cannot run.
MutantTrial try_mutants(const Mutants& mutants, const MutantTrialOptions& options);

}  // namespace capcheck

#endif
