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
  running_ = ++begun_;
}

void Watchdog::watch() {
  constexpr std::chrono::milliseconds kTick{250};
  constexpr std::int64_t kDeadline = std::chrono::milliseconds(kProgramDeadline).count();
  // A supervisor that is not stuck itself ends its program long before.
  constexpr std::int64_t kGrace = kDeadline;
  // Only this thread reads the clock, so that a program does not cost that.
  std::uint64_t seen = 0;
  std::int64_t since = 0;
  for (;;) {
    std::this_thread::sleep_for(kTick);
    const std::uint64_t running = running_;
    const std::int64_t now = now_ms();
    if (running != seen) {
      seen = running;
      since = now;
    }
    if (running == 0 || now < since + kDeadline) continue;
    if (now > since + kDeadline + kGrace) {
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

bool Deadline::passed() {
  const std::int64_t now = now_ms();
  if (end_ == 0) end_ = now + std::chrono::milliseconds(kProgramDeadline).count();
  return now > end_;
}

}  // namespace capcheck
