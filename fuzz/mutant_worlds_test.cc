// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/mutant_worlds.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

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

/// Worlds in which something does not hold that does are left out: of no form may be many.
TEST(MutantWorlds, OfEachFormHoldWhatIsProved) {
  const auto statements = all_that_hold();
  const CallsInWorlds calls(kProfile, statements);
  constexpr std::size_t kWorlds = 200;
  for (const WorldForm form : kWorldForms) {
    std::size_t there = 0;
    for (std::size_t number = 0; number < kWorlds; ++number) there += calls.draw(number, form).has_value();
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
