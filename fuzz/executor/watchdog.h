// SPDX-License-Identifier: GPL-2.0-only
// A thread that ends what takes too long.
#ifndef CAPCHECK_FUZZ_EXECUTOR_WATCHDOG_H_
#define CAPCHECK_FUZZ_EXECUTOR_WATCHDOG_H_

#include <atomic>
#include <chrono>
#include <cstdint>

namespace capcheck {

/// How long a program may take. Programs take milliseconds, on the slowest machine tens of them.
inline constexpr std::chrono::seconds kProgramDeadline{10};

/// Kills a task that the executor waits for in vfork(), where it can do nothing itself; and ends the executor if that
/// does not help, which whoever started it will see. It is the executor's second thread as well: a parent that has
/// threads, as init is, takes no session keyring from its children (keyctl_session_to_parent()).
class Watchdog {
 public:
  /// Starts the thread, which runs until the process ends.
  Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// A program begins. `task` is where the kernel writes the id of the task that may be killed; null if there is none.
  void begin(std::atomic<int>* task);
  void end() { running_ = 0; }
  /// Whether it killed the task of the program last begun.
  bool killed() const { return killed_; }

 private:
  void watch();

  std::uint64_t begun_ = 0;                 ///< programs so far
  std::atomic<std::uint64_t> running_ = 0;  ///< the number of the one that runs; 0 while none does
  std::atomic<std::atomic<int>*> task_ = nullptr;
  std::atomic<bool> killed_ = false;
};

/// The steady clock, in milliseconds. In user-mode Linux this is a system call.
std::int64_t now_ms();

/// For something that is waited for: it may take kProgramDeadline from when it is first asked for and not there.
class Deadline {
 public:
  bool passed();

 private:
  std::int64_t end_ = 0;  ///< 0 until it is asked
};

}  // namespace capcheck

#endif
