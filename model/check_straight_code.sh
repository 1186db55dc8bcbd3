#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Checks that every rule of straight_code.cc compiled to code without loops and without calls, hence without allocation.
# A forward jump may stand for a choice between profiles, or for a copy left out; a backward one is a loop.
# Usage: check_straight_code.sh OBJDUMP OBJECT
set -euo pipefail

"$1" --disassemble --demangle --no-show-raw-insn --reloc "$2" | awk '
	/^[0-9a-f]+ </ { name = $0; rules += /straight::rule_/; next }
	/\tcall/ { calling = $0; next }
	calling != "" && /R_X86_64/ {
		# Rules call rules, which are looked at too, and the compiler copies structs; nothing else may be called.
		if ($0 !~ /capcheck::|memcpy|memset/) { print name "\n" calling "\n" $0; bad++ }
		calling = ""; next
	}
	/^ +[0-9a-f]+: +\tj[a-z]+\t/ {
		from = $1; sub(":", "", from)
		match($0, /0x[0-9a-f]+/); to = substr($0, RSTART + 2, RLENGTH - 2)
		if (length(to) < length(from) || (length(to) == length(from) && to <= from)) { print name "\nloops: " $0; bad++ }
	}
	END {
		if (rules < 25) { print "expected 25 rules, found " rules + 0; exit 1 }
		if (bad) { print bad " places are not straight code"; exit 1 }
		print rules " rules are straight code"
	}'
