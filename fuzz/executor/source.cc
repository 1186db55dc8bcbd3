// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/executor/source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>

#include "fuzz/executor/environment.h"
#include "fuzz/executor/raw.h"
#include "fuzz/executor/watchdog.h"

namespace capcheck {
namespace {

Slot& own_slot() {
  return shared()->slots[kSourceSlot];
}

/// True when done() is; false after the time that a program may take.
template <class Done>
bool wait_for(Done done) {
  constexpr long kSlice = 100;
  Deadline deadline;
  for (;;) {
    const std::uint32_t seen = __atomic_load_n(&shared()->answers, __ATOMIC_ACQUIRE);
    if (done()) return true;
    if (!await_answer(seen, kSlice) && deadline.passed()) return false;
  }
}

}  // namespace

void TaskSource::start() {
  std::array<int, 2> ends;
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw std::runtime_error(
        fmt::format("no sockets to pass descriptors through: {}; has this kernel CONFIG_UNIX?", std::strerror(errno)));
  }
  socket_ = ends[0];
  dup3(ends[1], kSocketFd, 0);
  close(ends[1]);
  own_slot() = {};
  shared()->executing = shared()->leader = kSourceSlot;
  shared()->executed = 0;
  pid_ = fork();
  if (pid_ == 0) {
    constexpr const char* kNone[] = {nullptr};
    constexpr const char* kArguments[] = {"capcheck-task-source", nullptr};
    raw(SYS_execveat, kProgramFd, "", kArguments, kNone, AT_EMPTY_PATH);
    _exit(1);
  }
  close(kSocketFd);
  if (pid_ < 0) throw std::runtime_error(fmt::format("fork: {}", std::strerror(errno)));
  if (!wait_for([] { return __atomic_load_n(&shared()->executed, __ATOMIC_ACQUIRE) != 0; })) {
    throw std::runtime_error("the process that tasks come from does not start");
  }
}

void TaskSource::stop() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, __WALL);
  close(socket_);
}

long TaskSource::make(unsigned task) {
  Slot& slot = own_slot();
  slot.op = Op::clone;
  slot.args[0] = CLONE_PARENT;
  slot.args[1] = task;
  const std::uint32_t command = give_command(slot);
  if (!wait_for([&] { return __atomic_load_n(&slot.finished, __ATOMIC_ACQUIRE) == command; })) return -ETIMEDOUT;
  return slot.result;
}

std::uint32_t give_command(Slot& slot) {
  const std::uint32_t command = slot.command + 1;
  __atomic_store_n(&slot.command, command, __ATOMIC_RELEASE);
  raw(SYS_futex, &slot.command, FUTEX_WAKE, 1);
  return command;
}

bool await_answer(std::uint32_t seen, long milliseconds) {
  const timespec time{0, milliseconds * 1'000'000};
  return raw(SYS_futex, &shared()->answers, FUTEX_WAIT, seen, &time) != -ETIMEDOUT;
}

}  // namespace capcheck
