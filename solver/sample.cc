// SPDX-License-Identifier: GPL-2.0-only
#include "solver/sample.h"

#include <cstddef>

#include "fuzz/mutator.h"
#include "solver/replay.h"
#include "solver/transition.h"

namespace capcheck {
namespace {

constexpr std::size_t kLongest = 12;

/// The beginning of a program that ends with the first call that meets the goal. Calls of tasks that do not live are
/// left out.
std::optional<Program> beginning_that_meets(const Profile& profile, Fault fault, const Goal& goal,
                                            const Program& program) {
  World<Concrete> world;
  begin(world, profile);
  Program made;
  for (const Call<Concrete>& call : program.calls) {
    if (!world.tasks[call.task].alive) continue;
    if (world.namespace_count + 1 >= kMaxNamespaces) return std::nullopt;
    const Transition<Concrete> transition = take(profile, fault, world, call);
    made.calls.push_back(call);
    if (meets(goal, profile, transition)) return made;
    world = transition.after;
  }
  return std::nullopt;
}

/// The program without the calls that it can do without, the later ones first.
Program without_needless_calls(const Profile& profile, Fault fault, const Goal& goal, Program program) {
  for (std::size_t i = program.calls.size(); i-- > 0;) {
    Program shorter = program;
    shorter.calls.erase(shorter.calls.begin() + static_cast<std::ptrdiff_t>(i));
    if (replays(profile, fault, goal, shorter)) program = std::move(shorter);
  }
  return program;
}

}  // namespace

std::optional<Program> sample(const Profile& profile, Fault fault, const Goal& goal) {
  constexpr int kPrograms = 100'000, kAfterBest = 4000, kFromScratch = 16, kFromBest = 4;
  Random random(1);
  Program program;
  std::optional<Program> best;
  int after_best = 0;
  for (int i = 0; i < kPrograms && after_best < kAfterBest; ++i) {
    if (best && i % kFromBest == 0) {
      program = *best;
    } else if (i % kFromScratch == 0) {
      program.calls.clear();
    }
    mutate(program, kLongest, profile, random);
    after_best += best.has_value();
    auto meeting = beginning_that_meets(profile, fault, goal, program);
    if (!meeting) continue;
    Program short_one = without_needless_calls(profile, fault, goal, *std::move(meeting));
    if (best && short_one.calls.size() >= best->calls.size()) continue;
    best = std::move(short_one);
    after_best = 0;
  }
  return best;
}

}  // namespace capcheck
