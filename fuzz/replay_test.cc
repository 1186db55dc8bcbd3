// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/profile.h"
#include "model/trace_text.h"

namespace capcheck {
namespace {

using ::testing::HasSubstr;

/// A trace about which this kernel and the model agree, with what is said to be known of it.
TraceText agreed(const KnownDivergence& known) {
  const Profile profile = parse_profile("6.12+userns");
  const Program program{{{CallKind::unshare, 0, {CLONE_NEWUSER}}}};
  TraceText trace = expect_observed(profile, program, run_model(profile, program), "");
  trace.known = known;
  return trace;
}

Replayed replayed(const KnownDivergence& known) {
  Kernels kernels;
  return replay("known.trace", agreed(known), kernels.of(parse_profile("6.12+userns")));
}

TEST(ReplayOfKnownDivergences, OneThatNoLongerShowsIsAProblem) {
  EXPECT_THAT(replayed({.signature = "unshare.state.CapEff"}).problem,
              HasSubstr("6.12+userns no longer shows unshare.state.CapEff: model and kernel agree"));
}

TEST(ReplayOfKnownDivergences, OneThatIsFixedStaysAway) {
  const Replayed fixed = replayed({.signature = "unshare.state.CapEff", .state = KnownDivergence::State::fixed});
  EXPECT_EQ(fixed.problem, "");
  EXPECT_EQ(fixed.refused, "");
  EXPECT_TRUE(fixed.expects);
}

TEST(ReplayOfKnownDivergences, OneOfAnotherKernelIsNotAsked) {
  const Replayed other = replayed({.signature = "unshare.state.CapEff", .kernel = "6.12+userns,raise-gate-dropped"});
  EXPECT_EQ(other.problem, "");
  EXPECT_EQ(other.refused, "a known divergence of 6.12+userns,raise-gate-dropped in process");
}

}  // namespace
}  // namespace capcheck
