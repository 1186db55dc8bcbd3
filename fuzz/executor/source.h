// SPDX-License-Identifier: GPL-2.0-only
// Where the first tasks of programs come from: a small process that forks them. Forking the executor itself takes many
// times as long, on user-mode Linux most of all, since its memory has many pages and that of this process has few.
#ifndef CAPCHECK_FUZZ_EXECUTOR_SOURCE_H_
#define CAPCHECK_FUZZ_EXECUTOR_SOURCE_H_

#include <cstdint>

#include "fuzz/executor/shared.h"

namespace capcheck {

class TaskSource {
 public:
  /// Throws std::runtime_error.
  TaskSource() { start(); }
  TaskSource(const TaskSource&) = delete;
  TaskSource& operator=(const TaskSource&) = delete;
  ~TaskSource() { stop(); }

  /// Makes a task of the number; its slot must have been prepared. It is the executor's own child. Its thread id, or a
  /// negated errno.
  long make(unsigned task);

  /// Through which descriptors go to tasks and come from them.
  int socket() const { return socket_; }

  /// After a program that ended as it should not: another process and another socket, with nothing left over.
  void start_again() {
    stop();
    start();
  }

 private:
  void start();
  void stop();

  int pid_ = -1;
  int socket_ = -1;
};

/// Tells a task to do what its slot says; the number that it will have finished then.
std::uint32_t give_command(Slot& slot);

/// Waits until `seen` answers are no longer all, or so many milliseconds. False if the time is up.
bool await_answer(std::uint32_t seen, long milliseconds);

}  // namespace capcheck

#endif
