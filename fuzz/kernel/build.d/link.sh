# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Links the shared object, twice: the first link shows which symbols nobody has supplied.

# shellcheck disable=SC2154,SC2034  # the variables of ../build and its other parts

# What the process supplies: these functions of C (with their checks, where AddressSanitizer watches), of the C library's
# version: a name without one is bound to the oldest, which makes no use of the processor ...
from_process='^(memcpy|memmove|memset|memcmp)(@.*)?$'
# ... and the sanitizers' run-time library.
from_sanitizers='^__(asan|ubsan|sanitizer)_'

link_objects() { # OUTPUT OBJECT...
	local output=$1 log=$work/link.log
	shift
	"ld.lld$llvm" -shared --gc-sections --build-id=sha1 -z noexecstack -o "$output" "$@" >"$log" 2>&1 ||
		die_with_log "linking failed" "$log"
}

unsupplied() { # SHARED_OBJECT
	local wanted=$from_process
	((sanitize)) && wanted="$wanted|$from_sanitizers"
	"llvm-nm$llvm" -D --undefined-only --format=just-symbols "$1" | { grep -Ev "$wanted" || true; } | sort -u
}

# A symbol that is only ever called has but one relocation, a jump slot. Any other use may be a use of data: such a
# symbol gets an address that faults, so that neither reading nor calling it goes unseen.
write_stubs() { # SHARED_OBJECT NAMES FILE
	local called address=0
	called=$("llvm-readelf$llvm" -rW "$1" | awk '$3 == "R_X86_64_JUMP_SLOT" { print $5 }')
	local used
	used=$("llvm-readelf$llvm" -rW "$1" | awk '$3 != "R_X86_64_JUMP_SLOT" && NF >= 5 { print $5 }')
	echo 'void capcheck_unsupplied(const char *symbol) __attribute__((noreturn));' >"$3"
	local symbol
	while read -r symbol; do
		if ! grep -qxF "$symbol" <<<"$used"; then
			echo "void $symbol(void) { capcheck_unsupplied(\"$symbol\"); }"
		elif grep -qxF "$symbol" "$here/stubbed_functions"; then
			echo "void $symbol(void) { capcheck_unsupplied(\"$symbol\"); }"
		else
			((verbose)) && progress "data, or a function used by address, that faults when used: $symbol"
			address=$((address + 1))
			printf '__asm__(".globl %s\\n.hidden %s\\n.set %s, 0x%x");\n' "$symbol" "$symbol" "$symbol" \
				$((0xdead000000000000 + address * 0x10000))
		fi
	done <"$2" >>"$3"
}

link_kernel() { # RESULT
	local first=$work/first.so second=$work/second.so extra=()
	progress "linking"
	((coverage)) && extra+=("$(coverage_object)")
	link_objects "$first" "${objects[@]}" "${extra[@]}"
	unsupplied "$first" >"$work/unsupplied"
	write_stubs "$first" "$work/unsupplied" "$work/stubs.c"
	"clang$llvm" -O1 -fPIC -ffreestanding -fvisibility=hidden -Wno-incompatible-library-redeclaration \
		-c "$work/stubs.c" -o "$work/stubs.o" >"$work/log" 2>&1 ||
		die_with_log "the stubs do not compile" "$work/log"
	((sanitize)) || extra+=("$("clang$llvm" -print-file-name=libc.so.6)")
	link_objects "$second" "${objects[@]}" "${extra[@]}" "$work/stubs.o"
	check_symbols "$second"
	((verbose)) && progress "stubs: $(tr '\n' ' ' <"$work/unsupplied")"
	mv "$second" "$1"
}

coverage_object() {
	"clang$llvm" -O2 -fPIC -c "$here/glue/coverage/callbacks.c" -o "$work/callbacks.o"
	echo "$work/callbacks.o"
}

check_symbols() { # SHARED_OBJECT
	local rest
	rest=$(unsupplied "$1")
	[[ ! $rest ]] || die "still undefined after the second link: ${rest//$'\n'/ }"
	rest=$("llvm-nm$llvm" -D --defined-only --format=just-symbols "$1" | grep -Ev '^__sanc?(ov|itizer_cov)_' | tr '\n' ' ')
	[[ $rest == 'capcheck_kernel ' ]] || die "the shared object exports more than its table: $rest"
}
