// SPDX-License-Identifier: GPL-2.0-only
// The comparison finds every kind of divergence, and only those.
#include "fuzz/differential.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace capcheck {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Profile kProfile{.features = {.userns = true}};
const Program kProgram{{{CallKind::capbset_drop, 0, {CAP_SYS_ADMIN}},
                        {CallKind::capget, 0, {_LINUX_CAPABILITY_VERSION_3, 0, 0}},
                        {CallKind::unshare, 0, {CLONE_NEWUSER}}}};

/// The divergence found once the kernel's trace is changed.
std::optional<Divergence> after_change(const std::function<void(Trace&)>& change) {
  const Trace model = run_model(kProfile, kProgram);
  Trace kernel = model;
  change(kernel);
  return find_divergence(Oracles(kProfile), kProgram, model, kernel);
}

TEST(Differential, EqualTracesAgree) {
  EXPECT_FALSE(after_change([](Trace&) {}).has_value());
}

TEST(Differential, FindsEveryKind) {
  using Kind = Divergence::Kind;
  const auto expect = [](Kind kind, std::size_t call, const std::function<void(Trace&)>& change) {
    const auto found = after_change(change);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->kind, kind);
    EXPECT_EQ(found->call, call);
  };
  expect(Kind::initial_state, 0, [](Trace& kernel) { kernel.initial.cred.bounding = 0; });
  expect(Kind::result, 0, [](Trace& kernel) { kernel.observations[0].result = 1; });
  expect(Kind::output, 1, [](Trace& kernel) { kernel.observations[1].output.permitted ^= 1; });
  expect(Kind::failure, 1, [](Trace& kernel) {
    kernel.observations.resize(1);
    kernel.failure = "BUG";
  });
  for (std::size_t field = 0; field < kCredentialFields<Concrete>.size(); ++field) {
    expect(Kind::state, 2,
           [&](Trace& kernel) { kernel.observations[2].state.cred.*kCredentialFields<Concrete>[field].member ^= 1; });
  }
  expect(Kind::state, 2, [](Trace& kernel) { ++kernel.observations[2].state.level; });
}

TEST(Differential, HoldsTheKernelsStatesAgainstTheInvariants) {
  // Both sides wrong in the same way: only an oracle can tell.
  Trace wrong = run_model(kProfile, kProgram);
  wrong.observations[2].state.cred.effective |= cap_bit(50);
  const auto found = find_divergence(Oracles(kProfile), kProgram, wrong, wrong);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->kind, Divergence::Kind::invariant);
  EXPECT_EQ(found->invariant->name, "effective-within-permitted");
}

TEST(Differential, ExplainsInNamesSideBySide) {
  const Trace model = run_model(kProfile, kProgram);
  Trace kernel = model;
  kernel.observations[2].state.cred.bounding &= ~cap_bit(CAP_SYS_ADMIN);
  const auto found = find_divergence(Oracles(kProfile), kProgram, model, kernel);
  ASSERT_TRUE(found.has_value());
  const std::string text =
      explain(*found, kProfile, kProgram, model, kernel, "some kernel", "capcheck replay some.trace");
  EXPECT_THAT(text, HasSubstr("> t0: unshare(CLONE_NEWUSER) = 0\n"));
  EXPECT_THAT(text, HasSubstr("* CapBnd       000001ffffffffff     000001ffffdfffff\n"));
  EXPECT_THAT(text, HasSubstr("only in the model: cap_sys_admin"));
  EXPECT_THAT(text, HasSubstr("  CapPrm       000001ffffffffff     000001ffffffffff\n"));
  EXPECT_THAT(text, HasSubstr("replay: capcheck replay some.trace"));
  EXPECT_THAT(text, Not(HasSubstr("* CapPrm")));
}

}  // namespace
}  // namespace capcheck
