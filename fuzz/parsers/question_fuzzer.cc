// SPDX-License-Identifier: GPL-2.0-only
// Questions: any text is a question or an error with its place.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fuzz/parsers/require.h"
#include "solver/question.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace capcheck;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const Question question = parse_question(text, "input");
    require(question.reach != nullptr, "a question asks for something");
  } catch (const QuestionError& error) {
    require(std::string_view(error.what()).starts_with("input:"), "an error names the file");
  }
  return 0;
}
