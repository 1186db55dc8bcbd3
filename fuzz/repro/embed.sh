#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Writes C files as strings of C++: kPrelude of prelude.c, kKselftestMain of kselftest_main.c.
# Usage: embed.sh OUTPUT FILE...
set -euo pipefail

output=$1
shift
mkdir -p "$(dirname "$output")"
{
	cat <<'EOF'
// Made by fuzz/repro/embed.sh.
#ifndef CAPCHECK_FUZZ_REPRO_PARTS_H_
#define CAPCHECK_FUZZ_REPRO_PARTS_H_

namespace capcheck {
EOF
	for file in "$@"; do
		name=$(basename "$file" .c | sed -E 's/(^|_)(.)/\U\2/g')
		printf '\ninline constexpr char k%s[] =\n' "$name"
		# A literal for each line: compilers limit the length of one.
		sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/    "&\\n"/' "$file"
		printf '    "";\n'
	done
	cat <<'EOF'

}  // namespace capcheck

#endif
EOF
} >"$output.new"
mv "$output.new" "$output"
