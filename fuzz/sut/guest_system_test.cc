// SPDX-License-Identifier: GPL-2.0-only
// Programs in a real guest: it is killed, it hangs and it panics in the middle of a batch, and all is answered; and the
// coverage of a kernel that was built with KCOV, if one is there: it takes minutes to build and is not built for tests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "corpus/files.h"
#include "fuzz/guest/guest.h"
#include "fuzz/guest/initramfs.h"
#include "fuzz/guest/scratch.h"
#include "fuzz/sut/batch_test.h"
#include "fuzz/sut/machine.h"
#include "fuzz/sut/processes_test.h"

namespace capcheck {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// The kernel that is built for tests.
BootedKernel kernel_for_tests() {
  return find_booted_kernel("6.12+userns", Architecture::um);
}

/// A kernel of user-mode Linux that is as its profile says, with KCOV.
std::optional<BootedKernel> some_kernel_with_kcov() {
  for (const BootedKernel& kernel : booted_kernels()) {
    if (kernel.architecture != Architecture::um || kernel.state != KernelState::ready) continue;
    if (!kernel.fault.empty() || !kernel.patches.empty()) continue;
    if (kernel.options.find("kcov") != std::string::npos) return kernel;
  }
  return std::nullopt;
}

/// A guest that is given up early, so that a test that waits for it is not long.
BootedOptions guest_options(const BootedKernel& kernel) {
  const auto scratch = std::make_shared<Scratch>();
  const std::filesystem::path initramfs = scratch->path() / "initramfs.cpio";
  write_file(initramfs,
             initramfs_with_init(std::filesystem::read_symlink("/proc/self/exe").parent_path() / "executor").bytes());
  BootedOptions options;
  options.command = guest_command(kernel, initramfs, {.accelerator = {}, .scratch = scratch->path()});
  options.processors = guest_processors(kernel);
  options.name = "test";
  options.profile = parse_profile(kernel.profile);
  options.answer = std::chrono::seconds(5);
  options.keeps = scratch;
  return options;
}

/// Harm is done in the middle of a batch: the guest is lost once, and another goes on.
void expect_survives(const std::function<void(const BootedSystem&)>& harm) {
  const BatchOutcome outcome = expect_all_answered(guest_options(kernel_for_tests()), numbered_programs(150), 40, harm);
  EXPECT_EQ(outcome.restarts, 1u);
  EXPECT_EQ(outcome.losses, 1u);
  EXPECT_NE(outcome.last_loss, "");
  EXPECT_GT(outcome.sent_again, 0u);
}

TEST(UmlGuest, IsKilledInTheMiddleOfABatch) {
  expect_survives([](const BootedSystem& system) { kill(system.process(), SIGKILL); });
}

TEST(UmlGuest, HangsInTheMiddleOfABatch) {
  expect_survives([](const BootedSystem& system) { kill(system.process(), SIGSTOP); });
}

/// The first process of which another is the parent; 0 if there is none.
pid_t child_of(pid_t parent) {
  const auto all = processes();
  const auto found = std::ranges::find(all, parent, &ProcessStat::parent);
  return found == all.end() ? 0 : found->id;
}

/// The processes of a guest run in processes here; without one of these, user-mode Linux ends in a panic.
TEST(UmlGuest, PanicsInTheMiddleOfABatch) {
  expect_survives([](const BootedSystem& system) {
    const pid_t child = child_of(system.process());
    ASSERT_GT(child, 0);
    kill(child, SIGKILL);
  });
}

/// Of the sysctls, the masks that a program lowered are what the next begins with, and the rest is as it was.
TEST(UmlGuest, AProgramRefusedInItsMiddleLeavesNothingBehind) {
  const Program refused{{{CallKind::write_unprivileged_userfaultfd, 0, {1}},
                         {CallKind::write_umh_bset, 0, {cap_bit(CAP_CHOWN)}},
                         {CallKind::userfaultfd, 0, {UFFD_USER_MODE_ONLY}},
                         {CallKind::uffdio_api, 0, {UFFD_API, 0}},
                         {CallKind::kernel_fault, 0, {}}}};
  const Program next{{{CallKind::unshare, 0, {CLONE_NEWUSER}}, {CallKind::userfaultfd, 0, {0}}}};
  auto system = std::make_unique<BootedSystem>(guest_options(kernel_for_tests()));
  const Profile profile = detect_profile(system->hello());
  Differential differential(profile, std::move(system));
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(differential.run(refused));
    EXPECT_NE(differential.refused(), "");
    const auto divergence = differential.run(next);
    if (divergence) ADD_FAILURE() << differential.explain(*divergence, next, "");
    EXPECT_EQ(differential.refused(), "");
  }
}

