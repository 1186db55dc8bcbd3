// SPDX-License-Identifier: GPL-2.0-only
// How a task has the kernel count its coverage, on a kernel with KCOV. Freestanding, as a task is.
#ifndef CAPCHECK_FUZZ_EXECUTOR_COUNTING_H_
#define CAPCHECK_FUZZ_EXECUTOR_COUNTING_H_

#include <linux/ioctl.h>

#include "fuzz/executor/raw.h"
#include "fuzz/executor/shared.h"

namespace capcheck {

// What is used of the kernel's <linux/kcov.h>, which is not installed everywhere.
inline constexpr unsigned long kKcovInitTrace = _IOR('c', 1, unsigned long);
inline constexpr unsigned long kKcovEnable = _IO('c', 100);
inline constexpr unsigned long kKcovDisable = _IO('c', 101);
inline constexpr unsigned long kKcovTracePc = 0;

/// From now on the calling task is counted, under its number, until it ends; also in a program that it executes.
/// 0, or a negated errno.
inline long count_task(unsigned long number) {
  return raw(SYS_ioctl, kCoverageFd + static_cast<int>(number), kKcovEnable, kKcovTracePc);
}

/// The same for a task that was counted under another number before.
inline long count_task_as(unsigned long number, unsigned long before) {
  const long stopped = raw(SYS_ioctl, kCoverageFd + static_cast<int>(before), kKcovDisable, 0);
  return stopped != 0 ? stopped : count_task(number);
}

}  // namespace capcheck

#endif
