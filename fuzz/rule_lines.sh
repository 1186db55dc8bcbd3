#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Writes a table of the lines of model/step.h at which step() has the rule of each kind of call.
# Usage: rule_lines.sh STEP_H OUTPUT
set -euo pipefail

mkdir -p "$(dirname "$2")"
{
	cat <<'EOF'
// Made by fuzz/rule_lines.sh.
#ifndef CAPCHECK_FUZZ_RULE_LINES_H_
#define CAPCHECK_FUZZ_RULE_LINES_H_

#include <array>

#include "model/call.h"

namespace capcheck {

/// By kind of call: a line of model/step.h.
inline constexpr std::array<unsigned, kCalls.size()> kRuleLines = [] {
  std::array<unsigned, kCalls.size()> lines{};
EOF
	awk '/^constexpr Reply<D> step\(/ { within = 1 }
	     within && match($0, /case CallKind::[a-z_]+:/) {
	       print "  lines[static_cast<unsigned>(CallKind::" substr($0, RSTART + 15, RLENGTH - 16) ")] = " NR ";"
	     }' "$1"
	cat <<'EOF'
  return lines;
}();

static_assert([] {
  for (const unsigned line : kRuleLines) {
    if (line == 0) return false;
  }
  return true;
}(), "step() has a rule for every kind of call");

}  // namespace capcheck

#endif
EOF
} >"$2.new"
mv "$2.new" "$2"
