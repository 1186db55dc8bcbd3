// SPDX-License-Identifier: GPL-2.0-only
#include "solver/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <system_error>
#include <utility>

extern "C" {  // glibc 2.36 does not say so itself
#include <sys/pidfd.h>
}

namespace capcheck {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLongestOutput = std::size_t{1} << 16;

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

/// Closes itself, and is closed on exec.
class Descriptor {
 public:
  Descriptor(int number, const char* made_by) : number_(number) {
    if (number < 0) fail(errno, made_by);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }

  int number() const { return number_; }
  void close() {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }

 private:
  int number_;
};

/// An anonymous file, so that the program may read as slowly as it likes.
void fill(const Descriptor& file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(file.number(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(errno, "write");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (lseek(file.number(), 0, SEEK_SET) != 0) fail(errno, "lseek");
}

/// posix_spawn's two parameters.
class SpawnParameters {
 public:
  SpawnParameters(int input, int output) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, output, STDERR_FILENO);
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP);
  }
  SpawnParameters(const SpawnParameters&) = delete;
  SpawnParameters& operator=(const SpawnParameters&) = delete;
  ~SpawnParameters() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  const posix_spawn_file_actions_t& actions() const { return actions_; }
  const posix_spawnattr_t& attributes() const { return attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

/// A process that leads a group of its own.
class Process {
 public:
  Process(const std::vector<std::string>& command, int input, int output) {
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const SpawnParameters parameters(input, output);
    const int error =
        posix_spawnp(&pid_, arguments[0], &parameters.actions(), &parameters.attributes(), arguments.data(), environ);
    if (error != 0) fail(error, command[0] + ": cannot start; is it installed?");
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() { end(); }

  pid_t pid() const { return pid_; }
  /// Kills what is left of the group, and gives the status of waitpid().
  int end() {
    if (pid_ == 0) return status_;
    kill(-pid_, SIGKILL);  // before it is reaped: until then the number is no other group's
    while (waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return status_;
  }

 private:
  pid_t pid_ = 0;
  int status_ = 0;
};

/// What a process may use of the processor, and of everyone's time.
class Limit {
 public:
  Limit(const Process& process, std::chrono::milliseconds time)
      : time_(time),
        end_(Clock::now() + kPatience * time),
        has_clock_(clock_getcpuclockid(process.pid(), &clock_) == 0) {
    const auto seconds = static_cast<rlim_t>(std::chrono::ceil<std::chrono::seconds>(time).count()) + 1;
    const rlimit if_nobody_looks{seconds, seconds};
    prlimit(process.pid(), RLIMIT_CPU, &if_nobody_looks, nullptr);
  }
  bool is_over() const {
    timespec used{};
    if (has_clock_) clock_gettime(clock_, &used);
    return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec) >= time_ || Clock::now() >= end_;
  }

 private:
  std::chrono::milliseconds time_;
  Clock::time_point end_;
  clockid_t clock_{};
  bool has_clock_;  ///< else it has ended
};

/// Whether there is something to read, or an end, before the limit.
bool wait_for(const Descriptor& descriptor, const Limit& limit) {
  constexpr int kTick = 20;
  while (!limit.is_over()) {
    pollfd polled{descriptor.number(), POLLIN, 0};
    const int ready = poll(&polled, 1, kTick);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) fail(errno, "poll");
  }
  return false;
}

/// Reads up to the end of what is written; false if that does not come in time.
bool read_all(const Descriptor& from, const Limit& limit, std::string& output) {
  std::array<char, 4096> buffer;
  while (wait_for(from, limit)) {
    const ssize_t got = read(from.number(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(errno, "read");
    if (got == 0) return true;
    output.append(buffer.data(), std::min(static_cast<std::size_t>(got), kLongestOutput - output.size()));
  }
  return false;
}

}  // namespace

Finished run_on(const std::vector<std::string>& command, std::string_view input, std::chrono::milliseconds time) {
  const Descriptor text(memfd_create("input", MFD_CLOEXEC), "memfd_create");
  fill(text, input);
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) fail(errno, "pipe");
  const Descriptor from(ends[0], "pipe");
  Descriptor to(ends[1], "pipe");

  Process process(command, text.number(), to.number());
  to.close();
  const Limit limit(process, time);
  const Descriptor ended(pidfd_open(process.pid(), 0), "pidfd_open");

  Finished finished;
  const bool in_time = read_all(from, limit, finished.output) && wait_for(ended, limit);
  const int status = process.end();
  if (in_time) finished.status = status;
  return finished;
}

}  // namespace capcheck
