// SPDX-License-Identifier: GPL-2.0-only
// Explanations come from the rules, so they are right where values are: the same as over machine integers.
#include "model/explanation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "model/start.h"
#include "model/trace_text.h"

namespace capcheck {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Profile kUserns{.features = {.userns = true}};

/// What is said of the last call of a program.
std::vector<std::string> lines_of_last(const Profile& profile, const std::vector<Call<Concrete>>& calls) {
  ExplainedRun run(profile);
  std::vector<std::string> lines;
  for (const Call<Concrete>& call : calls) lines = lines_of(explain(profile, run.step(call)));
  return lines;
}

ExplainedCall last_call(const Profile& profile, const std::vector<Call<Concrete>>& calls) {
  ExplainedRun run(profile);
  ExplainedCall last;
  for (const Call<Concrete>& call : calls) last = run.step(call);
  return last;
}

constexpr Call<Concrete> kUnshare{CallKind::unshare, 0, {CLONE_NEWUSER}};
constexpr Call<Concrete> kBecomeUser{CallKind::setresuid, 0, {1000, 1000, 1000}};
/// Drops all sets but the bounding and the userns set.
constexpr Call<Concrete> kDropAll{CallKind::capset, 0, {_LINUX_CAPABILITY_VERSION_3, 0, 0, 0, 0, 0}};

constexpr std::size_t kBoundingField = 3, kSecurebitsField = 6;

TEST(Explanation, ANamespaceIsEnteredWithTheUsernsSet) {
  const Call<Concrete> lower{CallKind::cap_userns, 0, {kLower, CAP_SYS_RAWIO}};
  EXPECT_THAT(lines_of_last(kUserns, {lower}), ElementsAre("cap_task_prctl: U' = U ∖ {CAP_SYS_RAWIO}"));
  EXPECT_THAT(lines_of_last(kUserns, {lower, kUnshare}),
              ElementsAre("set_cred_user_ns: P' = E' = X' = U", "create_user_ns: level' = level + 1",
                          "create_user_ns: user_ns' = 1"));
}

TEST(Explanation, AndInMainlineWithAllThereIs) {
  const Call<Concrete> drop{CallKind::capbset_drop, 0, {CAP_CHOWN}};
  EXPECT_THAT(lines_of_last(Profile{}, {drop}), ElementsAre("cap_prctl_drop: X' = X ∖ {CAP_CHOWN}"));
  EXPECT_THAT(lines_of_last(Profile{}, {drop, kUnshare}), Contains("set_cred_user_ns: P' = E' = X' = FULL"));
}

TEST(Explanation, WhatIsAsBeforeIsSaidWhereNoFieldChanged) {
  const Call<Concrete> raise{CallKind::cap_userns, 0, {kRaise, CAP_CHOWN}};
  EXPECT_THAT(lines_of_last(kUserns, {raise}), ElementsAre("cap_task_prctl: U' = U ∪ {CAP_CHOWN} (as before)"));
}

TEST(Explanation, ARefusedCallNamesTheTestAndWhatDecidedIt) {
  const Call<Concrete> lower{CallKind::cap_userns, 0, {kLower, CAP_CHOWN}},
      raise{CallKind::cap_userns, 0, {kRaise, CAP_CHOWN}};
  EXPECT_THAT(lines_of_last(kUserns, {lower, kDropAll, raise}),
              ElementsAre("cap_task_prctl asks: c in U, or in X and (SETPCAP in E or c in P) (EPERM); here CAP_CHOWN ∉ "
                          "(U ∪ (X ∩ P)), CAP_SETPCAP ∉ E"));
  EXPECT_THAT(lines_of_last(kUserns, {kDropAll, {CallKind::capbset_drop, 0, {CAP_CHOWN}}}),
              ElementsAre("cap_prctl_drop asks: SETPCAP in E (EPERM); here CAP_SETPCAP ∉ E"));
  EXPECT_THAT(lines_of_last(kUserns, {kDropAll, {CallKind::capset, 0, {_LINUX_CAPABILITY_VERSION_3, 0, 0, 0, 1, 0}}}),
              ElementsAre("cap_capset asks: P' within P (EPERM); here permitted ⊄ P by {CAP_CHOWN}"));
}

TEST(Explanation, LeavingRootSaysWhichIdsAndBits) {
  const auto lines = lines_of_last(kUserns, {kBecomeUser});
  EXPECT_THAT(lines, Contains("__sys_setresuid: uid' = euid' = suid' = fsuid' = 1000"));
  EXPECT_THAT(lines, Contains(HasSubstr("cap_task_fix_setuid: P' = E' = A' = ∅, as ")));
  for (const char* reason :
       {"SECBIT_NO_SETUID_FIXUP ∉ securebits", "uid = 0", "uid' ≠ 0", "SECBIT_KEEP_CAPS ∉ securebits"}) {
    EXPECT_THAT(lines, Contains(HasSubstr(reason)));
  }
}

TEST(Explanation, AnExecOfASetuidRootFileGrantsTheBoundingSet) {
  const Call<Concrete> exec{CallKind::execve, 0, {0, 0, S_ISUID | S_IXGRP}};
  const auto lines = lines_of_last(kUserns, {kBecomeUser, exec});
  EXPECT_THAT(lines, Contains(HasSubstr("cap_bprm_creds_from_file: P' = E' = X ∪ I")));
  EXPECT_THAT(lines, Contains(HasSubstr("SECBIT_NOROOT ∉ securebits")));
  EXPECT_THAT(lines, Contains(HasSubstr("bprm_fill_uid: euid' = suid' = fsuid' = file.uid")));
}

TEST(Explanation, AmbientFollowsPermittedAndInheritable) {
  const std::uint64_t chown = cap_bit(CAP_CHOWN);
  const Call<Concrete> inherit{CallKind::capset, 0, {_LINUX_CAPABILITY_VERSION_3, 0, 0, chown, chown, chown}},
      raise{CallKind::cap_ambient, 0, {kRaise, CAP_CHOWN}};
  EXPECT_THAT(lines_of_last(kUserns, {inherit, raise, kDropAll}),
              Contains("cap_capset: A' = A ∩ permitted ∩ inheritable"));
}

TEST(Explanation, SecurebitsAreNamedAsTheirReleaseHasThem) {
  const Call<Concrete> set{CallKind::set_securebits, 0, {0x101}};
  const Profile strict{.features = {.userns = true, .userns_strict = true}};
  EXPECT_THAT(lines_of_last(strict, {set}),
              ElementsAre("cap_task_prctl: securebits' = SECBIT_USERNS_STRICT_CAPS | SECBIT_NOROOT"));
  EXPECT_THAT(lines_of_last(parse_profile("6.17"), {set}),
              ElementsAre("cap_task_prctl: securebits' = SECBIT_NOROOT | SECBIT_EXEC_RESTRICT_FILE"));
  EXPECT_THAT(lines_of_last(strict, {set, {CallKind::capbset_drop, 0, {CAP_CHOWN}}, kUnshare}),
              Contains("set_cred_user_ns: P' = E' = X' = U' = U ∩ X, as SECBIT_USERNS_STRICT_CAPS ∈ securebits"));
}

TEST(Explanation, OtherTasksHaveTheirNumber) {
  const Call<Concrete> lower{CallKind::cap_userns, 0, {kLower, CAP_CHOWN}};
  EXPECT_THAT(lines_of_last(kUserns, {lower, {CallKind::clone, 0, {CLONE_NEWUSER}}}),
              Contains("set_cred_user_ns: P'(t1) = E'(t1) = X'(t1) = U"));
  EXPECT_THAT(lines_of_last(kUserns, {{CallKind::get_keepcaps, 2, {}}}), ElementsAre("it takes: caller lives (ESRCH)"));
}

TEST(Explanation, ADivergenceNamesTheTermThatDiffers) {
  const Call<Concrete> lower{CallKind::cap_userns, 0, {kLower, CAP_CHOWN}}, keep{CallKind::set_keepcaps, 0, {1}};
  const ExplainedCall entry = last_call(kUserns, {lower, keep, kUnshare});
  EXPECT_THAT(
      explain_field(kUserns, entry, 0, kSecurebitsField, SECBIT_KEEP_CAPS),
      ElementsAre("set_cred_user_ns: securebits' = 0",
                  "Securebits: 0x0 by the model, 0x10 by the kernel, which securebits' = securebits would give"));
  EXPECT_THAT(explain_field(kUserns, entry, 0, kBoundingField, 0x1ffffffffff),
              ElementsAre("set_cred_user_ns: X' = U",
                          "CapBnd: 000001fffffffffe by the model, 000001ffffffffff by the kernel, which X' = X would "
                          "give; more by {CAP_CHOWN}"));
  EXPECT_THAT(explain_field(kUserns, entry, 0, kBoundingField, 0x2),
              ElementsAre("set_cred_user_ns: X' = U",
                          "CapBnd: 000001fffffffffe by the model, 0000000000000002 by the kernel; less by FULL ∖ "
                          "{CAP_CHOWN, CAP_DAC_OVERRIDE}"));
  const std::uint64_t chown = cap_bit(CAP_CHOWN);
  const ExplainedCall left =
      last_call(kUserns, {{CallKind::capset, 0, {_LINUX_CAPABILITY_VERSION_3, 0, 0, chown, 3, chown}},
                          {CallKind::cap_ambient, 0, {kRaise, CAP_CHOWN}},
                          {CallKind::capset, 0, {_LINUX_CAPABILITY_VERSION_3, 0, 0, 0, 2, chown}}});
  EXPECT_THAT(explain_field(kUserns, left, 0, 4, chown), Contains(HasSubstr("which A' = A would give")));
}

TEST(Explanation, ADivergingResultNamesTheTestsOfBothSides) {
  const ExplainedCall drop = last_call(kUserns, {kDropAll, {CallKind::capbset_drop, 0, {99}}});
  EXPECT_THAT(explain_result(kUserns, drop, 0),
              ElementsAre("cap_prctl_drop asks: SETPCAP in E (EPERM); here CAP_SETPCAP ∉ E",
                          "the kernel does not ask this, or is content"));
  EXPECT_THAT(explain_result(kUserns, drop, 0 - std::uint64_t{EINVAL}),
              Contains("a test that gives EINVAL: cap_valid asks: capability valid (EINVAL)"));
  EXPECT_THAT(explain_result(kUserns, drop, 0 - std::uint64_t{ENOSPC}), Contains("no test of this call gives ENOSPC"));
}

TEST(Explanation, BeginsWhereAMachineWasFound) {
  Start start{run_model(kUserns, {}).initial, {1, 1, 1, 1, 0}};
  start.state.cred.bounding = 2;
  ExplainedRun run(kUserns, start);
  EXPECT_EQ(run.world().tasks[0].cred.bounding, 2u);
  EXPECT_EQ(run.world().sysctls.umh_bset, 1u);
}

}  // namespace
}  // namespace capcheck
