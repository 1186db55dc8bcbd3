// SPDX-License-Identifier: GPL-2.0-only
// Programs on the kernel that runs this test, and what becomes of them when the link or the other end of it fails: each
// is answered once, in order, and rightly.
#include "fuzz/sut/booted_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "corpus/files.h"
#include "fuzz/sut/batch_test.h"
#include "fuzz/sut/machine.h"
#include "fuzz/sut/processes_test.h"
#include "fuzz/values.h"

namespace capcheck {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

std::string executor() {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "executor").string();
}

BootedOptions options_with(std::vector<std::string> command) {
  BootedOptions options;
  options.command = std::move(command);
  options.name = "test";
  options.boot = std::chrono::milliseconds(20'000);
  options.answer = std::chrono::milliseconds(20'000);
  return options;
}

/// The executor behind a filter of its output, a shell command. When that ends, the link is open still, and silent.
BootedOptions filtered(const std::string& filter) {
  BootedOptions options = options_with({"sh", "-c", executor() + " | " + filter});
  options.answer = std::chrono::milliseconds(1000);
  return options;
}

/// Whether a process of the group runs; remains that nobody has taken away yet do not.
bool group_runs(pid_t group) {
  return std::ranges::any_of(processes(), [&](const ProcessStat& process) {
    return process.group == group && process.state != 'Z' && process.state != 'X';
  });
}

/// No process of the group of an ended system is left.
bool group_is_gone(pid_t group) {
  for (int i = 0; i < 100; ++i) {
    if (!group_runs(group)) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

TEST(BootedSystem, RunsProgramsOnThisKernel) {
  const BatchOutcome outcome = expect_all_answered(options_with({executor()}), numbered_programs(200));
  EXPECT_EQ(outcome.restarts, 0u);
}

TEST(BootedSystem, SameProgramGivesSameTrace) {
  BootedSystem system(options_with({executor()}));
  Random random(3);
  const Profile profile = detect_profile(system.hello());
  for (int i = 0; i < 50; ++i) {
    Program program;
    for (int call = 0; call < 12; ++call) {
      const auto kind = static_cast<CallKind>(pick_below(random, kCalls.size()));
      const Call<Concrete> picked = pick_call(random, profile, kind, static_cast<std::uint8_t>(pick_below(random, 3)));
      if (system.refusal(picked).empty()) program.calls.push_back(picked);
    }
    Trace first, second;
    system.run(program, first);
    system.run(program, second);
    std::vector<std::uint8_t> a, b;
    pack_trace(a, program, first);
    pack_trace(b, program, second);
    EXPECT_EQ(a, b);
  }
}

TEST(BootedSystem, LeavesNoProcess) {
  pid_t group = 0;
  {
    BootedSystem system(options_with({executor()}));
    group = system.process();
    Trace trace;
    system.run({{{CallKind::clone, 0, {}}, {CallKind::clone, 1, {}}}}, trace);
    EXPECT_EQ(trace.failure, "");
    EXPECT_EQ(trace.observations.at(1).alive, 7u);
  }
  EXPECT_TRUE(group_is_gone(group));
}

/// The traced thread's remains hold up the thread that executes a file, whose leader is dead meanwhile.
TEST(BootedSystem, AThreadExecutesAFileBesideATracedOne) {
  const Call<Concrete> thread{CallKind::clone, 0, {CLONE_VM | CLONE_SIGHAND | CLONE_THREAD}};
  const Program program{{thread, thread, {CallKind::ptrace_traceme, 2, {}}, {CallKind::execve, 1, {0, 0, 0755}}}};
  expect_all_answered(options_with({executor()}), std::vector<Program>(10, program));
}

TEST(BootedSystem, SurvivesAKillInTheMiddleOfABatch) {
  pid_t killed = 0;
  const BatchOutcome outcome =
      expect_all_answered(options_with({executor()}), numbered_programs(300), 100, [&](const BootedSystem& system) {
        killed = system.process();
        kill(killed, SIGKILL);
      });
  EXPECT_EQ(outcome.restarts, 1u);
  EXPECT_GT(outcome.sent_again, 0u);
  EXPECT_TRUE(group_is_gone(killed));
}

TEST(BootedSystem, SurvivesAGuestThatStopsAnswering) {
  BootedOptions options = options_with({executor()});
  options.answer = std::chrono::milliseconds(3000);
  const BatchOutcome outcome = expect_all_answered(
      options, numbered_programs(200), 70, [](const BootedSystem& system) { kill(-system.process(), SIGSTOP); });
  EXPECT_EQ(outcome.restarts, 1u);
}

TEST(BootedSystem, SurvivesGarbageOnTheLink) {
  const BatchOutcome outcome =
      expect_all_answered(filtered("(dd bs=1 count=4000 2>/dev/null; echo garbage; cat)"), numbered_programs(60));
  EXPECT_GT(outcome.restarts, 0u);
}

TEST(BootedSystem, SurvivesACutFrame) {
  const BatchOutcome outcome = expect_all_answered(filtered("dd bs=1 count=4000 2>/dev/null"), numbered_programs(60));
  EXPECT_GT(outcome.restarts, 0u);
}

TEST(BootedSystem, NamesTheProgramThatKillsItsGuest) {
  // This guest dies of what is answered to the longest of three programs.
  BootedSystem system(filtered("(dd bs=1 count=900 2>/dev/null; echo 'Kernel panic' >&2; exec sleep 0.01)"));
  std::vector<Program> programs(3);
  programs[1].calls.assign(kMaxCalls, {CallKind::capbset_drop, 0, {CAP_CHOWN}});
  std::vector<std::string> failures;
  const auto receiver = [&](const Program&, const Trace& trace) { failures.push_back(trace.failure); };
  for (const Program& program : programs) system.submit(program, receiver);
  system.finish(receiver);
  ASSERT_EQ(failures.size(), 3u);
  EXPECT_EQ(failures[0], "");
  EXPECT_THAT(failures[1], HasSubstr("was lost while it ran this program alone, twice"));
  EXPECT_THAT(failures[1], HasSubstr("Kernel panic"));
  EXPECT_EQ(failures[2], "");
}

TEST(BootedSystem, SaysWhyNothingStarts) {
  const auto start = [](std::vector<std::string> command) {
    BootedOptions options = options_with(std::move(command));
    options.boot = std::chrono::milliseconds(300);
    const BootedSystem system(options);
  };
  EXPECT_THAT([&] { start({"/no/such/executor"}); },
              ThrowsMessage<std::system_error>(HasSubstr("/no/such/executor: cannot start")));
  EXPECT_THAT([&] { start({"sh", "-c", "echo no kernel >&2; exit 3"}); },
              ThrowsMessage<EnvironmentError>(AllOf(HasSubstr("it ended with status 3"), HasSubstr("no kernel"))));
  EXPECT_THAT([&] { start({"echo", "login:"}); },
              ThrowsMessage<EnvironmentError>(HasSubstr("bytes that are no frame")));
  EXPECT_THAT([&] { start({"sleep", "60"}); },
              ThrowsMessage<EnvironmentError>(HasSubstr("no executor answered within")));
}

TEST(BootedSystem, DetectsTheNearestRelease) {
  Hello hello{};
  const auto detect = [&](const char* release, std::uint64_t last_cap, std::uint64_t securebits) {
    std::strcpy(hello.release.data(), release);
    hello.last_cap = last_cap;
    hello.securebits = securebits;
    hello.privileged = 1;
    return to_string(detect_profile(hello));
  };
  EXPECT_EQ(detect("6.1.0-13-amd64", 40, 0x55), "6.1");
  EXPECT_EQ(detect("6.11.2", 40, 0x55), "6.1");
  EXPECT_EQ(detect("6.12.117", 40, 0x55), "6.12");
  EXPECT_EQ(detect("6.18.4", 40, 0x555), "6.17");
  hello.has_userns_set = 1;
  EXPECT_EQ(detect("6.12.117", 40, 0x55), "6.12+userns");
  EXPECT_EQ(detect("6.12.117", 40, 0x155), "6.12+userns+userns-strict");
  EXPECT_THROW(detect("5.10.1", 40, 0x55), EnvironmentError);
  EXPECT_EQ(detect("6.12.117", 41, 0x55), "6.12+userns+userfaultfd-cap");
  EXPECT_THROW(detect("6.12.117", 42, 0x55), EnvironmentError);
  EXPECT_THROW(detect("6.12.117", 40, 0x15), EnvironmentError);
}

TEST(Machine, IsReadAndWritten) {
  for (const char* text : {"host", "uml", "qemu", "ssh:user@somewhere"}) {
    EXPECT_EQ(to_string(parse_machine(text)), text);
  }
  EXPECT_THAT([] { parse_machine("moon"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("known: host, uml, qemu, ssh:HOST")));
  EXPECT_THROW(parse_machine("ssh:"), std::invalid_argument);
}

/// A stand-in for ssh that runs here what it is told to run there.
TEST(Machine, RunsTheExecutorOverSsh) {
  const TemporaryDirectory directory("capcheck-ssh");
  const std::filesystem::path ssh = directory.path() / "ssh";
  std::ofstream(ssh) << "#!/bin/sh\n[ \"$1\" = -- ] && shift\nshift\nexec sh -c \"$*\"\n";
  std::filesystem::permissions(ssh, std::filesystem::perms::owner_all);
  const std::string path = std::getenv("PATH");
  setenv("PATH", (directory.path().string() + ":" + path).c_str(), 1);
  {
    const auto system = start_on(parse_machine("ssh:somewhere"), {});
    Trace trace;
    system->run({{{CallKind::capget, 0, {_LINUX_CAPABILITY_VERSION_3, 0, 0}}}}, trace);
    EXPECT_EQ(trace.failure, "");
    EXPECT_EQ(trace.observations.size(), 1u);
    EXPECT_EQ(system->name().substr(0, 13), "ssh:somewhere");
  }
  setenv("PATH", path.c_str(), 1);
}

}  // namespace
}  // namespace capcheck
