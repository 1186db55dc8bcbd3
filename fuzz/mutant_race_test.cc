// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/mutant_race.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "corpus/files.h"
#include "fuzz/mutant_kills.h"
#include "fuzz/mutator.h"
#include "fuzz/score.h"
#include "model/mutants.h"
#include "solver/mutants.h"

namespace capcheck {
namespace {

const Profile kProfile{.features = {.userns = true}};
const Program kDropsInvalid{{{CallKind::capbset_drop, 0, {63}}}};

/// Places of the mutants of some kinds.
std::vector<std::size_t> places(const Mutants& mutants, std::initializer_list<CallKind> kinds_of_calls) {
  std::vector<std::size_t> found;
  for (const CallKind kind : kinds_of_calls) {
    for (const Mutant& mutant : mutants.of(kind)) found.push_back(mutants.index(mutant));
  }
  return found;
}

std::size_t dropped_validity(const Mutants& mutants) {
  for (const Mutant& mutant : mutants.of(CallKind::capbset_drop)) {
    if (mutants.describe(mutant).ends_with("guard \"capability valid\" (cap_valid) dropped")) {
      return mutants.index(mutant);
    }
  }
  throw std::invalid_argument("no such mutant");
}

TEST(MutantRace, AMutantDiesOfACallThatShowsIt) {
  const Mutants mutants(kProfile);
  const std::size_t mutant = dropped_validity(mutants);
  MutantRace race(kProfile, mutants, std::array{mutant});
  EXPECT_TRUE(race.run({{{CallKind::capbset_drop, 0, {1}}}}).empty());
  EXPECT_TRUE(race.is_alive(mutant));
  EXPECT_EQ(race.run(kDropsInvalid), std::vector{mutant});
  EXPECT_EQ(race.alive(), 0u);
}

std::size_t find(const Mutants& mutants, CallKind kind, std::string_view description) {
  for (const Mutant& mutant : mutants.of(kind)) {
    if (mutants.describe(mutant).find(description) != std::string::npos) return mutants.index(mutant);
  }
  throw std::invalid_argument("no such mutant");
}

/// Who was tried in vain many times is tried more seldom, but tried.
TEST(MutantRace, WhatCameToNothingIsTriedAgain) {
  const Mutants mutants(kProfile);
  // Who lacks SETPCAP and names a capability that there is fails alike, in whatever order that is asked.
  const std::size_t swapped = find(mutants, CallKind::capbset_drop, "\"SETPCAP in E\" (cap_prctl_drop) tested after");
  const Call<Concrete> lose_all{CallKind::capset, 0, {_LINUX_CAPABILITY_VERSION_3, 0, 0, 0, 0, 0}},
      drop_known{CallKind::capbset_drop, 0, {1}}, drop_unknown{CallKind::capbset_drop, 0, {63}};
  MutantRace race(kProfile, mutants, std::array{swapped});
  Program vain{{lose_all}}, shows{{lose_all}};
  vain.calls.insert(vain.calls.end(), 150, drop_known);
  shows.calls.insert(shows.calls.end(), 4, drop_unknown);
  EXPECT_TRUE(race.run(vain).empty());
  EXPECT_EQ(race.run(shows), std::vector{swapped});
}

TEST(MutantRace, ACallInAWorldShowsWhatIsNotObserved) {
  const Mutants mutants(kProfile);
  const std::size_t forgets = find(mutants, CallKind::get_keepcaps, "#2: select right side alone");
  const Call<Concrete> call{CallKind::get_keepcaps, 0, {}};
  World<Concrete> world{};
  begin(world, kProfile);
  MutantRace race(kProfile, mutants, std::array{forgets});
  EXPECT_TRUE(race.run(world, call).empty());
  world.tasks[0].pending_session = 2;
  EXPECT_TRUE(race.run(Program{{call}}).empty());
  EXPECT_EQ(race.run(world, call), std::vector{forgets});
}

TEST(MutantRace, AnOracleAloneDecides) {
  const Mutants mutants(kProfile);
  MutantRace race(kProfile, mutants, std::array{dropped_validity(mutants)},
                  [](const MutantRace::Attempt&) { return false; });
  EXPECT_TRUE(race.run(kDropsInvalid).empty());
  EXPECT_EQ(race.alive(), 1u);
}

/// A call that comes to the same, though a guard of it failed in another order.
TEST(MutantRace, AnOracleCanBeAskedOfAllCalls) {
  const Mutants mutants(kProfile);
  const std::size_t swapped = find(mutants, CallKind::capbset_drop, "\"SETPCAP in E\" (cap_prctl_drop) tested after");
  const Call<Concrete> drop_known{CallKind::capbset_drop, 0, {1}};
  World<Concrete> world{};
  begin(world, kProfile);
  world.tasks[0].cred.effective = 0;
  for (const auto asked : {MutantRace::Asked::which_differ, MutantRace::Asked::all}) {
    MutantRace race(
        kProfile, mutants, std::array{swapped},
        [](const MutantRace::Attempt& attempt) { return attempt.came_to_the_same; }, asked);
    EXPECT_EQ(race.run(world, drop_known).size(), asked == MutantRace::Asked::all ? 1u : 0u);
  }
}

TEST(MutantKills, AreReadAsTheyWereWritten) {
  const TemporaryDirectory work("capcheck-kills");
  const std::size_t mutant = dropped_validity(Mutants(kProfile));
  write_runners(work.path() / "mutants", std::array{mutant});
  MutantKills kills(kProfile, work.path() / "mutants");
  EXPECT_FALSE(kills.run({{{CallKind::get_keepcaps, 0, {}}}}));
  EXPECT_TRUE(kills.run(kDropsInvalid));
  const Kills read = read_kills(work.path() / "mutants");
  ASSERT_TRUE(read.contains(mutant));
  EXPECT_EQ(read.at(mutant).programs, 2u);
}

/// What Z3 says of a mutant holds of the model over machine integers.
TEST(MutantRace, WhatIsToldApartIsNotProvedEqual) {
  const Mutants mutants(kProfile);
  const auto runners = places(mutants, {CallKind::capbset_drop, CallKind::set_keepcaps, CallKind::set_securebits});
  MutantRace race(kProfile, mutants, runners);
  MutantProver prover(kProfile, {"world-well-formed"}, std::chrono::seconds(20));
  Random random(1);
  std::size_t killed = 0;
  for (int i = 0; i < 300; ++i) {
    Program program;
    for (int change = 0; change < 12; ++change) mutate(program, 24, kProfile, random);
    for (const std::size_t mutant : race.run(program)) {
      ++killed;
      EXPECT_EQ(prover.equality(mutants.all()[mutant]), Equality::different) << mutants.describe(mutants.all()[mutant]);
    }
  }
  EXPECT_GT(killed, runners.size() / 3);
}

TEST(Score, IsRoundedDown) {
  EXPECT_EQ(score(2, 3), "66.6 %");
  EXPECT_EQ(score(6999, 7000), "99.9 %");
  EXPECT_EQ(score(7000, 7000), "100.0 %");
  EXPECT_EQ(score(0, 0), "–");
}

}  // namespace
}  // namespace capcheck
