// SPDX-License-Identifier: GPL-2.0-only
// What a fuzz target is linked with where there is no engine: runs the target once on each file that is named. Words
// that begin with a dash are the target's.
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>

#include "corpus/files.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
/// Not every target has it.
extern "C" __attribute__((weak)) int LLVMFuzzerInitialize(int* argc, char*** argv);

/// The engine's, to which targets' mutators come back. Nobody calls those here.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t*, std::size_t, std::size_t) {
  std::abort();
}

namespace {

void replay(const char* file) {
  const std::string input = capcheck::read_file(file);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  fmt::print(stderr, "{}: {} bytes, nothing found\n", file, input.size());
}

/// The number of files replayed.
int replay_all(int argc, char** argv) {
  int files = 0;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]).starts_with('-')) continue;
    replay(argv[i]);
    ++files;
  }
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int kBadUsage = 2;
  if (LLVMFuzzerInitialize) LLVMFuzzerInitialize(&argc, &argv);
  try {
    if (replay_all(argc, argv) > 0) return 0;
    fmt::print(stderr, "Usage: {} FILE...   (built without an engine: it replays files)\n", argv[0]);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
  }
  return kBadUsage;
}
