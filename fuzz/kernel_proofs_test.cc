// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/kernel_proofs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/mutants.h"
#include "model/program.h"
#include "model/rules/exec.h"

namespace capcheck {
namespace {

const Profile kProfile{.features = {.userns = true}};

/// A mutant of how an exec asks whose root a file's attribute names: whether an id is in a map's second line is whether
/// it is not below it.
std::size_t without_end(const Mutants& mutants) {
  std::size_t found = mutants.all().size();
  for (const Mutant& mutant : mutants.of(CallKind::execve)) {
    const std::string text = mutants.describe(mutant);
    if (text.find("& left side alone, in a loop, in make_kuid()") != std::string::npos) found = mutants.index(mutant);
  }
  return found;
}

Call<Concrete> exec_with_attribute(std::uint64_t rootid) {
  return {CallKind::execve, 0, {0, 0, S_IXGRP, kExecCapability, VFS_CAP_REVISION_3, 1, 0, rootid}};
}

World<Concrete> below(const IdMap<Concrete>& uid_map) {
  World<Concrete> world{};
  begin(world, kProfile);
  world.namespaces[1] = init_user_ns<Concrete>();
  world.namespaces[1].level = 1;
  world.namespaces[1].uid_map = uid_map;
  world.namespace_count = 2;
  world.tasks[0].user_ns = 1;
  return world;
}

/// What the proof of that one function said of calls by the mutant, and how many of them came to the same.
struct Asked {
  std::vector<std::string> parted;
  std::size_t came_to_the_same = 0;
};

Asked ask_of_make_kuid(const World<Concrete>& world, std::uint64_t rootid) {
  const auto& functions = proved_functions();
  const auto make_kuid = std::ranges::find(functions, "make_kuid", &ProvedFunction::name);
  if (make_kuid == functions.end()) throw std::invalid_argument("make_kuid() is not proved");
  const KernelProofs proofs(kProfile, {make_kuid, make_kuid + 1});
  EXPECT_TRUE(proofs.unproved().empty());
  const Mutants mutants(kProfile);
  Asked asked;
  MutantRace race(
      kProfile, mutants, std::array{without_end(mutants)},
      [&](const MutantRace::Attempt& attempt) {
        asked.parted.push_back(proofs.parted_from(mutants.all()[attempt.mutant], attempt));
        asked.came_to_the_same += attempt.came_to_the_same;
        return false;
      },
      MutantRace::Asked::all);
  race.run(world, exec_with_attribute(rootid));
  return asked;
}

TEST(KernelProofs, RefuteWhatAFunctionGivesItsCaller) {
  const Asked asked = ask_of_make_kuid(below({{0, 1000, 10}, {}}), 0);
  ASSERT_EQ(asked.parted.size(), 1u);
  EXPECT_EQ(asked.parted.front(), "make_kuid() of 6.12+userns");
  EXPECT_EQ(asked.came_to_the_same, 1u) << "root owns the namespace above";
}

TEST(KernelProofs, SayNothingBeyondTheirBound) {
  // No map that is written has a second line without a first.
  const Asked asked = ask_of_make_kuid(below({{}, {0, 1000, 10}}), 2000);
  ASSERT_EQ(asked.parted.size(), 1u);
  EXPECT_EQ(asked.parted.front(), "");
}

}  // namespace
}  // namespace capcheck
