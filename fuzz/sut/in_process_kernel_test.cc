// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/sut/in_process_kernel.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <filesystem>
#include <stdexcept>

#include "corpus/files.h"
#include "fuzz/values.h"

namespace capcheck {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

const Profile kMainline{};
const Profile kUserns{.features = {.userns = true}};

/// The proposal's acceptance sample.
TEST(InProcessKernel, LoweredCapabilityIsMissingFromANewNamespace) {
  InProcessKernel kernel(kernel_file(kUserns), kUserns);
  Trace trace;
  kernel.run({{{CallKind::cap_userns, 0, {kLower, CAP_SYS_RAWIO}}, {CallKind::unshare, 0, {CLONE_NEWUSER}}}}, trace);
  ASSERT_EQ(trace.failure, "");
  const TaskState<Concrete>& state = trace.observations.at(1).state;
  EXPECT_EQ(trace.observations[1].result, 0u);
  EXPECT_EQ(state.level, 1u);
  for (const std::uint64_t set : {state.cred.permitted, state.cred.effective, state.cred.bounding, state.cred.userns}) {
    EXPECT_EQ(set, 0x000001fffffdffffu);
  }
  EXPECT_EQ(state.cred.inheritable, 0u);
  EXPECT_EQ(state.cred.ambient, 0u);
}

/// In mainline the call of the proposal is unknown, and a namespace grants everything.
TEST(InProcessKernel, UnpatchedKernelIsUnpatched) {
  InProcessKernel kernel(kernel_file(kMainline), kMainline);
  Trace trace;
  kernel.run({{{CallKind::cap_userns, 0, {kLower, CAP_SYS_RAWIO}}, {CallKind::unshare, 0, {CLONE_NEWUSER}}}}, trace);
  ASSERT_EQ(trace.failure, "");
  EXPECT_EQ(trace.observations.at(0).result, 0 - std::uint64_t{EINVAL});
  EXPECT_EQ(trace.observations.at(1).state.cred.permitted, kMainline.full_set());
  EXPECT_EQ(trace.initial.cred.userns, 0u);
}

TEST(InProcessKernel, IsRefusedForAProfileItIsNotOf) {
  EXPECT_THAT([] { InProcessKernel(kernel_file(kUserns), kMainline); },
              ThrowsMessage<std::runtime_error>(HasSubstr("6.12+userns.so: struct cred has a userns set")));
  EXPECT_THAT([] { InProcessKernel(kernel_file(kMainline), kUserns); },
              ThrowsMessage<std::runtime_error>(HasSubstr("6.12.so: struct cred has no userns set")));
  const Profile repaired{.features = {.userns = true, .capbset_drop_lowers_userns = true}};
  EXPECT_THAT(
      [&] { InProcessKernel(kernel_file(kUserns), repaired); },
      ThrowsMessage<std::runtime_error>(HasSubstr("built as 6.12+userns, which is not profile 6.12+userns+capb")));
  const Profile strict{.features = {.userns = true, .userns_strict = true}};
  EXPECT_THAT([&] { InProcessKernel(kernel_file(kUserns), strict); },
              ThrowsMessage<std::runtime_error>(HasSubstr("SECURE_ALL_BITS is 0x55")));
}

TEST(InProcessKernel, SaysWhatIsWrongWithAFile) {
  EXPECT_THAT([] { InProcessKernel("/nonexistent/6.12.so", kMainline); },
              ThrowsMessage<std::runtime_error>(HasSubstr("no such kernel; build it with")));
  const std::filesystem::path garbage = std::filesystem::temp_directory_path() / "capcheck-garbage.so";
  write_file(garbage, "not a shared object");
  EXPECT_THAT([&] { InProcessKernel(garbage, kMainline); },
              ThrowsMessage<std::runtime_error>(HasSubstr("not a kernel for this program")));
  std::filesystem::remove(garbage);
}

TEST(InProcessKernel, ThatDiesIsReportedAndLoadedAnew) {
  const Call<Concrete> harmless{CallKind::chroot, 0, {}}, deadly{CallKind::get_keepcaps, 0, {}};
  InProcessKernel kernel(DYING_KERNEL_0, kMainline);
  Trace trace;
  for (int i = 0; i < 2; ++i) {
    kernel.run({{harmless, deadly, harmless}}, trace);
    EXPECT_EQ(trace.failure, "BUG in die()");
    EXPECT_EQ(trace.observations.size(), 1u) << "the calls before the deadly one are kept";
    kernel.run({{harmless}}, trace);
    EXPECT_EQ(trace.failure, "");
  }
  std::vector<TaskState<Concrete>> others;
  kernel.begin();
  EXPECT_THAT([&] { kernel.call(deadly, others); }, ThrowsMessage<std::runtime_error>(HasSubstr("BUG in die()")));
}

TEST(InProcessKernel, ThatLeaksIsReported) {
  const Call<Concrete> leaky{CallKind::unshare, 0, {0}};
  InProcessKernel kernel(DYING_KERNEL_0, kMainline);
  Trace trace;
  kernel.run({{leaky, leaky}}, trace);
  EXPECT_EQ(trace.failure, "6 allocations are still held after the program's end");
  std::vector<TaskState<Concrete>> others;
  kernel.begin();
  kernel.call(leaky, others);
  EXPECT_THAT([&] { kernel.end(); }, ThrowsMessage<std::runtime_error>(HasSubstr("3 allocations")));
}

TEST(InProcessKernel, OfAnotherHarnessIsRefused) {
  EXPECT_THAT([] { InProcessKernel(DYING_KERNEL_1, kMainline); },
              ThrowsMessage<std::runtime_error>(HasSubstr(fmt::format(
                  "built for harness {}, this program needs {}", CAPCHECK_HARNESS_ABI + 1, CAPCHECK_HARNESS_ABI))));
}

/// Memory is returned after each program: a day of fuzzing does not grow.
TEST(InProcessKernel, DoesNotGrow) {
  InProcessKernel kernel(kernel_file(kUserns), kUserns);
  Random random(1);
  Trace trace;
  const auto run_many = [&](int programs) {
    for (int i = 0; i < programs; ++i) {
      Program program;
      for (int call = 0; call < 12; ++call) {
        program.calls.push_back(pick_call(random, kUserns, static_cast<std::uint8_t>(pick_below(random, 2))));
      }
      kernel.run(program, trace);
      ASSERT_EQ(trace.failure, "");
    }
  };
  run_many(20000);
  const auto held = [] { return mallinfo2().uordblks; };
  const std::size_t before = held();
  run_many(200000);
  EXPECT_LE(held(), before + 65536);
}

}  // namespace
}  // namespace capcheck
