#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Runs build.sh as a fuzzing service does, with its flags, and what it leaves in $OUT as its runners do: somewhere else,
# without privileges, with nothing but $OUT. With an engine; without one; and without a kernel source. Keeps what was
# compiled in WORK_DIRECTORY.
# Usage: build_test.sh WORK_DIRECTORY [SANITIZER]    address (without the argument), undefined or coverage
# $CC and $CXX are the compilers, without them clang-19 and clang++-19.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$1"
work=$(cd "$1" && pwd)/${2-address}
kernel_source=/usr/src/linux-source-6.12.tar.xz
profile=6.12+userns
# Of the model too, and found by a seed.
fault=entry-keeps-securebits
model_targets=(model_fuzzer frames_fuzzer trace_text_fuzzer question_fuzzer status_fuzzer)
targets=(transitions_fuzzer "${model_targets[@]}")

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

# The flags that the images of OSS-Fuzz set, by sanitizer and for libFuzzer.
set_flags() {
	case $SANITIZER in
	address)
		sanitizer_flags='-fsanitize=address -fsanitize-address-use-after-scope -fsanitize=fuzzer-no-link'
		kernel_options=(--coverage --sanitize)
		;;
	undefined)
		local checks=array-bounds,bool,builtin,enum,function,integer-divide-by-zero,null,object-size,return
		checks+=,returns-nonnull-attribute,shift,signed-integer-overflow,unreachable,vla-bound,vptr
		sanitizer_flags="-fsanitize=$checks,unsigned-integer-overflow -fno-sanitize-recover=$checks"
		sanitizer_flags+=' -fsanitize=fuzzer-no-link'
		kernel_options=(--coverage --ubsan)
		;;
	coverage)
		sanitizer_flags='-fprofile-instr-generate -fcoverage-mapping -pthread -Wl,--no-as-needed -Wl,-ldl -Wl,-lm'
		sanitizer_flags+=' -Wno-unused-command-line-argument'
		kernel_options=(--coverage)
		;;
	*) fail "SANITIZER '$SANITIZER' is none of address, undefined, coverage" ;;
	esac
	export CFLAGS="-O1 -fno-omit-frame-pointer -gline-tables-only -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION $sanitizer_flags"
	export CXXFLAGS=$CFLAGS
	engine=-fsanitize=fuzzer
	# libc++ is the services' C++ library. Debian's packages of it can be of one LLVM version only, so it is not asked for.
	if [[ -e $(dirname "$(realpath "$(command -v "$CXX")")")/../include/c++/v1/version ]]; then
		CXXFLAGS+=' -stdlib=libc++'
		engine="-lc++ $engine -Wl,-lstdc++" # Debian's libFuzzer needs libstdc++, which the driver would call -lc++
		echo "with libc++"
	else
		echo "with libstdc++: to test with libc++, as services build: apt install libc++-19-dev libc++abi-19-dev"
	fi
}

# Runs build.sh into a new $OUT.
build() { # ENGINE
	rm -rf "$OUT"
	mkdir "$OUT"
	LIB_FUZZING_ENGINE=$1 bash -eu "$here/build.sh" >"$work/log" 2>&1 ||
		fail_with_log "$work/log" "build.sh, with '$1' for an engine"
	rm -rf "$elsewhere/out"
	cp -r "$OUT" "$elsewhere/out"
	chmod -R a+rX "$elsewhere"
}

# Runs a target of the last build as a runner would, from a directory it can write to.
run() { # TARGET ARGUMENT...
	local user=() target=$elsewhere/out/$1
	shift
	((EUID != 0)) || user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	(cd "$elsewhere/scratch" && exec env -i "UBSAN_OPTIONS=$UBSAN_OPTIONS" "${user[@]}" "$target" "$@") \
		>"$work/run.log" 2>&1
}

fail_with_log() { # LOG WHAT
	tail -n 40 "$1" >&2
	fail "$2"
}

# That this stands in the log of the last run.
says() { # PATTERN WHAT
	grep -qE -- "$1" "$work/run.log" || fail_with_log "$work/run.log" "$2"
}

# Whether a target needs nothing that a runner's image lacks: the C library, and what comes with the compiler.
check_libraries() { # TARGET
	local strange
	strange=$(ldd "$elsewhere/out/$1" | awk '{ print $1 }' | grep -vE \
		'^(linux-vdso|/lib64/ld-linux-x86-64|libc|libm|libdl|libpthread|librt|libresolv|libgcc_s|libstdc\+\+|libc\+\+|libc\+\+abi|libunwind)\.so' || true)
	[[ ! $strange ]] || fail "$1 needs $(tr '\n' ' ' <<<"$strange")"
}

