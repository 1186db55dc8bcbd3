// SPDX-License-Identifier: GPL-2.0-only
// For tests: a batch of programs that tell themselves apart, and the check that each is answered once and rightly
// whatever is done to the system in the middle of it.
#ifndef CAPCHECK_FUZZ_SUT_BATCH_TEST_H_
#define CAPCHECK_FUZZ_SUT_BATCH_TEST_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/differential.h"
#include "fuzz/sut/booted_system.h"

namespace capcheck {

/// Programs of one or two tasks that say which they are: number n drops n capabilities.
inline std::vector<Program> numbered_programs(std::size_t count) {
  std::vector<Program> programs;
  for (std::size_t i = 0; i < count; ++i) {
    Program& program = programs.emplace_back();
    if (i % 3 == 0) program.calls.push_back({CallKind::clone, 0, {}});
    for (std::uint64_t c = 0; c < i % 40; ++c) program.calls.push_back({CallKind::capbset_drop, 0, {c}});
  }
  return programs;
}

/// What became of the system in a batch.
struct BatchOutcome {
  std::size_t answered = 0;
  unsigned restarts = 0, losses = 0;
  std::uint64_t sent_again = 0;
  std::string last_loss;
};

/// Runs programs on both sides and expects that each is answered once, in order, as the model says. After `at` answers,
/// harm(system) is done.
inline BatchOutcome expect_all_answered(BootedOptions options, const std::vector<Program>& programs, std::size_t at = 0,
                                        const std::function<void(const BootedSystem&)>& harm = {}) {
  auto system = std::make_unique<BootedSystem>(std::move(options));
  const BootedSystem& booted = *system;
  Differential differential(detect_profile(booted.hello()), std::move(system));
  std::size_t answered = 0;
  const auto receiver = [&](const Program& program, const std::optional<Divergence>& divergence) {
    ASSERT_LT(answered, programs.size());
    EXPECT_EQ(program, programs[answered]) << answered;
    if (divergence) ADD_FAILURE() << differential.explain(*divergence, program, "");
    EXPECT_EQ(differential.refused(), "");
    if (++answered == at && harm) harm(booted);
  };
  for (const Program& program : programs) differential.submit(program, receiver);
  differential.finish(receiver);
  EXPECT_EQ(answered, programs.size());
  return {answered, booted.restarts(), booted.losses(), booted.sent_again(), booted.last_loss()};
}

}  // namespace capcheck

#endif
