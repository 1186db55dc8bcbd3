// SPDX-License-Identifier: GPL-2.0-only
#include "solver/mutants.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "model/mutants.h"

namespace capcheck {
namespace {

const Profile kProfile{.features = {.userns = true}};

class MutantProverTest : public ::testing::Test {
 protected:
  /// The mutant of that description.
  const Mutant& find(CallKind kind, const std::string& description) const {
    for (const Mutant& mutant : mutants_.of(kind)) {
      if (mutants_.describe(mutant).find(description) != std::string::npos) return mutant;
    }
    throw std::invalid_argument("no mutant '" + description + "'");
  }

  Mutants mutants_{kProfile};
  MutantProver prover_{kProfile,
                       {"world-well-formed", "effective-within-permitted", "bounding-shrinks-only-with-setpcap"},
                       std::chrono::seconds(20)};
};

TEST_F(MutantProverTest, AnInvariantThatAMutantBreaksIsNamed) {
  const Breaks breaks = prover_.breaks(find(CallKind::capbset_drop, "guard \"SETPCAP in E\" (cap_prctl_drop) dropped"));
  ASSERT_EQ(breaks.broken.size(), 1u);
  EXPECT_EQ(breaks.broken.front()->name, "bounding-shrinks-only-with-setpcap");
}

TEST_F(MutantProverTest, OneThatNoInvariantSpeaksOfBreaksNone) {
  const Breaks breaks = prover_.breaks(find(CallKind::capbset_read, "guard \"capability valid\" (cap_valid) dropped"));
  EXPECT_TRUE(breaks.broken.empty());
  EXPECT_FALSE(breaks.unanswered);
  EXPECT_EQ(prover_.equality(find(CallKind::capbset_read, "guard \"capability valid\" (cap_valid) dropped")),
            Equality::different);
}

TEST_F(MutantProverTest, WhatCannotDifferIsProvedEqual) {
  // Two tests with one errno: nothing tells in which order they are made.
  EXPECT_EQ(prover_.equality(find(CallKind::set_securebits, "guard \"no lock is cleared\" (cap_task_prctl) tested")),
            Equality::proved);
  EXPECT_EQ(prover_.equality(find(CallKind::get_securebits, "caller keeps CapPrm")), Equality::same_form);
  EXPECT_EQ(prover_.equality({}), Equality::same_form);
}

/// Of what a loop gives beyond the steps that are looked at, nothing is claimed.
TEST_F(MutantProverTest, AChangedLoopDiffers) {
  const auto of_loop = mutants_.of(CallKind::ns_capable);
  const auto changed = std::ranges::find_if(
      of_loop, [&](const Mutant& mutant) { return mutants_.describe(mutant).find("in a loop") != std::string::npos; });
  ASSERT_NE(changed, of_loop.end());
  EXPECT_EQ(prover_.equality(*changed), Equality::different);
}

}  // namespace
}  // namespace capcheck
