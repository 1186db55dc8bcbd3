// SPDX-License-Identifier: GPL-2.0-only
// What the fuzz targets of parsers hold them to.
#ifndef CAPCHECK_FUZZ_PARSERS_REQUIRE_H_
#define CAPCHECK_FUZZ_PARSERS_REQUIRE_H_

#include <cstdio>
#include <cstdlib>

namespace capcheck {

/// Ends the target, so that libFuzzer keeps the input, unless it holds.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace capcheck

#endif
