#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Writes a C file as a string of C++.
# Usage: embed.sh PRELUDE_C OUTPUT
set -euo pipefail

mkdir -p "$(dirname "$2")"
{
	cat <<'EOF'
// Made by fuzz/repro/embed.sh.
#ifndef CAPCHECK_FUZZ_REPRO_PRELUDE_H_
#define CAPCHECK_FUZZ_REPRO_PRELUDE_H_

namespace capcheck {

inline constexpr char kPrelude[] =
EOF
	# A literal for each line: compilers limit the length of one.
	sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/    "&\\n"/' "$1"
	cat <<'EOF'
    "\n";

}  // namespace capcheck

#endif
EOF
} >"$2.new"
mv "$2.new" "$2"
