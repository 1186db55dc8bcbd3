// SPDX-License-Identifier: GPL-2.0-only
#include "model/program.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <random>
#include <vector>

namespace capcheck {
namespace {

TEST(Program, EveryByteStringIsACanonicalProgram) {
  std::minstd_rand random(1);
  for (int i = 0; i < 20000; ++i) {
    std::vector<std::uint8_t> bytes(random() % 300);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random() >> 3);
    const Program program = decode(bytes);
    ASSERT_LE(program.calls.size(), kMaxCalls);
    for (Call<Concrete> call : program.calls) {
      const Call<Concrete> before = call;
      canonicalise(call);
      ASSERT_EQ(call, before);
      ASSERT_LT(call.task, kMaxTasks);
    }
    ASSERT_EQ(decode(encode(program)), program);
  }
}

TEST(Program, ACallCutShortHasZeros) {
  std::vector<std::uint8_t> bytes = encode({{{CallKind::capbset_drop, 0, {0x1122, 0x3344}}}});
  bytes.resize(3);
  EXPECT_EQ(decode(bytes), (Program{{{CallKind::capbset_drop, 0, {0x22}}}}));
  bytes.resize(1);
  EXPECT_EQ(decode(bytes), (Program{{{CallKind::capbset_drop, 0, {}}}}));
  EXPECT_EQ(decode({}), Program{});
}

TEST(Program, IsNoLongerThanItMayBe) {
  const std::vector<std::uint8_t> bytes(2 * (kMaxCalls + 10), static_cast<std::uint8_t>(CallKind::chroot));
  EXPECT_EQ(decode(bytes).calls.size(), kMaxCalls);
}

TEST(Program, MakesNoMoreNamespacesThanThereIsRoomFor) {
  const Call<Concrete> clone{CallKind::clone, 0, {CLONE_NEWUSER}}, exit{CallKind::exit_group, 1, {}};
  Program program;
  for (std::size_t i = 0; i < kMaxNamespaceCalls; ++i) program.calls.insert(program.calls.end(), {clone, exit});
  EXPECT_EQ(decode(encode(program)), program);
  const Trace trace = run_model(Profile{}, program);
  for (std::size_t i = 0; i < program.calls.size(); i += 2) {
    EXPECT_EQ(trace.observations[i].result, kFirstThreadId + 1);
  }
  const Program longest = program;
  program.calls.insert(program.calls.end(), {clone, exit});
  EXPECT_EQ(decode(encode(program)), longest);
}

TEST(Program, ACallOfATaskThatDoesNotLiveIsNotMade) {
  const Program program{
      {{CallKind::capbset_drop, 2, {CAP_CHOWN}}, {CallKind::exit_group, 0, {}}, {CallKind::clone, 0, {}}}};
  const Trace trace = run_model(Profile{}, program);
  EXPECT_EQ(trace.observations[0].result, 0 - std::uint64_t{ESRCH});
  EXPECT_EQ(trace.guards[0], Guard::caller_exists);
  EXPECT_EQ(trace.observations[0].alive, 1u);
  EXPECT_EQ(trace.observations[1].alive, 0u);
  EXPECT_EQ(trace.observations[2].result, 0 - std::uint64_t{ESRCH});
}

TEST(Program, NullPointersTakeWithThemWhatTheyPointTo) {
  Call<Concrete> call{CallKind::capset, 0, {1, 2, kHeaderNull | kDataNull, 3, 4, 5}};
  canonicalise(call);
  EXPECT_EQ(call, (Call<Concrete>{CallKind::capset, 0, {0, 0, kHeaderNull | kDataNull, 0, 0, 0}}));
}

}  // namespace
}  // namespace capcheck
