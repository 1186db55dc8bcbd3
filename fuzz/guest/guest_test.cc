// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/guest/guest.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <list>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "corpus/files.h"
#include "fuzz/guest/child.h"
#include "fuzz/guest/initramfs.h"
#include "fuzz/guest/kvm.h"
#include "fuzz/guest/scratch.h"

namespace capcheck {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// An empty cache, and a directory of programs that come first in PATH.
class GuestTest : public testing::Test {
 protected:
  GuestTest() {
    fs::create_directories(directory_ / "programs");
    fs::create_directories(bootable() / "images");
    setenv("CAPCHECK_CACHE", directory_.c_str(), 1);
    path_ = getenv("PATH");
    setenv("PATH", ((directory_ / "programs").string() + ":" + path_).c_str(), 1);
  }
  ~GuestTest() override {
    unsetenv("CAPCHECK_CACHE");
    setenv("PATH", path_.c_str(), 1);
  }

  fs::path bootable() const { return directory_ / "bootable"; }
  fs::path image(const std::string& key) const { return bootable() / "images" / key; }

  void add_kernel(const std::string& architecture, const std::string& name, const std::string& key) {
    const fs::path kernels = bootable() / "kernels" / architecture;
    fs::create_directories(kernels);
    fs::create_directories(bootable() / "workspaces" / "w");
    write_file(image(key), "kernel");
    write_file(
        kernels / (name + ".kernel"),
        "profile: 6.12+userns\nrelease: 6.12.1\nfault: \noptions: kcov kasan\nimage: " + key + "\nworkspace: w\n");
  }
  void add_unfinished(const std::string& name) {
    const fs::path kernels = bootable() / "kernels/um";
    fs::create_directories(kernels);
    write_file(kernels / (name + ".unfinished"), "6.12\n");
  }
  void add_program(const std::string& name, const std::string& text) {
    const fs::path program = directory_ / "programs" / name;
    write_file(program, "#!/bin/sh\n" + text + "\n");
    fs::permissions(program, fs::perms::owner_all);
  }

