// SPDX-License-Identifier: GPL-2.0-only
// A mutation score as it is printed, in text and on pages.
#ifndef CAPCHECK_FUZZ_SCORE_H_
#define CAPCHECK_FUZZ_SCORE_H_

#include <fmt/format.h>

#include <cstddef>
#include <string>

namespace capcheck {

/// "99.1 %", rounded down: what is not all is never 100. Of none: "–".
inline std::string score(std::size_t killed, std::size_t of) {
  if (of == 0) return "–";
  const std::size_t thousandths = 1000 * killed / of;
  return fmt::format("{}.{} %", thousandths / 10, thousandths % 10);
}

}  // namespace capcheck

#endif
