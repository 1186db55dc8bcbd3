// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/guest/scratch.h"

#include <chrono>
#include <thread>

namespace capcheck {
namespace {

/// Removes $0 after the end of its input; again if a guest that was just being killed has written there.
constexpr const char* kRemove =
    "while read -r line; do :; done; rm -rf -- \"$0\"; [ ! -e \"$0\" ] || { sleep 1; rm -rf -- \"$0\"; }";

}  // namespace

Scratch::Scratch()
    : directory_("capcheck-guest"),
      remover_({"/bin/sh", "-c", kRemove, directory_.path().string()}, {.input = alive_.read_end()}, Fate::lives_on) {
  alive_.close_read_end();
}

Scratch::~Scratch() {
  constexpr std::chrono::milliseconds kTick{1}, kPatience{2000};
  alive_.close_write_end();
  for (std::chrono::milliseconds waited{0}; !remover_.ended() && waited < kPatience; waited += kTick) {
    std::this_thread::sleep_for(kTick);
  }
}

}  // namespace capcheck
