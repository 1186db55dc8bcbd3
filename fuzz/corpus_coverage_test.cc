// SPDX-License-Identifier: GPL-2.0-only
// The hand-written seeds reach every outcome that random programs reach: each call's success and each of its errors.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "corpus/files.h"
#include "fuzz/mutator.h"
#include "model/program.h"

namespace capcheck {
namespace {

using ::testing::IsEmpty;
using Outcomes = std::set<std::string>;

void add_outcomes(const Profile& profile, const Program& program, Outcomes& outcomes) {
  const Trace trace = run_model(profile, program);
  for (std::size_t i = 0; i < program.calls.size(); ++i) {
    outcomes.insert(
        fmt::format("{} on {}: {}", info(program.calls[i].kind).name, to_string(profile), info(trace.guards[i]).name));
  }
}

TEST(Corpus, SeedsReachEveryOutcome) {
  const std::filesystem::path seeds = std::filesystem::path(CAPCHECK_SOURCE_DIR) / "corpus/seeds";
  Outcomes reached, reachable;
  std::set<std::string> profiles;
  for (const auto& file : find_traces(std::vector{seeds})) {
    const TraceText trace = load_trace(file, Profile{});
    EXPECT_NE(trace.intent, "") << file << " does not open with its intent";
    for (const Profile& profile : trace.profiles) {
      profiles.insert(to_string(profile));
      add_outcomes(profile, trace.program, reached);
    }
  }
  ASSERT_EQ(profiles.size(), 3u);
  for (const std::string name : {"6.12", "6.12+userns"}) {
    const Profile profile = parse_profile(name);
    Random random(1);
    Program program;
    for (int i = 0; i < 200000; ++i) {
      mutate(program, 16, profile, random);
      add_outcomes(profile, program, reachable);
    }
  }
  EXPECT_GT(reachable.size(), 80u);
  Outcomes missing;
  std::ranges::set_difference(reachable, reached, std::inserter(missing, missing.end()));
  EXPECT_THAT(missing, IsEmpty());
}

}  // namespace
}  // namespace capcheck
