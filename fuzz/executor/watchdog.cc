// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/executor/watchdog.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <thread>

namespace capcheck {

Watchdog::Watchdog() {
  std::thread([this] { watch(); }).detach();
}

void Watchdog::begin(std::atomic<int>* task) {
  killed_ = false;
  task_ = task;
  deadline_ = now_ms() + std::chrono::milliseconds(kProgramDeadline).count();
}

void Watchdog::watch() {
  constexpr std::chrono::milliseconds kTick{250};
  // A supervisor that is not stuck itself ends its program long before.
  constexpr std::int64_t kGrace = std::chrono::milliseconds(kProgramDeadline).count();
  for (;;) {
    std::this_thread::sleep_for(kTick);
    const std::int64_t deadline = deadline_, now = now_ms();
    if (deadline == 0 || now < deadline) continue;
    if (now > deadline + kGrace) {
      std::fputs("executor: a program can neither be ended nor killed; giving up\n", stderr);
      _exit(1);
    }
    std::atomic<int>* const task = task_;
    if (!task || *task <= 0) continue;
    killed_ = true;
    kill(*task, SIGKILL);
  }
}

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace capcheck
