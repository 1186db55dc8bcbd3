// SPDX-License-Identifier: GPL-2.0-only
// Writes what fuzz targets of binary forms start from, below a directory: the traces of the corpus as programs, and as
// frames' programs with their traces; and a dictionary of each form.
//
//   fuzz_seeds DIRECTORY TRACE_OR_DIRECTORY...
#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "corpus/files.h"
#include "fuzz/executor/frames.h"
#include "fuzz/values.h"
#include "model/program.h"

namespace {

using namespace capcheck;
namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;

void write_bytes(const fs::path& file, const Bytes& bytes) {
  write_file(file, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

/// A program with its trace, as they travel.
Bytes pack(const Profile& profile, const Program& program) {
  Bytes bytes;
  pack_program(bytes, program);
  pack_trace(bytes, program, run_model(profile, program));
  return bytes;
}

void write_seeds(const fs::path& directory, std::span<const fs::path> traces) {
  std::size_t number = 0;
  for (const fs::path& file : traces) {
    const TraceText trace = load_trace(file, Profile{});
    const std::string name = fmt::format("{:04}-{}", number++, file.stem().string());
    write_bytes(directory / "programs" / name, encode(trace.program));
    write_bytes(directory / "frames" / name, pack(trace.profiles.front(), trace.program));
  }
}

std::string dictionary_line(const Bytes& bytes) {
  std::string line = "\"";
  for (const std::uint8_t byte : bytes) line += fmt::format("\\x{:02x}", byte);
  return line + "\"\n";
}

/// A call of each kind: words of a program.
std::string dictionary_of_programs() {
  const Profile profile{.features = {.userns = true}};
  Random random(1);
  std::string lines;
  for (const CallInfo& call : kCalls) {
    lines += dictionary_line(encode({{pick_call(random, profile, call.kind)}}));
  }
  return lines;
}

/// A frame of each type, with nothing in it.
std::string dictionary_of_frames() {
  std::string lines;
  for (auto type = FrameType::hello; type <= FrameType::bye; type = FrameType(std::uint16_t(type) + 1)) {
    Bytes bytes;
    append_frame(bytes, type, 0, "");
    lines += dictionary_line(bytes);
  }
  return lines;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int kBadUsage = 2;
  if (argc < 3) {
    fmt::print(stderr, "Usage: {} DIRECTORY TRACE_OR_DIRECTORY...\n", argv[0]);
    return kBadUsage;
  }
  try {
    const fs::path directory = argv[1];
    const std::vector<fs::path> paths(argv + 2, argv + argc);
    write_seeds(directory, find_traces(paths));
    write_file(directory / "programs.dict", dictionary_of_programs());
    write_file(directory / "frames.dict", dictionary_of_frames());
  } catch (const std::exception& error) {
    fmt::print(stderr, "fuzz_seeds: {}\n", error.what());
    return kBadUsage;
  }
  return 0;
}
