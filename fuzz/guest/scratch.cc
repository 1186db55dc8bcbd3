// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/guest/scratch.h"

#include <chrono>
#include <fstream>
#include <thread>

namespace capcheck {
namespace {

/// Removes $0 after the end of its input; again if a guest that was just being killed has written there. An owner that
/// did not come to say that it ends, by a file, was killed: then so is whoever was started with a file there, since of
/// a guest that dies with its owner a process may be left that it traces, and that is stopped. Others are looked for
/// again, a second later, as long as one was found: a guest may just have made another.
constexpr const char* kRemove =
    "while read -r line; do :; done; "
    "found=; [ -e \"$0/owner-ends\" ] || found=1; "
    "for round in 1 2 3 4 5; do [ \"$found\" ] || break; [ $round = 1 ] || sleep 1; found=; "
    "for process in /proc/[0-9]*; do grep -qsF -- \"$0/\" \"$process/cmdline\" || continue; "
    "found=1; kill -KILL \"${process#/proc/}\" 2>/dev/null; done; done; "
    "rm -rf -- \"$0\"; [ ! -e \"$0\" ] || { sleep 1; rm -rf -- \"$0\"; }";

}  // namespace

Scratch::Scratch()
    : directory_("capcheck-guest"),
      remover_({"/bin/sh", "-c", kRemove, directory_.path().string()}, {.input = alive_.read_end()}, Fate::lives_on) {
  alive_.close_read_end();
}

Scratch::~Scratch() {
  constexpr std::chrono::milliseconds kTick{1}, kPatience{2000};
  const std::ofstream mark(path() / "owner-ends");  // where that fails, the shell only looks for what is not there
  alive_.close_write_end();
  for (std::chrono::milliseconds waited{0}; !remover_.ended() && waited < kPatience; waited += kTick) {
    std::this_thread::sleep_for(kTick);
  }
}

}  // namespace capcheck
