#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Builds the fuzz targets as OSS-Fuzz and ClusterFuzzLite call for them: by $CC, $CXX, $CFLAGS and $CXXFLAGS, linked with
# $LIB_FUZZING_ENGINE, into $OUT, each with its seeds, dictionary and options; in $WORK. capcheck is $SRC/capcheck.
# $SRC/linux, a kernel tree or a tarball of one, is what the kernel of transitions_fuzzer is made of.
set -euo pipefail

die() {
	echo "build.sh: $*" >&2
	exit 2
}

for variable in SRC OUT WORK CC CXX SANITIZER; do
	[[ ${!variable-} ]] || die "$variable is not set; fuzz/README.md says what is"
done
root=$SRC/capcheck
profile=6.12+userns # which transitions_fuzzer runs without arguments
export CAPCHECK_CACHE=${CAPCHECK_CACHE:-$WORK/cache} # what building a kernel keeps

# put FILE DESTINATION: whole, or not at all.
put() {
	cp "$1" "$2.partial"
	mv "$2.partial" "$2"
}

# Sets kernel_options to what makes the kernel fit the sanitizer; its flags are the kernel's own otherwise. A report on
# the kernel's coverage would need the kernel's files instrumented as the services' are, which its own flags forbid.
choose_kernel_options() {
	case $SANITIZER in
	address) kernel_options=(--coverage --sanitize) ;;
	undefined) kernel_options=(--coverage --ubsan) ;;
	coverage | none) kernel_options=(--coverage) ;;
	*) die "SANITIZER=$SANITIZER: a kernel in process is built for address, undefined, coverage and none" ;;
	esac
}

build_kernel() {
	choose_kernel_options
	mkdir -p "$OUT/kernels"
	"$root/fuzz/kernel/build" --name "$profile" --source "$SRC/linux" "${kernel_options[@]}" \
		--output "$OUT/kernels/$profile.so"
}

build_targets() {
	cmake -S "$root" -B "$WORK/build" -G Ninja -DCAPCHECK_FUZZING_SERVICE=ON \
		-DCMAKE_CXX_FLAGS="${CXXFLAGS-}" -DCMAKE_C_FLAGS="${CFLAGS-}" \
		-DCAPCHECK_FUZZING_ENGINE="${LIB_FUZZING_ENGINE-}" -DCAPCHECK_HAS_KERNEL="$has_kernel"
	cmake --build "$WORK/build"
}

# What targets start from, in $WORK/seeds: a directory for each form, and dictionaries of the binary ones.
make_seeds() {
	local seeds=$WORK/seeds file
	rm -rf "$seeds"
	# For SANITIZER=coverage: no profile of it where it happens to run.
	LLVM_PROFILE_FILE=$WORK/fuzz_seeds.profraw "$WORK/build/fuzz_seeds" "$seeds" "$root/corpus"
	mkdir -p "$seeds"/{traces,questions,status}
	while IFS= read -r file; do
		cp "$root/$file" "$seeds/traces/${file//\//,}"
	done < <(cd "$root" && find corpus -name '*.trace')
	cp "$root"/corpus/questions/*.question "$seeds/questions"
	cat /proc/self/status >"$seeds/status/self"
}

# give TARGET SEEDS DICTIONARY MAX_LEN: puts a target into $OUT with what belongs to it.
give() {
	local seeds=$WORK/seeds/$2 scratch=$WORK/seeds/$1
	[[ ! -d $root/fuzz/parsers/regressions/$1 ]] || cp "$root/fuzz/parsers/regressions/$1"/* "$seeds"
	(cd "$seeds" && cmake -E tar cf "$scratch.zip" --format=zip .)
	printf '[libfuzzer]\nmax_len = %s\n' "$4" >"$scratch.options"
	put "$WORK/build/$1" "$OUT/$1"
	put "$scratch.zip" "$OUT/$1_seed_corpus.zip"
	put "$3" "$OUT/$1.dict"
	put "$scratch.options" "$OUT/$1.options"
}

[[ ${ARCHITECTURE:-x86_64} == x86_64 ]] || die "ARCHITECTURE=$ARCHITECTURE: only x86_64 is there"
[[ ${FUZZING_LANGUAGE:-c++} == c++ ]] || die "FUZZING_LANGUAGE=$FUZZING_LANGUAGE: the targets are in c++"
has_kernel=OFF
if [[ -e $SRC/linux ]]; then
	build_kernel
	has_kernel=ON
else
	echo "build.sh: no kernel source in $SRC/linux: transitions_fuzzer is left out, the other targets need none"
fi
build_targets
make_seeds
give model_fuzzer programs "$WORK/seeds/programs.dict" 1024
[[ $has_kernel == OFF ]] || give transitions_fuzzer programs "$WORK/seeds/programs.dict" 1024
give frames_fuzzer frames "$WORK/seeds/frames.dict" 4096
give trace_text_fuzzer traces "$root/fuzz/parsers/trace_text_fuzzer.dict" 4096
give question_fuzzer questions "$root/fuzz/parsers/question_fuzzer.dict" 2048
give status_fuzzer status "$root/fuzz/parsers/status_fuzzer.dict" 4096
