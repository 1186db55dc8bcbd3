#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Runs a fuzz target on what crashed it before, then for five seconds from seeds on.
# Usage: try.sh TARGET DIRECTORY [SEED...]    what crashed it is in DIRECTORY/regressions/TARGET
set -euo pipefail

target=$1 here=$2
name=$(basename "$target")
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/corpus" "$work/seeds"

[[ ! -d $here/regressions/$name ]] || "$target" "$here/regressions/$name"/* >"$work/log" 2>&1 || {
	cat "$work/log"
	exit 1
}
number=0
while IFS= read -r -d '' file; do
	number=$((number + 1))
	cat "$file" >"$work/seeds/$number"
done < <((($# == 0)) || find "$@" -type f -not -name '*.cc' -not -name '*.h' -print0)
arguments=(-max_total_time=5 -timeout=5 -print_funcs=0 "-artifact_prefix=$work/")
[[ ! -e $here/$name.dict ]] || arguments+=("-dict=$here/$name.dict")
"$target" "${arguments[@]}" "$work/corpus" "$work/seeds" >"$work/log" 2>&1 || {
	cat "$work/log"
	for input in "$work"/crash-* "$work"/timeout-* "$work"/leak-* "$work"/oom-*; do
		[[ ! -e $input ]] || { echo "input $(basename "$input"), in base64:" && base64 "$input"; }
	done
	exit 1
}
grep -E 'Done [0-9]+ runs' "$work/log"