/// Without KCOV, nothing is said of coverage.
TEST(UmlGuest, GivesNoCoverageWithoutKcov) {
  EXPECT_EQ(BootedSystem(guest_options(kernel_for_tests())).coverage(), nullptr);
}

class UmlCoverage : public testing::Test {
 protected:
  void SetUp() override {
    const auto kernel = some_kernel_with_kcov();
    if (!kernel) {
      GTEST_SKIP() << "no kernel of user-mode Linux is built with KCOV: capcheck kernel build kcov --version 6.12 "
                      "--feature userns --kcov";
    }
    system_ = std::make_unique<BootedSystem>(guest_options(*kernel));
    ASSERT_NE(system_->coverage(), nullptr);
  }

  /// The coverage of a program, in several runs. In some of them the kernel has memory at hand that it has to make in
  /// others, which are a few edges.
  Coverage covered(const std::vector<Call<Concrete>>& calls) {
    constexpr int kRuns = 4;
    Coverage all;
    std::size_t least = kCoverageCounters;
    for (int i = 0; i < kRuns; ++i) {
      Trace trace;
      system_->run({calls}, trace);
      EXPECT_EQ(trace.failure, "");
      EXPECT_EQ(trace.refusal, "");
      all |= *system_->coverage();
      least = std::min(least, system_->coverage()->count());
    }
    EXPECT_GT(least, all.count() * 3 / 4);
    return all;
  }

  /// Whether calls run something that others do not.
  static bool adds(const Coverage& coverage, const Coverage& to) {
    Coverage both = coverage;
    both |= to;
    return both != to;
  }

  std::unique_ptr<BootedSystem> system_;
};

const Call<Concrete> kDrop{CallKind::capbset_drop, 0, {CAP_CHOWN}}, kUnshare{CallKind::unshare, 0, {CLONE_NEWUSER}},
    kSetuid{CallKind::setuid, 0, {1}}, kClone{CallKind::clone, 0, {}}, kExecve{CallKind::execve, 0, {0, 0, 0755}};

Call<Concrete> by(std::uint8_t task, Call<Concrete> call) {
  call.task = task;
  return call;
}

TEST_F(UmlCoverage, DiffersFromCallToCall) {
  const Coverage none = covered({}), drop = covered({kDrop}), unshare = covered({kUnshare}),
                 setuid = covered({kSetuid});
  for (const Coverage& one : {drop, unshare, setuid}) EXPECT_TRUE(adds(one, none));
  EXPECT_TRUE(adds(drop, unshare));
  EXPECT_TRUE(adds(unshare, setuid));
  EXPECT_TRUE(adds(setuid, drop));
  // The set of a capability that a task has is one path, of one that it lacks another.
  EXPECT_TRUE(adds(covered({kSetuid, kDrop}), [&] {
    Coverage sum = setuid;
    return sum |= drop;
  }()));
}

TEST_F(UmlCoverage, IsThatOfEveryTask) {
  const Coverage clone = covered({kClone});
  EXPECT_TRUE(adds(covered({kClone, by(1, kUnshare)}), clone));
  EXPECT_TRUE(adds(covered({kClone, by(1, kClone), by(2, kUnshare)}), covered({kClone, by(1, kClone)})));
}

TEST_F(UmlCoverage, GoesOnInTheProgramExecuted) {
  const Coverage execve = covered({kExecve});
  EXPECT_TRUE(adds(covered({kExecve, kUnshare}), execve));
  // A thread that executes a file goes on as its leader; another may have its number then.
  const Call<Concrete> thread{CallKind::clone, 0, {CLONE_VM | CLONE_SIGHAND | CLONE_THREAD}};
  const Coverage threads = covered({thread, by(1, kExecve), kClone});
  EXPECT_TRUE(adds(covered({thread, by(1, kExecve), kUnshare}), threads));
  EXPECT_TRUE(adds(covered({thread, by(1, kExecve), kClone, by(1, kUnshare)}), threads));
}

TEST(Machine, KnowsTheProfileOfAKernelToBoot) {
  Machine machine = parse_machine("uml");
  machine.booted = "no-such-kernel";
  EXPECT_THAT([&] { recorded_profile(machine); },
              ThrowsMessage<std::runtime_error>(HasSubstr("no kernel no-such-kernel")));
  machine = parse_machine("host");
  machine.booted = "6.12";
  EXPECT_THAT([&] { recorded_profile(machine); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("the kernel of host is taken as found")));
  const BootedKernel kernel = kernel_for_tests();
  machine = parse_machine("uml");
  machine.booted = kernel.name;
  const Profile profile = recorded_profile(machine);
  EXPECT_EQ(to_string(profile), kernel.profile);
  EXPECT_EQ(start_on(machine, profile)->replay_options(),
            "--on uml --booted " + kernel.name + " --profile " + kernel.profile);
}

}  // namespace
}  // namespace capcheck
