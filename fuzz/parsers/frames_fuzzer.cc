// SPDX-License-Identifier: GPL-2.0-only
// The frames between capcheck and an executor, and the programs and traces in them: any bytes are one or none, and what
// is read and packed again reads the same.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "fuzz/executor/frames.h"
#include "fuzz/parsers/require.h"

namespace {

using namespace capcheck;
using Bytes = std::span<const std::uint8_t>;

void read_frames(Bytes bytes) {
  for (;;) {
    const FrameRead read = read_frame(bytes);
    require(!read.frame || read.broken.empty(), "what is broken is no frame");
    if (!read.frame) return;
    require(read.frame->whole_size() <= bytes.size(), "a frame lies within the buffer");
    bytes = bytes.subspan(read.frame->whole_size());
  }
}

void unpack(Bytes bytes) {
  Program program;
  if (!unpack_program(bytes, program)) return;
  std::vector<std::uint8_t> packed;
  pack_program(packed, program);
  Bytes rest = packed;
  Program again;
  require(unpack_program(rest, again) && rest.empty() && again == program, "a program packed again reads the same");
  Trace trace;
  if (!unpack_trace(bytes, program, trace)) return;
  packed.clear();
  pack_trace(packed, program, trace);
  Trace same;
  require(unpack_trace(packed, program, same), "a trace packed again can be read");
  require(same.observations.size() == trace.observations.size() && same.others.size() == trace.others.size() &&
              same.failure == trace.failure,
          "a trace packed again reads the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes(data, size);
  read_frames(bytes);
  unpack(bytes);
  return 0;
}
