// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/mutator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "fuzz/aimed_calls.h"
#include "fuzz/id_lines.h"
#include "model/step.h"

namespace capcheck {
namespace {

const Profile kProfile{.features = {.userns = true}};

TEST(Mutator, KeepsProgramsCanonicalAndWithinBounds) {
  Random random(1);
  Program program;
  for (int i = 0; i < 50000; ++i) {
    const std::size_t max_calls = 1 + pick_below(random, 20);
    mutate(program, max_calls, kProfile, random);
    ASSERT_FALSE(program.calls.empty());
    ASSERT_LE(program.calls.size(), max_calls);
    ASSERT_EQ(decode(encode(program)), program);
  }
}

/// What idioms are for.
TEST(Mutator, IdiomsComeToWhatTakesSeveralCalls) {
  Random random(1);
  std::set<std::pair<CallKind, std::uint64_t>> results;
  std::set<Guard> guards;
  for (int i = 0; i < 20'000; ++i) {
    const Program program{pick_idiom({}, kProfile, random)};
    const Trace trace = run_model(kProfile, program);
    for (std::size_t call = 0; call < program.calls.size(); ++call) {
      results.insert({program.calls[call].kind, trace.observations[call].result});
      guards.insert(trace.guards[call]);
    }
  }
  EXPECT_TRUE(results.contains({CallKind::write_uid_map, 2 * kMapLineSize}));
  EXPECT_TRUE(results.contains({CallKind::write_gid_map, 2 * kMapLineSize}));
  EXPECT_TRUE(results.contains({CallKind::session_to_parent, 0}));
  for (const Guard guard : {Guard::extents_disjoint, Guard::lower_ids_mapped, Guard::id_mapped,
                            Guard::parent_same_owner, Guard::keyrings_same_owner, Guard::nesting_within_limit}) {
    EXPECT_TRUE(guards.contains(guard)) << info(guard).name;
  }
}

/// Few of the calls that are drawn blindly do anything after a few others.
TEST(AimedCalls, OfEachKindMostSucceedSomewhere) {
  Random random(1);
  std::map<CallKind, int> succeeded;
  for (int i = 0; i < 30000; ++i) {
    const World<Concrete> world = world_after(pick_program(20, kProfile, random).calls, kProfile);
    const std::uint8_t task = pick_living_task(world, random);
    const auto kind = static_cast<CallKind>(pick_below(random, kCalls.size()));
    if (world.tasks[task].alive == 0) continue;
    World<Concrete> after = world;
    const Call<Concrete> call = pick_furthest_call(world, kProfile, kind, task, 8, random);
    EXPECT_EQ(Program{{call}}, decode(encode({{call}}))) << "canonical";
    if (step(kProfile, after, call).code == 0) ++succeeded[kind];
  }
  std::set<CallKind> never;
  for (const CallInfo& call : kCalls) {
    if (!succeeded.contains(call.kind)) never.insert(call.kind);
  }
  EXPECT_EQ(never, std::set{CallKind::write_cap_userns_mask}) << "which this profile has not";
}

TEST(IdLines, MostlyMapWhatTheParentHas) {
  Random random(1);
  const std::array<IdLine, 2> parent = {{{0, 1000, 10}, {50, 5000, 3}}};
  const auto is_mapped = [&](const IdLine& line) {
    return std::ranges::any_of(parent, [&](const IdLine& upper) {
      return line.lower_first >= upper.first && line.lower_first + line.count <= upper.first + upper.count;
    });
  };
  int mapped = 0, of_both = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::vector<IdLine> lines = pick_lines(parent, random);
    mapped += std::ranges::all_of(lines, is_mapped);
    of_both += lines.size() == 2 && lines[0].lower_first / 50 != lines[1].lower_first / 50;
  }
  EXPECT_GT(mapped, 400);
  EXPECT_LT(mapped, 900) << "edges are looked at from both sides";
  EXPECT_GT(of_both, 200);
}

TEST(Mutator, CrossingOverTakesCallsFromBothParents) {
  Random random(1);
  const Program a{{8, Call<Concrete>{CallKind::chroot, 0, {}}}};
  const Program b{{8, Call<Concrete>{CallKind::unshare, 0, {CLONE_NEWUSER}}}};
  std::set<std::size_t> from_a;
  for (int i = 0; i < 1000; ++i) {
    const Program child = cross_over(a, b, 12, random);
    ASSERT_LE(child.calls.size(), 12u);
    from_a.insert(static_cast<std::size_t>(std::ranges::count(child.calls, CallKind::chroot, &Call<Concrete>::kind)));
  }
  EXPECT_GT(from_a.size(), 4u) << "in varying parts";
}

TEST(Values, CoverEveryEdgeAndEveryCall) {
  Random random(1);
  std::set<std::uint64_t> capabilities;
  std::set<CallKind> kinds;
  for (int i = 0; i < 20000; ++i) {
    capabilities.insert(pick_value(random, Role::capability, kProfile));
    kinds.insert(pick_call(random, kProfile).kind);
  }
  constexpr std::array<std::uint64_t, 10> kEdges = {0, 8, 31, 32, 40, 41, 63, 64, 1ULL << 32, ~std::uint64_t{0}};
  for (const std::uint64_t edge : kEdges) EXPECT_TRUE(capabilities.contains(edge)) << edge;
  EXPECT_EQ(kinds.size(), kCalls.size());
}

}  // namespace
}  // namespace capcheck
