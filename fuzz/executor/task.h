// SPDX-License-Identifier: GPL-2.0-only
// A task of a program: it does what the supervisor tells it through the shared memory, call by call, until it is
// killed. Freestanding: it runs in the executor's forked children, in threads without thread-local storage, and as the
// program that execve() starts.
#ifndef CAPCHECK_FUZZ_EXECUTOR_TASK_H_
#define CAPCHECK_FUZZ_EXECUTOR_TASK_H_

namespace capcheck {

/// Runs as the task of that number: reports, and waits for commands. For a task just begun by fork or clone.
[[noreturn]] void begin_task(unsigned long number);

/// The same for a task just begun by execve(); `secure` is AT_SECURE.
[[noreturn]] void continue_task(unsigned long secure);

}  // namespace capcheck

#endif
