// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/guest/child.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <thread>

namespace capcheck {
namespace {

void close_once(int& descriptor) {
  if (descriptor >= 0) close(descriptor);
  descriptor = -1;
}

/// In the child, where after fork() only the simplest calls are allowed.
void put_stream(int from, int to) {
  dup2(from >= 0 ? from : open("/dev/null", O_RDWR | O_CLOEXEC), to);
}

/// Claims a processor for the calling process and the program that it executes; false if another has. The claim is the
/// name of a socket, in no file system, so that it is gone with them however they end.
bool claim(int processor) {
  constexpr std::string_view kName("\0capcheck-processor", 19);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, kName.data(), kName.size());
  std::memcpy(address.sun_path + kName.size(), &processor, sizeof(processor));
  const int claimed = socket(AF_UNIX, SOCK_DGRAM, 0);
  if (bind(claimed, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return true;
  close(claimed);
  return false;
}

/// In the child: descriptors in their places, and the command in the place of this program. Tells a failure by its
/// errno. The owner may have died before it was asked to be told of that.
[[noreturn]] void become(char* const* arguments, const ChildStreams& streams, Fate fate, Processors processors,
                         pid_t owner, int failure) {
  setsid();
  keep_to(processors);
  if (fate == Fate::dies_with_owner) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != owner) _exit(127);
  }
  put_stream(streams.input, STDIN_FILENO);
  put_stream(streams.output, STDOUT_FILENO);
  put_stream(streams.error, STDERR_FILENO);
  execvp(arguments[0], arguments);
  const int error = errno;
  const ssize_t ignored = write(failure, &error, sizeof(error));
  _exit(ignored == sizeof(error) ? 127 : 126);
}

}  // namespace

void keep_to(Processors processors) {
  cpu_set_t all, one;
  if (processors == Processors::all || sched_getaffinity(0, sizeof(all), &all) != 0) return;
  for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (!CPU_ISSET(processor, &all) || !claim(processor)) continue;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    sched_setaffinity(0, sizeof(one), &one);
    return;
  }
}

Child::Child(const std::vector<std::string>& command, const ChildStreams& streams, Fate fate, Processors processors) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  Pipe failure;
  const pid_t owner = getpid();
  pid_ = fork();
  if (pid_ == 0) become(arguments.data(), streams, fate, processors, owner, failure.write_end());
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  failure.close_write_end();
  int error = 0;
  if (read(failure.read_end(), &error, sizeof(error)) <= 0) return;
  waitpid(pid_, nullptr, 0);
  throw std::system_error(error, std::generic_category(), command[0] + ": cannot start");
}

Child::~Child() {
  end();
}

std::optional<int> Child::ended() {
  siginfo_t info{};
  if (status_ || waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) {
    return status_;
  }
  kill(-pid_, SIGKILL);  // before it is reaped: until then the number is no other group's
  int status = 0;
  waitpid(pid_, &status, 0);
  return status_ = status;
}

void Child::end() {
  constexpr std::chrono::milliseconds kTick{5}, kPatience{2000};
  if (ended()) return;
  kill(-pid_, SIGKILL);
  for (std::chrono::milliseconds waited{0}; !ended() && waited < kPatience; waited += kTick) {
    std::this_thread::sleep_for(kTick);
  }
}

Pipe::Pipe() {
  if (pipe2(ends_.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
}

Pipe::~Pipe() {
  close_read_end();
  close_write_end();
}

void Pipe::close_read_end() {
  close_once(ends_[0]);
}

void Pipe::close_write_end() {
  close_once(ends_[1]);
}

}  // namespace capcheck
