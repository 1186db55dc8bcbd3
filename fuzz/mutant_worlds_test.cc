// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/mutant_worlds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "model/capability.h"
#include "solver/mutants.h"

namespace capcheck {
namespace {

const Profile kProfile{.features = {.userns = true}};

std::vector<const Statement*> all_that_hold() {
  std::vector<const Statement*> statements;
  for (const Statement& statement : statements_for_mutants()) {
    if (statement.claim(kProfile) == Claim::holds) statements.push_back(&statement);
  }
  return statements;
}

bool all_alive(const World<Concrete>& world, bool (*is)(const Task<Concrete>&)) {
  return std::ranges::all_of(world.tasks, [&](const Task<Concrete>& task) { return task.alive == 0 || is(task); });
}

bool all_below(const World<Concrete>& world, bool (*is)(const UserNamespace<Concrete>&)) {
  return std::ranges::all_of(std::span(world.namespaces).subspan(1, world.namespace_count - 1), is);
}

/// Whether a world is what its form says.
bool is_of(WorldForm form, const World<Concrete>& world) {
  const UserNamespace<Concrete>& last = world.namespaces[world.namespace_count - 1];
  switch (form) {
    case WorldForm::as_drawn:
      return true;
    case WorldForm::maps_of_one_line:
      return all_below(world,
                       [](const auto& ns) { return ns.uid_map.line1.count == 0 && ns.gid_map.line1.count == 0; });
    case WorldForm::identity_maps:
      return all_below(world, [](const auto& ns) { return ns.uid_map.line0.count == kAllIds; });
    case WorldForm::files_to_write:
      return all_alive(world, [](const auto& task) { return task.dumpable == 1; });
    case WorldForm::a_map_to_write:
      return world.namespace_count == 1 || (last.uid_map.line0.count == 0 && world.tasks[0].user_ns == last.parent);
    case WorldForm::owners_half_named:
      return all_alive(world, [](const auto& task) { return has<Concrete>(task.cred.effective, CAP_DAC_OVERRIDE); });
    case WorldForm::a_map_to_write_from_above:
      return world.namespaces[3].level == 3 && world.namespaces[3].uid_map.line0.count == 0 &&
             world.namespaces[world.tasks[0].user_ns].level == 1;
  }
  return false;
}

/// Worlds in which something does not hold that does are left out: of no form may be many.
TEST(MutantWorlds, OfEachFormHoldWhatIsProved) {
  const auto statements = all_that_hold();
  const CallsInWorlds calls(kProfile, statements);
  constexpr std::size_t kWorlds = 200;
  for (const WorldForm form : kWorldForms) {
    std::size_t there = 0;
    for (std::size_t number = 0; number < kWorlds; ++number) {
      const auto world = calls.draw(number, form);
      there += world.has_value();
      EXPECT_TRUE(!world || is_of(form, *world)) << static_cast<int>(form) << ", " << number;
    }
    EXPECT_GT(there, kWorlds * 9 / 10) << static_cast<int>(form);
  }
}

TEST(MutantWorlds, AreLeftOutWhereAStatementDoesNotHold) {
  Statement alone = statements_for_mutants().front();
  alone.concrete.of_task = [](const Profile&, const World<Concrete>& world, std::size_t task) {
    return task == 0 || world.tasks[task].alive == 0;
  };
  alone.concrete.of_namespace = nullptr;
  const std::vector<const Statement*> statements{&alone};
  const CallsInWorlds calls(kProfile, statements);
  std::size_t there = 0;
  for (std::size_t number = 0; number < 100; ++number) {
    const auto world = calls.draw(number, WorldForm::as_drawn);
    there += world.has_value();
    EXPECT_TRUE(!world || world->tasks[1].alive == 0);
  }
  EXPECT_GT(there, 0u);
  EXPECT_LT(there, 100u);
}

}  // namespace
}  // namespace capcheck
