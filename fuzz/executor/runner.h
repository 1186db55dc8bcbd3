// SPDX-License-Identifier: GPL-2.0-only
// Runs programs by real system calls.
//
// A program of one task runs in a child that shares the executor's memory (clone(CLONE_VM | CLONE_VFORK)), which is two
// to three times as fast as a fork; it makes its calls and looks at itself. A program that clones or executes files
// runs in forked tasks that are told each call (alone.cc, crowd.cc).
#ifndef CAPCHECK_FUZZ_EXECUTOR_RUNNER_H_
#define CAPCHECK_FUZZ_EXECUTOR_RUNNER_H_

#include <stdexcept>

#include "fuzz/executor/environment.h"
#include "fuzz/executor/frames.h"
#include "fuzz/executor/kcov.h"
#include "fuzz/executor/namespaces.h"
#include "fuzz/executor/raw.h"
#include "fuzz/executor/source.h"
#include "fuzz/executor/status.h"
#include "fuzz/executor/watchdog.h"

namespace capcheck {

/// A program that cannot be run as it means to be; what() says why.
struct Refusal : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Runner {
 public:
  explicit Runner(const Environment& environment);

  /// Runs a program in fresh tasks. What they could not do is said in the trace's failure. No task of it is left
  /// afterwards. Throws Refusal.
  void run(const Program& program, Trace& trace);

  /// What of the kernel the program last run made it run; nothing where the kernel does not tell.
  const Coverage& coverage();

 private:
  void leave_behind(bool flags_may_have_changed, bool masks_may_have_changed);

  const Environment& environment_;
  Kcov kcov_;
  Coverage coverage_;
  OpenNamespaces namespaces_;
  Watchdog watchdog_;
  StatusReader reader_;
  TaskSource source_;
  Sysctls<Concrete> masks_;
};

/// Runs a program of one task. Throws nothing.
void run_alone(const Environment& environment, OpenNamespaces& namespaces, Watchdog& watchdog, StatusReader& reader,
               const Program& program, Trace& trace);

/// Runs a program of several tasks, or of one that executes files. Throws Refusal.
void run_crowd(const Environment& environment, OpenNamespaces& namespaces, TaskSource& source, const Program& program,
               Trace& trace);

/// Why the executor cannot make a call; null if it can.
const char* obstacle_to(const Environment& environment, const Call<Concrete>& call);

/// From this level on, ENOSPC may be the limit on nesting; below it, it is that on the number of namespaces.
inline constexpr std::uint64_t kDeepLevel = 30;

/// A thread id that no task ever has, for the ids of a program that no task of it has.
inline constexpr int kNobody = 0x7ffffffe;

/// Some errors are of a machine whose resources are used up for a moment, since what programs leave is freed later:
/// makes a call again until it gives another error, or a second has passed.
template <class F>
long insist(long transient, F call) {
  constexpr int kTries = 500;
  constexpr long kPause[2] = {0, 2'000'000};
  long result = call();
  for (int i = 0; i < kTries && result == transient; ++i) {
    raw(SYS_nanosleep, kPause, 0);
    result = call();
  }
  return result;
}

/// The names below /proc of the files that calls write.
inline constexpr const char* kProcFileNames[] = {"uid_map", "gid_map", "setgroups"};
inline constexpr const char* kSysctlNames[] = {
    "sys/kernel/usermodehelper/bset", "sys/kernel/usermodehelper/inheritable", "sys/kernel/usermodehelper/userns",
    "sys/kernel/cap_userns_mask", "sys/vm/unprivileged_userfaultfd"};

}  // namespace capcheck

#endif
