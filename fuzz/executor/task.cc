// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/executor/task.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdint>

#include "fuzz/executor/counting.h"
#include "fuzz/executor/raw.h"
#include "fuzz/executor/shared.h"

namespace capcheck {
namespace {

constexpr long kThreadStack = 16384;

/// A message of one descriptor.
struct DescriptorMessage {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int))]{};
  msghdr header{nullptr, 0, &data, 1, control, sizeof(control), 0};

  int& descriptor() { return *reinterpret_cast<int*>(control + CMSG_LEN(0)); }
};

long send_descriptor(int descriptor) {
  DescriptorMessage message;
  auto* control = reinterpret_cast<cmsghdr*>(message.control);
  control->cmsg_level = SOL_SOCKET;
  control->cmsg_type = SCM_RIGHTS;
  control->cmsg_len = CMSG_LEN(sizeof(int));
  message.descriptor() = descriptor;
  const long sent = raw(SYS_sendmsg, kSocketFd, &message.header, MSG_DONTWAIT);
  return sent < 0 ? sent : 0;
}

/// The descriptor, or a negated errno.
long receive_descriptor() {
  DescriptorMessage message;
  const long received = raw(SYS_recvmsg, kSocketFd, &message.header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (received < 0) return received;
  return message.header.msg_controllen >= CMSG_LEN(sizeof(int)) ? message.descriptor() : -EBADMSG;
}

long open_named() {
  return raw(SYS_openat, kProcFd, shared()->path, O_WRONLY | O_CLOEXEC);
}

long write_and_close(long descriptor) {
  if (descriptor < 0) return descriptor;
  const long result = raw(SYS_write, descriptor, shared()->text, shared()->size);
  raw(SYS_close, descriptor);
  return result;
}

/// What failed at the opening comes back in `result`, what failed in the sending in args[0].
long open_and_send(Slot& slot) {
  const long descriptor = open_named();
  slot.args[0] = 0;
  if (descriptor < 0) return descriptor;
  slot.args[0] = static_cast<std::uint64_t>(send_descriptor(static_cast<int>(descriptor)));
  raw(SYS_close, descriptor);
  return 0;
}

/// As open_and_send(), of the receiving.
long receive_and(Slot& slot, Op op) {
  const std::uint64_t flags = slot.args[0];
  const long descriptor = receive_descriptor();
  slot.args[0] = descriptor < 0 ? static_cast<std::uint64_t>(descriptor) : 0;
  if (descriptor < 0) return descriptor;
  if (op == Op::receive_write) return write_and_close(descriptor);
  const long result = raw(SYS_setns, descriptor, flags);
  raw(SYS_close, descriptor);
  return result;
}

/// Begins a clone's child, on its own stack or a copy of its creator's.
void begin_child(unsigned long number) {
  if (number == kNoSlot) raw(SYS_exit, 0);
  raw(SYS_close, kUserfaultfd);
  raw(SYS_close, kUserfaultfdDevice);
  begin_task(number);
}

long clone_task(const Slot& slot) {
  constexpr unsigned long kSignal = 17;  // SIGCHLD; <csignal> would bring a C library's functions
  const std::uint64_t flags = slot.args[0];
  unsigned long stack = 0;
  if (flags & CLONE_VM) {
    const long memory = raw(SYS_mmap, 0, kThreadStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory < 0 && memory > -4096) return memory;
    stack = static_cast<unsigned long>(memory) + kThreadStack;
  }
  return raw_clone(flags | kSignal, stack, begin_child, slot.args[1]);
}

long execute() {
  static const char* const arguments[] = {"capcheck-task", nullptr};
  static const char* const environment[] = {nullptr};
  return raw(SYS_execveat, kFilesFd, shared()->path, arguments, environment, 0);
}

long load(std::uint64_t address) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a page that the task was told to map
  static_cast<void>(*reinterpret_cast<const volatile char*>(address));
  return 1;
}

void reap() {
  while (raw(SYS_wait4, -1, 0, WNOHANG | __WALL, 0) > 0) {
  }
}

long perform(Slot& slot) {
  switch (slot.op) {
    case Op::call:
      return raw(slot.number, slot.args[0], slot.args[1], slot.args[2], slot.args[3], slot.args[4], slot.args[5]);
    case Op::open_write:
      return write_and_close(open_named());
    case Op::open_send:
      return open_and_send(slot);
    case Op::send_userfaultfd:
      return send_descriptor(kUserfaultfd);
    case Op::load:
      return load(slot.args[0]);
    case Op::receive_write:
    case Op::receive_setns:
      return receive_and(slot, slot.op);
    case Op::clone:
      return clone_task(slot);
    case Op::execute:
      return execute();
    case Op::reap:
      reap();
      return 0;
    case Op::report:
      return 0;
  }
  return -ENOSYS;
}

void report(std::uint64_t& securebits, std::uint64_t& dumpable) {
  securebits = static_cast<std::uint64_t>(raw(SYS_prctl, PR_GET_SECUREBITS));
  dumpable = static_cast<std::uint64_t>(raw(SYS_prctl, PR_GET_DUMPABLE));
}

/// Reports, and says so by a number that the supervisor watches. It may look before it is woken, so that comes last.
void answer(Slot& slot, std::uint32_t& watched, std::uint32_t value) {
  report(slot.securebits, slot.dumpable);
  __atomic_store_n(&watched, value, __ATOMIC_RELEASE);
  __atomic_add_fetch(&shared()->answers, 1, __ATOMIC_RELEASE);
  raw(SYS_futex, &shared()->answers, FUTEX_WAKE, 1);
}

/// Keeps the error of a task that could not be counted.
void check_counted(long result) {
  if (result != 0) shared()->count_error = static_cast<std::int32_t>(result);
}

/// Waits until there is something to do. In a task whose supervisor is gone, nobody would ever say so.
void await(const Slot& slot) {
  while (__atomic_load_n(&slot.command, __ATOMIC_ACQUIRE) == slot.finished) {
    const long timeout[2] = {static_cast<long>(shared()->exits_alone), 0};
    if (raw(SYS_futex, &slot.command, FUTEX_WAIT, slot.finished, timeout) == -ETIMEDOUT) raw(SYS_exit_group, 0);
  }
}

[[noreturn]] void serve(Slot& slot) {
  for (;;) {
    await(slot);
    if (slot.report_before) report(slot.securebits_before, slot.dumpable_before);
    slot.result = perform(slot);
    answer(slot, slot.finished, slot.command);
  }
}

}  // namespace

void begin_task(unsigned long number) {
  if (shared()->counts) check_counted(count_task(number));
  Slot& slot = shared()->slots[number];
  answer(slot, slot.finished, slot.command);
  serve(slot);
}

void continue_task(unsigned long secure) {
  raw(SYS_mmap, kSharedAddress, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, kSharedFd, 0);
  const std::uint32_t before = shared()->executing, now = shared()->leader;
  if (shared()->counts && before != now) check_counted(count_task_as(now, before));
  Slot& leader = shared()->slots[now];
  leader.secure = secure;
  const std::uint32_t command = leader.command;  // the next may be there as soon as this one is answered
  answer(leader, shared()->executed, 1);
  leader.finished = command;
  serve(leader);
}

}  // namespace capcheck
