// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/enumerate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/invariants.h"
#include "model/trace_text.h"

namespace capcheck {
namespace {

using testing::Contains;
using testing::ElementsAre;

const Profile kProfile{.features = {.userns = true}};

/// A small world that is smaller still: of capset only what takes one capability away, or gives back what was.
SmallWorld tiny_world(const Profile& profile) {
  SmallWorld world = find_small_world(profile, "sets");
  std::erase_if(world.calls, [n = std::size_t{0}](const Call<Concrete>& call) mutable {
    return call.kind == CallKind::capset && n++ % 16 != 0;
  });
  return world;
}

std::vector<std::string> names_of_broken(const Enumeration& found) {
  std::vector<std::string> names;
  for (const Exhausted& each : found.invariants) {
    if (each.broken) names.emplace_back(each.info->name);
  }
  return names;
}

const Exhausted& find(const Enumeration& found, std::string_view name) {
  return *std::ranges::find(found.invariants, name, [](const Exhausted& each) { return each.info->name; });
}

TEST(StatePacking, LosesNothing) {
  const SmallWorld world = find_small_world(kProfile, "ids");
  const StatePacking packing(kProfile, world);
  TaskState<Concrete> state = world.starts.front();
  state.cred.euid = kSmallIds[1];
  state.cred.no_new_privs = state.level = state.user_ns = 1;
  state.cred.bounding = kProfile.full_set();
  EXPECT_EQ(packing.unpack(packing.pack(state)).cred.bounding, kProfile.full_set());
  EXPECT_EQ(packing.unpack(packing.pack(state)).cred.euid, kSmallIds[1]);
  state.cred.gid = 1;
  EXPECT_THROW(packing.pack(state), std::logic_error);
  state.cred.gid = 0;
  state.cred.bounding &= ~Concrete::bit(CAP_SYS_ADMIN);
  EXPECT_THROW(packing.pack(state), std::logic_error) << "the others go together";
}

TEST(SmallWorlds, AreKnownByName) {
  EXPECT_THROW(find_small_world(kProfile, "no-such"), std::invalid_argument);
}

TEST(Enumerate, RefusesCallsOfWhichStatesTellTooLittle) {
  SmallWorld world = tiny_world(kProfile);
  world.calls.push_back({CallKind::chroot, 0, {}});
  EXPECT_THROW(enumerate_model(kProfile, world), std::logic_error);
}

/// A proof by exhaustion beside Z3's (Catalogue.ComesOutAsClaimed): what breaks here is what is claimed to be refuted,
/// but for what takes a second task.
TEST(Enumerate, ComesToTheVerdictsOfTheSolver) {
  for (const std::string_view name : {"6.12", "6.12+userns", "6.12+userns+capbset-drop-lowers-userns"}) {
    SCOPED_TRACE(name);
    const Profile profile = parse_profile(name);
    std::vector<std::string> broken;
    for (const SmallWorld& world : {tiny_world(profile), find_small_world(profile, "ids")}) {
      for (const std::string& each : names_of_broken(enumerate_model(profile, world))) {
        if (std::ranges::find(broken, each) == broken.end()) broken.push_back(each);
      }
    }
    std::vector<std::string> refuted;
    for_each_invariant([&]<class I>() {
      if (I::claim(profile) == Claim::refuted && I::info.name != "seize-gains-nothing")
        refuted.emplace_back(I::info.name);
    });
    EXPECT_THAT(broken, testing::UnorderedElementsAreArray(refuted));
  }
}

TEST(Enumerate, GivesAShortestWay) {
  const Enumeration found = enumerate_model(kProfile, tiny_world(kProfile));
  std::vector<std::string> calls;
  for (const Call<Concrete>& call : find(found, "entry-within-bounding").broken.value().calls)
    calls.push_back(print_call(call));
  EXPECT_THAT(calls, ElementsAre("t0: prctl(PR_CAPBSET_DROP, CAP_SETPCAP)", "t0: unshare(CLONE_NEWUSER)"));
}

TEST(Enumerate, FindsPlantedFaultsByTheInvariantsTheyBreak) {
  for (const Fault fault : {Fault::capset_ambient_not_intersected, Fault::raise_ignores_bounding,
                            Fault::entry_effective_unassigned, Fault::capbset_drop_without_setpcap}) {
    const FaultInfo& planted = *std::ranges::find(kFaults, fault, &FaultInfo::fault);
    SCOPED_TRACE(planted.name);
    const Enumeration found = enumerate_model(kProfile, tiny_world(kProfile), fault);
    EXPECT_THAT(names_of_broken(found), Contains(std::string(planted.invariant)));
  }
}

TEST(EnumerateKernel, AgreesWithTheModel) {
  for (const std::string_view name : {"6.12", "6.12+userns", "6.1+userns"}) {
    SCOPED_TRACE(name);
    const Profile profile = parse_profile(name);
    const SmallWorld world = tiny_world(profile);
    InProcessKernel kernel(kernel_file(profile), profile);
    const auto states = enumerate_model(profile, world).states;
    const KernelEnumeration compared = enumerate_kernel(profile, world, states, kernel);
    EXPECT_FALSE(compared.difference) << compared.difference->report;
    EXPECT_EQ(compared.steps, states.size() * world.calls.size());
  }
}

TEST(EnumerateKernel, FindsWhereAKernelIsOfOtherRules) {
  const Profile other = parse_profile("6.12+userns+capbset-drop-lowers-userns");
  const SmallWorld world = tiny_world(kProfile);
  InProcessKernel kernel(kernel_file(other), other);
  const KernelEnumeration compared = enumerate_kernel(kProfile, world, enumerate_model(kProfile, world).states, kernel);
  ASSERT_TRUE(compared.difference);
  EXPECT_EQ(compared.difference->call.kind, CallKind::capbset_drop);
  EXPECT_THAT(compared.difference->report, testing::HasSubstr("only in the model: cap_setpcap"));
}

TEST(InProcessKernel, IsDressedInAnyState) {
  InProcessKernel kernel(kernel_file(kProfile), kProfile);
  const TaskState<Concrete> initial = kernel.begin();
  TaskState<Concrete> state = initial;
  state.cred.permitted = cap_bit(CAP_BPF);
  state.cred.uid = 1000;
  state.cred.no_new_privs = 1;
  kernel.dress(state);
  std::vector<TaskState<Concrete>> others;
  const Observation observed = kernel.call({CallKind::get_keepcaps, 0, {}}, others);
  EXPECT_EQ(observed.state.cred.permitted, cap_bit(CAP_BPF));
  EXPECT_EQ(observed.state.cred.uid, 1000u);
  EXPECT_EQ(observed.state.cred.no_new_privs, 1u);
  EXPECT_EQ(observed.state.cred.effective, initial.cred.effective);
  kernel.end();
  EXPECT_EQ(kernel.begin().cred.no_new_privs, 0u);
  kernel.end();
  EXPECT_THROW(
      {
        kernel.begin();
        state.user_ns = 1;
        kernel.dress(state);
      },
      std::runtime_error);
}

}  // namespace
}  // namespace capcheck
