// SPDX-License-Identifier: GPL-2.0-only
#include "solver/replay.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "model/faults.h"
#include "model/invariants.h"
#include "model/profile.h"
#include "model/trace_text.h"
#include "solver/quest.h"
#include "solver/statement.h"

namespace capcheck {
namespace {

constexpr std::uint64_t kVersion = _LINUX_CAPABILITY_VERSION_3;
const Profile kUserns{.features = {.userns = true}};
const Statement kUsernsWithinBounding = statement<invariant::UsernsWithinBounding>();
const Statement kAmbient = statement<invariant::AmbientWithinPermittedAndInheritable>();

TEST(Replay, AsksTheLastCallAlone) {
  const Goal broken{&kUsernsWithinBounding, Goal::Kind::violation};
  EXPECT_FALSE(replays(kUserns, Fault::none, broken, {}));
  EXPECT_TRUE(replays(kUserns, Fault::none, broken, {{{CallKind::capbset_drop, 0, {7}}}}));
  EXPECT_FALSE(replays(kUserns, Fault::none, broken,
                       {{{CallKind::capbset_drop, 0, {7}}, {CallKind::cap_userns, 0, {kClearAll}}}}));
}

TEST(Replay, FollowsTheFault) {
  const Program drop{{{CallKind::capset, 0, {kVersion}}, {CallKind::capbset_drop, 0, {7}}}};
  EXPECT_EQ(run_model(kUserns, Fault::none, drop).observations.at(1).result, static_cast<std::uint64_t>(-EPERM));
  EXPECT_EQ(run_model(kUserns, Fault::capbset_drop_without_setpcap, drop).observations.at(1).result, 0u);
}

TEST(Replay, AgreesWithTheModelWhereThereIsNoFault) {
  const Program program{{{CallKind::capbset_drop, 0, {41}}, {CallKind::unshare, 0, {CLONE_NEWUSER}}}};
  const Trace expected = run_model(kUserns, program), seen = run_model(kUserns, Fault::none, program);
  EXPECT_EQ(seen.guards, expected.guards);
  EXPECT_EQ(print_trace(expect_observed(kUserns, program, seen, "")),
            print_trace(expect_observed(kUserns, program, expected, "")));
}

TEST(MakeReadable, FindsTheSmallestArguments) {
  const Goal broken{&kUsernsWithinBounding, Goal::Kind::violation};
  const Program found{{{CallKind::capbset_drop, 0, {29, 0xdeadbeef, 12345, ~std::uint64_t{0}}}}};
  EXPECT_EQ(make_readable(kUserns, quest_for(kUserns, Fault::none, broken), found),
            (Program{{{CallKind::capbset_drop, 0, {0}}}}));
}

TEST(MakeReadable, RenamesACapabilityInAllCallsAtOnce) {
  const Goal broken{&kAmbient, Goal::Kind::violation};
  const Fault fault = Fault::capset_ambient_not_intersected;
  const std::uint64_t many = 0x1fffeffff0f;
  const Program found{{{CallKind::capset, 0, {kVersion, 2, 0, many, many, many}},
                       {CallKind::cap_ambient, 0, {kRaise, 35}},
                       {CallKind::capset, 0, {kVersion, 2, 0, 0x0a, 0x0a, 0x0a}}}};
  ASSERT_TRUE(replays(kUserns, fault, broken, found));
  EXPECT_EQ(make_readable(kUserns, quest_for(kUserns, fault, broken), found),
            (Program{{{CallKind::capset, 0, {kVersion, 0, 0, 0, 1, 1}},
                      {CallKind::cap_ambient, 0, {kRaise, 0}},
                      {CallKind::capset, 0, {kVersion}}}}));
}

TEST(MakeReadable, KeepsWhatTheGoalNeeds) {
  const Statement locks = statement<invariant::SecurebitsLocksHold>();
  const Goal broken{&locks, Goal::Kind::violation};
  const Program found{{{CallKind::set_securebits, 0, {0xff}}, {CallKind::set_securebits, 0, {0}}}};
  const Program readable = make_readable(kUserns, quest_for(kUserns, Fault::securebits_locks_ignored, broken), found);
  EXPECT_EQ(readable,
            (Program{{{CallKind::set_securebits, 0, {SECBIT_NOROOT_LOCKED}}, {CallKind::set_securebits, 0, {0}}}}));
}

}  // namespace
}  // namespace capcheck
