// SPDX-License-Identifier: GPL-2.0-only
// The coverage of a kernel that was built with KCOV, task by task. A task has it counted itself (counting.h); the
// executor reads it.
#ifndef CAPCHECK_FUZZ_EXECUTOR_KCOV_H_
#define CAPCHECK_FUZZ_EXECUTOR_KCOV_H_

#include <array>
#include <cstdint>

#include "fuzz/executor/coverage.h"
#include "fuzz/executor/shared.h"

namespace capcheck {

/// In the executor of a guest.
class Kcov {
 public:
  /// Opens what each task needs to be counted, if the kernel has it. Once. Throws std::runtime_error if it has it, and
  /// it does not work.
  static bool open_for_tasks();

  /// Maps what was opened; does nothing where it was not. Throws std::runtime_error.
  Kcov();

  /// A program begins: nothing is counted yet.
  void begin() const;
  /// What its tasks have run since. They are all dead or asleep.
  void read(Coverage& coverage) const;

 private:
  std::array<std::uint64_t*, kTaskSlots> areas_{};
};

}  // namespace capcheck

#endif
