// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/triage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "fuzz/sut/in_process_kernel.h"
#include "model/profile.h"

namespace capcheck {
namespace {

using Kind = Replays::Kind;
using ::testing::HasSubstr;

Replays of(Kind kind, unsigned hits, unsigned runs = 10) {
  return {"a system", kind, hits, runs};
}

TEST(Triage, AKernelThatPartsFromItsProfilesOwnIsToBlame) {
  EXPECT_EQ(judge(std::vector{of(Kind::under_test, 10), of(Kind::in_process, 0), of(Kind::booted, 0)}), Blame::kernel);
  EXPECT_EQ(judge(std::vector{of(Kind::under_test, 10), of(Kind::in_process, 0)}), Blame::kernel);
}

TEST(Triage, TheModelIsToBlameWhereItIsAlone) {
  EXPECT_EQ(judge(std::vector{of(Kind::in_process, 10), of(Kind::booted, 10)}), Blame::model);
  EXPECT_EQ(judge(std::vector{of(Kind::under_test, 10), of(Kind::in_process, 10), of(Kind::booted, 10)}), Blame::model);
}

TEST(Triage, TheHarnessIsToBlameWhereOneKernelDoesTwoThings) {
  EXPECT_EQ(judge(std::vector{of(Kind::in_process, 10), of(Kind::booted, 0)}), Blame::harness);
  EXPECT_EQ(judge(std::vector{of(Kind::in_process, 0), of(Kind::booted, 10), of(Kind::as_found, 0)}), Blame::harness);
}

TEST(Triage, TheEnvironmentIsToBlameWhereOnlyAKernelAsFoundShowsIt) {
  EXPECT_EQ(judge(std::vector{of(Kind::in_process, 0), of(Kind::booted, 0), of(Kind::as_found, 10)}),
            Blame::environment);
}

TEST(Triage, WhatIsNotAlwaysShownIsUnstable) {
  EXPECT_EQ(judge(std::vector{of(Kind::in_process, 10), of(Kind::booted, 9)}), Blame::unstable);
  EXPECT_EQ(judge(std::vector{of(Kind::in_process, 0), of(Kind::booted, 0)}), Blame::unstable);
}

TEST(Triage, OneSystemAloneSaysNothing) {
  EXPECT_EQ(judge({}), std::nullopt);
  EXPECT_EQ(judge(std::vector{of(Kind::in_process, 10)}), std::nullopt);
  EXPECT_EQ(judge(std::vector{of(Kind::booted, 10), of(Kind::in_process, 0, 0)}), std::nullopt);
  EXPECT_EQ(judge(std::vector{of(Kind::as_found, 10)}), std::nullopt);
}

TEST(Triage, DescribesWhoWasAskedAndWhoWasNot) {
  const std::vector<Replays> replays{{"6.12", Kind::in_process, 3, 10}, {"uml 6.12", Kind::booted, 0, 0, "not built"}};
  EXPECT_EQ(describe(judge(replays), replays), "unstable: 3 of 10 on 6.12, uml 6.12 not asked (not built)");
}

TEST(Triage, WhatTheModelAndAKernelAgreeAboutIsNotSeen) {
  const Profile profile = parse_profile("6.12+userns");
  Triage triage(profile, {}, std::nullopt);
  const Program program{{{CallKind::unshare, 0, {CLONE_NEWUSER}}}};
  const Judged judged = triage.judge_program(program, "", 2);
  EXPECT_EQ(judged.blame, Blame::unstable);
  ASSERT_FALSE(judged.replays.empty());
  EXPECT_EQ(judged.replays.front().runs, 2u);
  EXPECT_EQ(judged.replays.front().hits, 0u);
  EXPECT_THAT(describe(judged.blame, judged.replays), HasSubstr("0 of 2 on 6.12+userns in process"));
}

}  // namespace
}  // namespace capcheck
