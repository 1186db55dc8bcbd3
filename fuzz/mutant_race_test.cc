// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/mutant_race.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "corpus/files.h"
#include "fuzz/mutant_kills.h"
#include "fuzz/mutator.h"
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

TEST(MutantRace, AnOracleAloneDecides) {
  const Mutants mutants(kProfile);
  MutantRace race(kProfile, mutants, std::array{dropped_validity(mutants)},
                  [](const auto&, const auto&, const auto&, const auto&) { return false; });
  EXPECT_TRUE(race.run(kDropsInvalid).empty());
  EXPECT_EQ(race.alive(), 1u);
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

}  // namespace
}  // namespace capcheck
