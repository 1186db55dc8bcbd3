// SPDX-License-Identifier: GPL-2.0-only
// /proc/PID/status: any text is a task's credentials or lacks a line, and a reader that knows where the lines stood in
// the text before reads what one does that knows nothing.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "fuzz/executor/status.h"
#include "fuzz/parsers/require.h"

namespace {

/// Whether a line that is read stands twice, which the kernel never writes: a name's newline is escaped there. Then one
/// reader may take the first and the other the last.
bool has_line_twice(std::string_view text) {
  const std::string lines = "\n" + std::string(text);
  for (const std::string_view name :
       {"State", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "CapUNs", "Uid", "Gid", "Groups", "NoNewPrivs"}) {
    const std::string start = "\n" + std::string(name) + ":";
    if (lines.find(start) != lines.rfind(start)) return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace capcheck;
  // Two texts, with a zero between them.
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('\0'), size);
  const std::string_view texts[] = {input.substr(0, end), input.substr(std::min(end + 1, size))};
  if (has_line_twice(texts[0]) || has_line_twice(texts[1])) return 0;
  StatusReader reader;
  for (const std::string_view text : texts) {
    Credentials<Concrete> alone{}, known{};
    char letter = 0, known_letter = 0;
    const char* const missing = parse_status(text, alone, letter);
    const char* const known_missing = reader.parse(text, known, known_letter);
    require((missing == nullptr) == (known_missing == nullptr), "both find all lines, or neither does");
    if (missing) continue;
    require(letter == known_letter && std::memcmp(&alone, &known, sizeof(alone)) == 0, "both read the same");
  }
  return 0;
}
