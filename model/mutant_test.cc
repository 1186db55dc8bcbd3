// SPDX-License-Identifier: GPL-2.0-only
#include "model/mutant.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "model/mutants.h"
#include "model/program.h"
#include "model/trace_text.h"

namespace capcheck {
namespace {

using M = MutantDomain<Concrete>;

const Profile kProfile{.features = {.userns = true, .userfaultfd_cap = true}};

World<M> initial_world(MutantRun<Concrete>& run) {
  MutantRun<Concrete>* const outer = std::exchange(mutant_run<Concrete>, &run);
  run.paused = 1;
  World<M> world{};
  begin(world, kProfile);
  mutant_run<Concrete> = outer;
  return world;
}

/// The numbers of the sites that a step comes by.
class Numbers : public SiteObserver {
 public:
  std::span<const Mutant> visit(const SiteVisit& visit) override {
    seen.insert({visit.number, visit.operation});
    return {};
  }
  void differs(const Mutant&, std::uint64_t) override {}

  std::set<std::pair<std::uint16_t, Operation>> seen;
};

/// Calls of every kind, one after another, with arguments that take most of them far.
std::vector<Call<M>> some_calls() {
  std::vector<Call<M>> calls;
  for (const std::uint64_t argument : {0, 1, 2, 1000, 0x10000000}) {
    for (const CallInfo& info : kCalls) {
      if (info.kind == CallKind::exit_group || info.kind == CallKind::chroot) continue;  // nothing would follow
      Call<Concrete> plain{info.kind, 0, {argument, argument}};
      canonicalise(plain);
      Call<M> call{info.kind, 0, {}};
      std::ranges::copy(plain.args, call.args.begin());
      calls.push_back(call);
    }
  }
  return calls;
}

TEST(Mutants, SitesOfAKindAreTheSameInEveryWorld) {
  const Mutants mutants(kProfile);
  MutantRun<Concrete> run;
  World<M> world = initial_world(run);
  std::array<std::set<std::pair<std::uint16_t, Operation>>, kCalls.size()> of_kind;
  for (const Call<M>& call : some_calls()) {
    Numbers numbers;
    run.observer = &numbers;
    mutated_step<Concrete>(kProfile, run, world, call);
    auto& known = of_kind[static_cast<std::size_t>(call.kind)];
    if (known.empty()) known = numbers.seen;
    EXPECT_EQ(numbers.seen, known) << info(call.kind).name;
  }
}

TEST(Mutants, WithoutAMutantTheStepIsTheModels) {
  MutantRun<Concrete> run;
  World<M> world = initial_world(run);
  World<Concrete> expected{};
  begin(expected, kProfile);
  for (const Call<M>& call : some_calls()) {
    Call<Concrete> plain{call.kind, call.task, {}};
    for (std::size_t i = 0; i < kMaxArguments; ++i) plain.args[i] = call.args[i].inner;
    const Reply<Concrete> reply = step(kProfile, expected, plain);
    ASSERT_EQ(mutated_step<Concrete>(kProfile, run, world, call).result.inner, reply.result) << print_call(plain);
    for (std::size_t task = 0; task < kMaxTasks; ++task) {
      ASSERT_EQ(world.tasks[task].alive.inner, expected.tasks[task].alive);
      for (const auto& field : kCredentialFields<Concrete>) {
        if (!expected.tasks[task].alive) continue;
        const std::size_t index = static_cast<std::size_t>(&field - kCredentialFields<Concrete>.data());
        ASSERT_EQ((world.tasks[task].cred.*kCredentialFields<M>[index].member).inner,
                  expected.tasks[task].cred.*field.member)
            << print_call(plain) << ' ' << field.name;
      }
    }
  }
}

TEST(Mutants, AreListedOnceInAnOrderOfTheirOwn) {
  const Mutants mutants(kProfile), again(kProfile);
  EXPECT_EQ(mutants.all(), again.all());
  EXPECT_EQ(std::set<Mutant>(mutants.all().begin(), mutants.all().end()).size(), mutants.all().size());
  for (std::size_t i = 0; i < mutants.all().size(); i += 97) EXPECT_EQ(mutants.index(mutants.all()[i]), i);
}

/// The mutant of that description.
const Mutant& find_mutant(const Mutants& mutants, CallKind kind, Guard guard, Mutation mutation) {
  for (const Mutant& mutant : mutants.of(kind)) {
    if (mutant.change.mutation == mutation && mutants.describe(mutant).find(info(guard).name) != std::string::npos &&
        mutants.operation(mutant) == Operation::guard) {
      return mutant;
    }
  }
  throw std::invalid_argument("no such mutant");
}

std::uint64_t result_of(const Mutant& mutant, const Call<M>& call) {
  MutantRun<Concrete> run;
  World<M> world = initial_world(run);
  run.mutant = mutant;
  return mutated_step<Concrete>(kProfile, run, world, call).result.inner;
}

TEST(Mutants, ADroppedGuardIsNotTested) {
  const Mutants mutants(kProfile);
  const Call<M> call{CallKind::capbset_drop, 0, {63}};
  EXPECT_EQ(result_of({}, call), 0 - std::uint64_t{EINVAL});
  EXPECT_EQ(result_of(find_mutant(mutants, CallKind::capbset_drop, Guard::capability_valid, Mutation::drop), call), 0u);
}

TEST(Mutants, SwappedGuardsTellTheOtherError) {
  const Mutants mutants(kProfile);
  const Call<M> call{CallKind::capset, 0, {0, 1}};  // neither the version nor the pid will do
  EXPECT_EQ(result_of({}, call), 0 - std::uint64_t{EINVAL});
  EXPECT_EQ(result_of(find_mutant(mutants, CallKind::capset, Guard::version_known, Mutation::swap_next), call),
            0 - std::uint64_t{EPERM});
}

}  // namespace
}  // namespace capcheck