# What lies beside a target; unpacks its seeds.
check_company() { # TARGET
	local out=$elsewhere/out seeds=$elsewhere/seeds/$1
	check_libraries "$1"
	[[ -s $out/$1.dict ]] || fail "$1.dict is missing"
	grep -q '^max_len = [0-9]' "$out/$1.options" || fail "$1.options has no max_len"
	rm -rf "$seeds"
	mkdir -p "$seeds"
	(cd "$seeds" && cmake -E tar xf "$out/$1_seed_corpus.zip")
	[[ $(find "$seeds" -type f | wc -l) -gt 0 ]] || fail "$1 has no seeds"
	chmod -R a+rX "$seeds"
}

# For libFuzzer to go by; or, where a report is to be made, for that.
counts_coverage() { # TARGET
	if [[ $SANITIZER == coverage ]]; then
		[[ -s $elsewhere/scratch/default.profraw ]] || fail "$1 wrote no profile"
		rm -f "$elsewhere/scratch/default.profraw"
	else
		says ' cov: [1-9][0-9]*' "$1 counts no coverage"
	fi
}

fuzz_each() {
	local target
	for target in "${targets[@]}"; do
		check_company "$target"
		run "$target" -max_total_time=1 -timeout=25 -rss_limit_mb=2560 "-dict=$elsewhere/out/$target.dict" \
			"$(sed -n 's/^max_len = /-max_len=/p' "$elsewhere/out/$target.options")" "$elsewhere/seeds/$target" ||
			fail_with_log "$work/run.log" "$target, with an engine"
		says '^Done [1-9][0-9]* runs' "$target did not come to its end"
		counts_coverage "$target"
		echo "$target: $(grep -E '^Done ' "$work/run.log")"
	done
}

replay_each() { # TARGET...
	local target files
	for target; do
		check_company "$target"
		mapfile -t files < <(find "$elsewhere/seeds/$target" -type f)
		run "$target" "${files[@]}" || fail_with_log "$work/run.log" "$target, without an engine"
		[[ $(grep -c ' bytes, nothing found$' "$work/run.log") == "${#files[@]}" ]] || fail "$target did not replay all seeds"
	done
	! run "$1" || fail "$1 without a file ended well"
	says '^Usage: ' "$1 without a file does not say what to do"
}

# A divergence is a crash, of which a service keeps the input.
check_that_a_fault_is_found() {
	local seeds=("$elsewhere/seeds/transitions_fuzzer"/*) status=0
	"$here/../fuzz/kernel/build" --name "$profile" --source "$kernel_source" --fault "$fault" "${kernel_options[@]}" \
		--output "$elsewhere/out/kernels/$profile.so"
	{ run transitions_fuzzer "${seeds[@]}"; } 2>/dev/null || status=$? # the shell says what became of it
	says '^DIVERGENCE ' "$fault was not found"
	((status == 128 + 6)) || fail "a divergence ended the target with $status, not by SIGABRT"
}

export SANITIZER=${2-address} FUZZING_LANGUAGE=c++ ARCHITECTURE=x86_64 CC=${CC-clang-19} CXX=${CXX-clang++-19}
export SRC=$work/src OUT=$work/out WORK=$work/work UBSAN_OPTIONS=silence_unsigned_overflow=1
export CAPCHECK_CACHE=${CAPCHECK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/capcheck}
mkdir -p "$SRC" "$WORK"
ln -sfn "$here/.." "$SRC/capcheck"
ln -sfn "$kernel_source" "$SRC/linux"
set_flags
elsewhere=$(mktemp -d)
trap 'rm -rf "$elsewhere"' EXIT
mkdir -m 777 "$elsewhere/scratch"

build "$engine"
fuzz_each
build ''
replay_each "${targets[@]}"
check_that_a_fault_is_found
! SANITIZER=memory bash -eu "$here/build.sh" 2>"$work/log" || fail "built a kernel for SANITIZER=memory"
grep -q 'SANITIZER=memory: a kernel in process is built for' "$work/log" || fail "SANITIZER=memory: $(cat "$work/log")"
rm "$SRC/linux"
build ''
grep -q 'no kernel source in .*: transitions_fuzzer is left out' "$work/log" || fail "build.sh does not say what is left out"
[[ ! -e $OUT/transitions_fuzzer ]] || fail "a target without its kernel"
replay_each "${model_targets[@]}"
echo "every target was built and ran, with and without an engine"
