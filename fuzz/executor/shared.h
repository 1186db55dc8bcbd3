// SPDX-License-Identifier: GPL-2.0-only
// The memory that the supervisor shares with the tasks of a program: what a task is to do, and what came of it. It is
// mapped at one address in all of them, before and after an execve(), so that pointers into it mean the same.
#ifndef CAPCHECK_FUZZ_EXECUTOR_SHARED_H_
#define CAPCHECK_FUZZ_EXECUTOR_SHARED_H_

#include <linux/capability.h>
#include <linux/userfaultfd.h>

#include <cstddef>
#include <cstdint>

namespace capcheck {

/// Where it is mapped: far from where programs, heaps, stacks and libraries are put, and within the 512 GiB of
/// user-mode Linux.
inline constexpr std::uintptr_t kSharedAddress = 0x1000000000;

/// Descriptors that every task has under these numbers.
inline constexpr int kSharedFd = 200;           ///< this memory
inline constexpr int kProcFd = 201;             ///< /proc, as the initial namespace sees it
inline constexpr int kFilesFd = 202;            ///< the directory of files to execute
inline constexpr int kSocketFd = 203;           ///< through which descriptors come and go
inline constexpr int kUserfaultfd = 210;        ///< the task's userfaultfd, if it has one
inline constexpr int kUserfaultfdDevice = 211;  ///< /dev/userfaultfd, if it has opened it
/// Of the executor alone: the program that tasks are.
inline constexpr int kProgramFd = 204;
/// Where the kernel's coverage is counted (counting.h), of task 0; those of the others have the numbers after it.
inline constexpr int kCoverageFd = 205;

inline constexpr std::size_t kTaskSlots = 4;
/// The slot of the process that first tasks come from.
inline constexpr std::size_t kSourceSlot = kTaskSlots;
/// A clone's child that is not to live: there is no free task for it, but whether the call passes was asked.
inline constexpr std::uint32_t kNoSlot = 0xff;

enum class Op : std::uint32_t {
  call,              ///< the system call `number` with `args`
  open_write,        ///< open the file `path` below kProcFd, write `size` bytes of `text`, close
  open_send,         ///< open the file and send the descriptor through kSocketFd
  send_userfaultfd,  ///< send kUserfaultfd through kSocketFd
  load,              ///< load a byte from the address args[0]
  receive_write,     ///< receive a descriptor, write to it, close
  receive_setns,     ///< receive a descriptor, setns() with it and args[0], close
  clone,             ///< clone(args[0]); the child is task args[1], or dies at once if that is kNoSlot
  execute,           ///< execveat() of `path` below kFilesFd; the program executed goes on as task `leader`
  report,            ///< nothing but what is reported anyway
  reap,              ///< take away the remains of dead children and tracees
};

/// What one task is told and what it says. One side writes at a time.
struct Slot {
  std::uint32_t command;   ///< futex: counts what the task was told to do
  std::uint32_t finished;  ///< how many of these it has done
  Op op;
  std::uint32_t report_before;  ///< 1: the two numbers below are asked for before the call too
  std::int64_t number;
  std::uint64_t args[6];
  std::int64_t result;
  std::uint64_t secure;  ///< AT_SECURE of the program that an execute began
  /// PR_GET_SECUREBITS and PR_GET_DUMPABLE, after the call.
  std::uint64_t securebits, dumpable;
  std::uint64_t securebits_before, dumpable_before;
};

struct Shared {
  std::uint32_t answers;      ///< futex: counts what tasks have finished
  std::uint32_t exits_alone;  ///< seconds after which a task that is told nothing ends, its supervisor being gone
  std::uint32_t executing;    ///< the task that executes a file
  std::uint32_t leader;       ///< the number under which it will go on
  std::uint32_t executed;     ///< set to 1 by the program executed
  std::uint32_t counts;       ///< 1: tasks have their coverage counted
  std::int32_t count_error;   ///< the negated errno of the last that could not; 0 if all could
  Slot slots[kTaskSlots + 1];
  // What calls point to.
  __user_cap_header_struct header;
  __user_cap_data_struct data[2];
  std::uint32_t groups[2];
  struct uffdio_api api;
  uffdio_register page;
  std::uint32_t size;  ///< of text
  char path[128];
  char text[256];
};
static_assert(sizeof(Shared) < 4096);

inline Shared* shared() {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the address is what all sides agree on
  return reinterpret_cast<Shared*>(kSharedAddress);
}

}  // namespace capcheck

#endif
