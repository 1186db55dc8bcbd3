// SPDX-License-Identifier: GPL-2.0-only
// Stateful properties: the kernel in this process follows the model, call by call.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <rapidcheck/state.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "fuzz/differential.h"
#include "fuzz/sut/in_process_kernel.h"
#include "model/trace_text.h"
#include "props/generators.h"

namespace capcheck {
namespace {

struct ModelState {
  Profile profile;
  World<Concrete> world;
};

/// One call of a live task, on the model and on the kernel.
class MakeCall : public rc::state::Command<ModelState, InProcessKernel> {
 public:
  explicit MakeCall(const ModelState& state) : call_(*any_call_of_any_task(state.profile)) {}

  void checkPreconditions(const ModelState& state) const override { RC_PRE(state.world.tasks[call_.task].alive != 0); }

  void apply(ModelState& state) const override { step(state.profile, state.world, call_); }

  void run(const ModelState& state, InProcessKernel& kernel) const override {
    World<Concrete> expected = state.world;
    const Reply<Concrete> reply = step(state.profile, expected, call_);
    std::vector<TaskState<Concrete>> others;
    const Observation seen = kernel.call(call_, others);
    RC_ASSERT(print_result(seen.result) == print_result(reply.result));
    RC_ASSERT(std::memcmp(&seen.output, &reply.output, sizeof reply.output) == 0);
    RC_ASSERT(seen.alive == alive_tasks(expected));
    auto other = others.begin();
    for (std::size_t task = 0; task < kMaxTasks; ++task) {
      if (!expected.tasks[task].alive) continue;
      assert_same(task, observe(expected, task), task == call_.task ? seen.state : *other++);
    }
  }

  void show(std::ostream& out) const override { out << print_call(call_); }

 private:
  static void assert_same(std::size_t task, const TaskState<Concrete>& expected, const TaskState<Concrete>& seen) {
    for (const StateField& field : state_fields()) {
      RC_LOG() << 't' << task << ' ' << field.name << '\n';
      RC_ASSERT(field.get(seen) == field.get(expected));
    }
  }

  Call<Concrete> call_;
};

class KernelFollowsModel : public ::testing::TestWithParam<Profile> {};

TEST_P(KernelFollowsModel, CallByCall) {
  const Profile& profile = GetParam();
  InProcessKernel kernel(kernel_file(profile), profile);
  const bool holds = rc::check([&] {
    ModelState state{profile, {}};
    begin(state.world, profile);
    const TaskState<Concrete> initial = kernel.begin(), expected = observe(state.world, 0);
    RC_ASSERT(std::memcmp(&initial, &expected, sizeof initial) == 0);
    try {
      rc::state::check(state, kernel, rc::state::gen::execOneOfWithArgs<MakeCall>());
    } catch (...) {  // a case that fails or is given up: the next one begins a world too
      kernel.end();
      throw;
    }
    kernel.end();
  });
  EXPECT_TRUE(holds);
}

TEST_P(KernelFollowsModel, AProgramGivesTheSameTraceEveryTime) {
  const Profile& profile = GetParam();
  InProcessKernel kernel(kernel_file(profile), profile);
  const bool holds = rc::check([&] {
    const Program program = *any_program(profile), other = *any_program(profile);
    Trace first, between, second;
    kernel.run(program, first);
    kernel.run(other, between);
    kernel.run(program, second);
    RC_ASSERT(first.failure.empty());
    RC_ASSERT(std::memcmp(&first.initial, &second.initial, sizeof first.initial) == 0);
    RC_ASSERT(std::ranges::equal(first.observations, second.observations,
                                 [](const auto& a, const auto& b) { return std::memcmp(&a, &b, sizeof a) == 0; }));
    RC_ASSERT(std::ranges::equal(first.others, second.others,
                                 [](const auto& a, const auto& b) { return std::memcmp(&a, &b, sizeof a) == 0; }));
  });
  EXPECT_TRUE(holds);
}

INSTANTIATE_TEST_SUITE_P(Profiles, KernelFollowsModel, ::testing::ValuesIn(kernel_profiles()),
                         [](const auto& param_info) {
                           std::string name = to_string(param_info.param);
                           for (char& c : name) {
                             if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
                           }
                           return name;
                         });

}  // namespace
}  // namespace capcheck