  const TemporaryDirectory temporary_{"capcheck-guest-test"};
  const fs::path directory_ = temporary_.path();
  std::string path_;
};

std::vector<std::string> names(const std::vector<BootedKernel>& kernels) {
  std::vector<std::string> all;
  for (const BootedKernel& kernel : kernels) {
    all.push_back(kernel.name + " " + std::string(to_string(kernel.architecture)) + " " +
                  std::string(to_string(kernel.state)));
  }
  return all;
}

TEST_F(GuestTest, ListsKernelsAndTheirStates) {
  add_kernel("x86_64", "6.12", "a");
  add_kernel("um", "6.12+userns", "b");
  add_kernel("um", "mine", "c");
  fs::remove(image("c"));
  add_unfinished("6.1");
  EXPECT_THAT(names(booted_kernels()),
              ElementsAre("6.1 um unfinished", "6.12+userns um ready", "mine um unfinished", "6.12 x86_64 ready"));
  const BootedKernel kernel = find_booted_kernel("6.12+userns", Architecture::um);
  EXPECT_EQ(kernel.release, "6.12.1");
  EXPECT_EQ(kernel.options, "kcov kasan");
  EXPECT_EQ(kernel.fault, "");
  EXPECT_EQ(kernel.image, image("b"));
}

TEST_F(GuestTest, AKernelThatCannotBeBootedNamesTheCommandThatBuildsIt) {
  add_unfinished("6.1");
  const auto error = [](std::string_view name, Architecture architecture) -> std::string {
    try {
      find_booted_kernel(name, architecture);
    } catch (const std::runtime_error& thrown) {
      return thrown.what();
    }
    return "none";
  };
  EXPECT_THAT(error("6.1", Architecture::um), HasSubstr("capcheck kernel build 6.1"));
  EXPECT_THAT(error("6.12", Architecture::x86_64), HasSubstr("capcheck kernel build 6.12 --arch x86_64"));
}

TEST_F(GuestTest, ABadRecordIsAnError) {
  add_kernel("um", "6.12", "a");
  write_file(bootable() / "kernels/um/6.12.kernel", "profile: 6.12\n");
  EXPECT_THROW(booted_kernels(), std::runtime_error);
}

TEST_F(GuestTest, RemovesWhatNoOtherKernelHas) {
  add_kernel("um", "one", "a");
  add_kernel("um", "two", "a");
  remove_booted_kernel(find_booted_kernel("one", Architecture::um));
  EXPECT_THAT(names(booted_kernels()), ElementsAre("two um ready"));
  EXPECT_TRUE(fs::exists(bootable() / "workspaces/w"));
  remove_booted_kernel(find_booted_kernel("two", Architecture::um));
  EXPECT_FALSE(fs::exists(image("a")));
  EXPECT_FALSE(fs::exists(bootable() / "workspaces/w"));
}

TEST_F(GuestTest, NothingIsRemovedWhileABuildRuns) {
  add_kernel("um", "one", "a");
  add_unfinished("two");
  const int lock = open((bootable() / "lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  ASSERT_EQ(flock(lock, LOCK_EX), 0);
  EXPECT_THAT(names(booted_kernels()), ElementsAre("one um ready", "two um building"));
  EXPECT_THROW(remove_booted_kernel(find_booted_kernel("one", Architecture::um)), std::runtime_error);
  EXPECT_TRUE(fs::exists(image("a")));
  close(lock);
}

TEST_F(GuestTest, ACommandHasTheLinkAndTheConsoleWhereTheyBelong) {
  add_kernel("um", "6.12", "a");
  add_kernel("x86_64", "6.12", "b");
  add_program("qemu-system-x86_64", "");
  GuestOptions options{.memory_mib = 77, .accelerator = Accelerator::tcg, .scratch = "/scratch"};
  const auto um = guest_command(find_booted_kernel("6.12", Architecture::um), "/i.cpio", options);
  EXPECT_EQ(um.front(), image("a"));
  EXPECT_THAT(um, testing::IsSupersetOf({"mem=77M", "initrd=/i.cpio", "uml_dir=/scratch/", "con0=null,fd:2",
                                         "ssl0=fd:0,fd:1", "capcheck.link=/dev/ttyS0"}));
  const auto x86 = guest_command(find_booted_kernel("6.12", Architecture::x86_64), "/i.cpio", options);
  EXPECT_THAT(x86, testing::IsSupersetOf({"-initrd", "/i.cpio", "virtserialport,chardev=link", "-no-reboot", "77M"}));
  EXPECT_THAT(x86.back(), HasSubstr("capcheck.link=/dev/vport0p1"));

  options.wiring = Wiring::console;
  const auto console = guest_command(find_booted_kernel("6.12", Architecture::um), "/i.cpio", options);
  EXPECT_THAT(console, testing::Contains("con0=fd:0,fd:1"));
  EXPECT_THAT(console, Not(testing::Contains(HasSubstr("capcheck.link"))));
}

TEST_F(GuestTest, KvmThatHangsIsFoundOutOnce) {
  if (access("/dev/kvm", R_OK | W_OK) != 0) {
    EXPECT_FALSE(kvm_works("/kernel"));
    return;
  }
  add_program("qemu-system-x86_64", "echo started >>" + (directory_ / "log").string() + "; exec sleep 60");
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(kvm_works("/kernel"));
  EXPECT_FALSE(kvm_works("/kernel"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(15));
  EXPECT_EQ(read_file(directory_ / "log"), "started\n");
}

TEST_F(GuestTest, KvmThatBootsWorks) {
  if (access("/dev/kvm", R_OK | W_OK) != 0) GTEST_SKIP() << "no /dev/kvm here";
  add_program("qemu-system-x86_64", "echo 'Kernel panic - not syncing: no root'");
  EXPECT_TRUE(kvm_works("/kernel"));
  add_program("qemu-system-x86_64", "echo 'failed to set MSR' # another QEMU, another answer");
  EXPECT_FALSE(kvm_works("/kernel"));
}

TEST_F(GuestTest, AChildDiesWithItsOwner) {
  pid_t pid = 0;
  {
    const Child child({"sleep", "60"}, {});
    pid = child.pid();
    EXPECT_EQ(kill(pid, 0), 0);
  }
  EXPECT_NE(kill(pid, 0), 0);
  EXPECT_THROW(Child({"/nowhere/program"}, {}), std::system_error);
}

/// Whether a process ends within two seconds. It may be a zombie that nobody reaps.
bool ends(pid_t pid) {
  const fs::path status = fs::path("/proc") / std::to_string(pid) / "stat";
  for (int i = 0; i < 200; ++i) {
    std::ifstream file(status);
    std::string text((std::istreambuf_iterator<char>(file)), {});
    if (text.empty() || text.find(") Z ") != std::string::npos) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

/// Other guests may have claimed processors, so that some of these children have all.
TEST_F(GuestTest, NoTwoChildrenKeepToTheSameProcessor) {
  std::list<Child> children;
  const auto start = [&](Processors processors) {
    Pipe output;
    children.emplace_back(
        std::vector<std::string>{"sh", "-c", "grep Cpus_allowed_list /proc/self/status; exec sleep 60"},
        ChildStreams{.output = output.write_end()}, Fate::dies_with_owner, processors);
    std::array<char, 4096> line{};
    EXPECT_GT(read(output.read_end(), line.data(), line.size() - 1), 0);
    return std::string(line.data());
  };
  const std::string all = start(Processors::all);
  std::multiset<std::string> kept;
  for (unsigned i = 0; i < std::thread::hardware_concurrency(); ++i) kept.insert(start(Processors::one));
  for (const std::string& one : kept) EXPECT_TRUE(one == all || kept.count(one) == 1) << one;
  EXPECT_EQ(start(Processors::one), all) << "there is none left";
}

TEST_F(GuestTest, AChildDiesWithAnOwnerThatIsKilled) {
  Pipe number;
  const pid_t owner = fork();
  if (owner == 0) {
    const Child child({"sleep", "60"}, {});
    const pid_t pid = child.pid();
    if (write(number.write_end(), &pid, sizeof(pid)) == sizeof(pid)) pause();
    _exit(1);
  }
  pid_t child = 0;
  ASSERT_EQ(read(number.read_end(), &child, sizeof(child)), sizeof(child));
  kill(owner, SIGKILL);
  waitpid(owner, nullptr, 0);
  EXPECT_TRUE(ends(child));
}

TEST_F(GuestTest, WhatAChildLeavesBehindDiesToo) {
  Pipe output;
  Child child({"sh", "-c", "sleep 60 & echo $!"}, {.output = output.write_end()});
  std::array<char, 32> text{};
  ASSERT_GT(read(output.read_end(), text.data(), text.size() - 1), 0);
  while (!child.ended()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_TRUE(ends(std::stoi(text.data())));
}

/// The fields of the archive's entries: name, mode, size.
std::vector<std::string> entries(const std::string& archive) {
  std::vector<std::string> found;
  const auto number = [&archive](std::size_t start, std::size_t field) {
    return std::stoul(archive.substr(start + 6 + field * 8, 8), nullptr, 16);
  };
  for (std::size_t start = 0; start < archive.size();) {
    EXPECT_EQ(archive.substr(start, 6), "070701");
    const std::size_t mode = number(start, 1), size = number(start, 6), name_size = number(start, 11);
    const std::string name = archive.substr(start + 110, name_size - 1);
    found.push_back(name + " " + std::to_string(mode) + " " + std::to_string(size));
    const std::size_t content = (start + 110 + name_size + 3) / 4 * 4;
    start = (content + size + 3) / 4 * 4;
  }
  return found;
}

TEST(Initramfs, HasEveryDirectoryBeforeWhatIsInIt) {
  Initramfs files;
  files.add_file("usr/bin/tool", "12345", 0755);
  files.add_symlink("bin", "usr/bin");
  files.add_character_device("dev/null", 0666, 1, 3);
  const std::string archive = files.bytes();
  EXPECT_EQ(archive.size() % 4, 0);
  EXPECT_THAT(entries(archive), ElementsAre("bin 41471 7", "dev 16877 0", "dev/null 8630 0", "usr 16877 0",
                                            "usr/bin 16877 0", "usr/bin/tool 33261 5", "TRAILER!!! 0 0"));
  EXPECT_THROW(files.add_directory("/absolute"), std::invalid_argument);
}

/// The directory goes with its owner, and with one that is killed soon after.
TEST(Scratch, DoesNotOutliveItsOwner) {
  fs::path path;
  {
    const Scratch scratch;
    path = scratch.path();
    write_file(path / "file", "text");
  }
  EXPECT_FALSE(fs::exists(path));

  Pipe pipe;
  const pid_t owner = fork();
  if (owner == 0) {
    const Scratch scratch;
    fs::create_directories(scratch.path() / "deeper");
    const std::string name = scratch.path().string();
    if (write(pipe.write_end(), name.data(), name.size()) < 0) _exit(1);
    pause();
  }
  std::array<char, 256> name{};
  ASSERT_GT(read(pipe.read_end(), name.data(), name.size() - 1), 0);
  EXPECT_TRUE(fs::exists(name.data()));
  // As a guest's process that it traces, which does not die with the guest.
  const std::string file = std::string(name.data()) + "/file";
  const auto start = [&] {
    const pid_t started = fork();
    if (started != 0) return started;
    execl("/bin/sh", "sh", "-c", "kill -STOP $$; true", file.c_str(), nullptr);
    _exit(1);
  };
  const auto within_30_s = [](const auto& condition) {
    for (int i = 0; i < 3000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  };
  int status = 0;
  const auto is_killed = [&](pid_t pid) {
    const bool killed = within_30_s([&] { return waitpid(pid, &status, WNOHANG) == pid; }) && WIFSIGNALED(status);
    if (killed) return true;
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return false;
  };
  const pid_t stopped = start();
  ASSERT_TRUE(within_30_s([&] { return waitpid(stopped, &status, WNOHANG | WUNTRACED) == stopped; }));
  ASSERT_TRUE(WIFSTOPPED(status));
  kill(owner, SIGKILL);
  waitpid(owner, nullptr, 0);
  EXPECT_TRUE(is_killed(stopped)) << "it outlived the owner";
  // As one that the guest made just before it was killed, and nobody had seen yet.
  EXPECT_TRUE(is_killed(start())) << "it outlived the owner";
  EXPECT_TRUE(within_30_s([&] { return !fs::exists(name.data()); }));
}

}  // namespace
}  // namespace capcheck
