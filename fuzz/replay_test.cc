// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "corpus/files.h"
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

/// Those known of a kernel with a planted fault, which is built for a test of its own, are left to that test.
TEST(ReplayOfCorpus, ModelKernelsAndExpectationsAgree) {
  Kernels kernels;
  std::size_t runs = 0;
  const std::vector<std::filesystem::path> corpus{std::filesystem::path(CAPCHECK_SOURCE_DIR) / "corpus"};
  for (const std::filesystem::path& file : find_traces(corpus)) {
    const TraceText trace = load_trace(file, parse_profile("6.12+userns"));
    if (trace.known && !trace.known->kernel.empty()) continue;
    for (const Profile& profile : trace.profiles) {
      const Replayed run = replay(file, trace, kernels.of(profile));
      EXPECT_EQ(run.problem + run.refused, "") << file << " on " << run.profile;
      ++runs;
    }
  }
  EXPECT_GE(runs, 900U);
}

}  // namespace
}  // namespace capcheck
