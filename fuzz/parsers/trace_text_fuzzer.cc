// SPDX-License-Identifier: GPL-2.0-only
// Trace text: any text is a trace or an error with its place, and what is read is written so that it reads the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fuzz/parsers/require.h"
#include "model/trace_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace capcheck;
  TraceText trace;
  try {
    trace = parse_trace({reinterpret_cast<const char*>(data), size}, "input");
  } catch (const TraceError& error) {
    require(error.line > 0 && error.column > 0, "an error has a place");
    return 0;
  }
  const std::string printed = print_trace(trace);
  require(parse_trace(printed, "printed") == trace, "what is printed reads the same");
  return 0;
}
