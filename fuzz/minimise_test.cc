// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/minimise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "fuzz/mutator.h"

namespace capcheck {
namespace {

const Profile kProfile{.features = {.userns = true}};

Program some_program(unsigned seed) {
  Random random(seed);
  Program program;
  for (int i = 0; i < 40; ++i) mutate(program, 40, kProfile, random);
  return program;
}

bool has(const Program& program, CallKind kind) {
  return std::ranges::any_of(program.calls, [&](const Call<Concrete>& call) { return call.kind == kind; });
}

/// Succeeds in a call of a task that was made.
bool a_child_drops(const Program& program) {
  const Trace trace = run_model(kProfile, program);
  for (std::size_t i = 0; i < program.calls.size(); ++i) {
    const Call<Concrete>& call = program.calls[i];
    if (call.kind == CallKind::capbset_drop && call.task != 0 && trace.observations[i].result == 0) return true;
  }
  return false;
}

TEST(Minimise, LeavesNothingThatCanBeLeftOut) {
  int tried = 0;
  for (unsigned seed = 1; seed < 200; ++seed) {
    const Program program = some_program(seed);
    if (program.calls.empty()) continue;
    const CallKind kind = program.calls[program.calls.size() / 2].kind;
    const auto shows = [&](const Program& each) { return has(each, kind); };
    const Program shortest = minimise(program, shows);
    ASSERT_EQ(shortest.calls.size(), 1u);
    EXPECT_EQ(shortest.calls[0].kind, kind);
    for (std::size_t i = 0; i < kMaxArguments; ++i) {
      if (info(kind).roles[i] != Role::version) EXPECT_EQ(shortest.calls[0].args[i], 0u);
    }
    ++tried;
  }
  EXPECT_GT(tried, 100);
}

TEST(Minimise, EndsWhereEachCallIsNeeded) {
  int tried = 0;
  for (unsigned seed = 1; seed < 4000 && tried < 20; ++seed) {
    const Program program = some_program(seed);
    if (!a_child_drops(program)) continue;
    ++tried;
    const Program shortest = minimise(program, a_child_drops);
    ASSERT_TRUE(a_child_drops(shortest));
    for (std::size_t i = 0; i < shortest.calls.size(); ++i) {
      Program fewer = shortest;
      fewer.calls.erase(fewer.calls.begin() + static_cast<std::ptrdiff_t>(i));
      EXPECT_FALSE(a_child_drops(fewer)) << "call " << i << " of seed " << seed;
    }
    EXPECT_EQ(shortest.calls.size(), 2u) << "a clone and a drop";
  }
  EXPECT_EQ(tried, 20);
}

TEST(Minimise, LeavesOutATaskInBetween) {
  const auto clone = [](std::uint8_t task) { return Call<Concrete>{CallKind::clone, task, {}}; };
  const Program program{{clone(0), clone(1), {CallKind::capbset_drop, 2, {}}}};
  const Program shortest = minimise(program, a_child_drops);
  EXPECT_EQ(shortest, (Program{{clone(0), {CallKind::capbset_drop, 1, {}}}}));
}

TEST(Minimise, LetsOneTaskMakeTheCallsOfAnother) {
  const auto drops = [](const Program& program) {
    return std::ranges::any_of(program.calls, [](const auto& call) { return call.kind == CallKind::capbset_drop; }) &&
           has(program, CallKind::unshare) && program.calls.front().task == 0;
  };
  const Program program{{{CallKind::clone, 0, {}}, {CallKind::unshare, 1, {}}, {CallKind::capbset_drop, 1, {}}}};
  const Program shortest = minimise(program, drops);
  EXPECT_EQ(shortest, (Program{{{CallKind::unshare, 0, {}}, {CallKind::capbset_drop, 0, {}}}}));
}

TEST(Minimise, AsksOfEachProgramOnce) {
  std::multiset<std::vector<std::uint8_t>> asked;
  minimise(some_program(3), [&](const Program& program) {
    asked.insert(encode(program));
    return program.calls.size() >= 3;
  });
  for (const auto& each : asked) EXPECT_EQ(asked.count(each), 1u);
}

}  // namespace
}  // namespace capcheck
