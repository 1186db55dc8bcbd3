#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# What is installed works from where it lies, without the build and source directories; so does the Debian package.
# Usage: install_test.sh BUILD_DIRECTORY
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=test_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/test_lib.sh"

build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check PREFIX: the command below it finds its kernels, its corpus and the fuzz target.
check() {
	local prefix=$1 out=$work/out
	export CAPCHECK_CACHE=$work/cache
	cd "$work" || exit 2
	"$prefix/bin/capcheck" replay "$prefix/share/capcheck/corpus/seeds/userns" >"$out" 2>&1 || fail "$prefix: replay: $(tail -3 "$out")"
	grep -q 'model, kernel and expectations agree' "$out" || fail "$prefix: replay said $(cat "$out")"
	"$prefix/bin/capcheck" ask "$prefix"/share/capcheck/corpus/questions/01-claim-userns-within-bounding.question --profile 6.12 >"$out" 2>&1 ||
		fail "$prefix: ask: $(tail -3 "$out")"
	"$prefix/bin/capcheck" fuzz --empty --seconds 1 --findings "$work/findings" >"$out" 2>&1 || fail "$prefix: fuzz: $(tail -3 "$out")"
	"$prefix/bin/capcheck" kernel build 6.12+userns --version 2.4 >"$out" 2>&1
	grep -q "2\.4" "$out" || fail "$prefix: kernel build said $(cat "$out")"
	"$prefix/share/capcheck/kernel/build" --list-features | grep "^userns" >/dev/null || fail "$prefix: the semantic patches are not there"
	[[ $(find "$prefix/lib/capcheck/kernels" -name '*,*') == "" ]] || fail "$prefix: kernels with faults are there"
}

cmake --install "$build" --prefix "$work/prefix" >"$work/log" 2>&1 || fail "cmake --install: $(tail -5 "$work/log")"
check "$work/prefix"

# Every subcommand is in the manual page, and that is well-formed.
manual=$work/prefix/share/man/man1/capcheck.1
"$work/prefix/bin/capcheck" --help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z]*\) .*/\1/p' >"$work/subcommands"
[[ -s $work/subcommands ]] || fail "capcheck --help lists no subcommands"
while read -r subcommand; do
	grep -qx "\.B $subcommand" "$manual" || fail "the manual page does not name $subcommand"
done <"$work/subcommands"

(cd "$work" && cpack --config "$build/CPackConfig.cmake" -B "$work/package") >"$work/log" 2>&1 || fail "cpack: $(tail -5 "$work/log")"
for package in "$work"/package/*.deb; do
	dpkg-deb -x "$package" "$work/unpacked" || fail "$package cannot be unpacked"
	dpkg-deb -f "$package" Depends | grep -q libz3 || fail "$package does not depend on Z3: $(dpkg-deb -f "$package" Depends)"
	check "$work/unpacked/usr"
done
[[ -e $work/unpacked ]] || fail "there is no package"

finish "what is installed works"
