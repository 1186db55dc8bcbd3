// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/kernel_proofs.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "solver/kernel/bounds.h"
#include "solver/kernel/equality.h"

namespace capcheck {
namespace {

/// For each question to Z3 about a function of the kernel; the slowest takes some seconds.
constexpr std::chrono::seconds kKernelTimeout{60};

using Outcomes = std::vector<FunctionOutcome<Concrete>>;

/// The first that the function gives. Up to there nothing is changed but within it.
std::vector<std::uint64_t> of(const ProvedFunction& function, const Outcomes& outcomes) {
  const auto found = std::ranges::find(outcomes, function.name, &FunctionOutcome<Concrete>::function);
  return found == outcomes.end() ? std::vector<std::uint64_t>{} : found->words;
}

}  // namespace

KernelProofs::KernelProofs(const Profile& profile, std::span<const ProvedFunction> functions)
    : profile_(profile), kernel_(to_string(profile)) {
  const KernelCode code(kernel_bitcode(kernel_, ""));
  for (const ProvedFunction& function : functions) {
    if (prove_equal(code, profile, function, {kKernelTimeout}).verdict == EqualityVerdict::proved) {
      proved_.push_back(&function);
    } else {
      unproved_.emplace_back(function.name);
    }
  }
}

std::string KernelProofs::parted_from(const Mutant& mutant, const MutantRace::Attempt& attempt) const {
  const World<Concrete> world = lower(attempt.before);
  const Call<Concrete> call = lower(attempt.call);
  for (const ProvedFunction* function : proved_) {
    // A keyring that is pending is taken up before the call, by another function.
    const bool is_whole_call = world.tasks[call.task].pending_session == 0 && function->calls & kinds({call.kind});
    if (is_whole_call && is_within_bound(function->name, world, call) && parts_as_call(attempt, world, call))
      return name_of(*function);
  }
  if (mutant.site == kNoSite) return "";
  const Outcomes proper = outcomes_around(mutant.site, {}, attempt),
                 its = outcomes_around(mutant.site, mutant, attempt);
  for (const ProvedFunction* function : proved_) {
    const bool parts = of(*function, proper) != of(*function, its);
    if (parts && is_within_bound(function->name, world, call)) return name_of(*function);
  }
  return "";
}

/// What functions around a site give in a call.
Outcomes KernelProofs::outcomes_around(std::uint16_t site, const Mutant& mutant,
                                       const MutantRace::Attempt& attempt) const {
  MutantRun<Concrete> run;
  run.mutant = mutant;
  run.watched = site;
  World<MutantDomain<Concrete>> world = attempt.before;
  mutated_step<Concrete>(profile_, run, world, attempt.call);
  return run.outcomes;
}

/// Whether a call gives another result than the rule, or leaves its caller other credentials.
bool KernelProofs::parts_as_call(const MutantRace::Attempt& attempt, World<Concrete> world,
                                 const Call<Concrete>& call) const {
  const Reply<Concrete> proved = step(profile_, world, call);
  Credentials<Concrete> left = lower(attempt.after.tasks[call.task].cred);
  const auto value = [](const std::uint64_t* word) { return *word; };
  return proved.result != attempt.reply.result.inner ||
         !std::ranges::equal(words_of(left), words_of(world.tasks[call.task].cred), {}, value, value);
}

std::string KernelProofs::name_of(const ProvedFunction& function) const {
  return fmt::format("{}() of {}", function.name, kernel_);
}

}  // namespace capcheck
