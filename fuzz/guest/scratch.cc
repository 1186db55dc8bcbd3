// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/guest/scratch.h"

#include <chrono>
#include <cstdlib>
#include <string>
#include <system_error>
#include <thread>

namespace capcheck {
namespace {

namespace fs = std::filesystem;

fs::path make_directory() {
  std::string name = (fs::temp_directory_path() / "capcheck-guest.XXXXXX").string();
  if (!mkdtemp(name.data())) throw std::system_error(errno, std::generic_category(), name);
  return name;
}

/// Removes $0 after the end of its input; again if a guest that was just being killed has written there.
constexpr const char* kRemove =
    "while read -r line; do :; done; rm -rf -- \"$0\"; [ ! -e \"$0\" ] || { sleep 1; rm -rf -- \"$0\"; }";

}  // namespace

Scratch::Scratch()
    : path_(make_directory()),
      remover_({"/bin/sh", "-c", kRemove, path_.string()}, {.input = alive_.read_end()}, Fate::lives_on) {
  alive_.close_read_end();
}

Scratch::~Scratch() {
  constexpr std::chrono::milliseconds kTick{1}, kPatience{2000};
  std::error_code ignored;  // what cannot be removed is no reason to lose what was found
  fs::remove_all(path_, ignored);
  alive_.close_write_end();
  for (std::chrono::milliseconds waited{0}; !remover_.ended() && waited < kPatience; waited += kTick) {
    std::this_thread::sleep_for(kTick);
  }
}

}  // namespace capcheck
