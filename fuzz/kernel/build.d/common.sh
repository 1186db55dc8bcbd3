# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Errors, progress, the cache, parallel work.

# shellcheck disable=SC2154  # the variables of ../build

cache=${CAPCHECK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/capcheck}/kernel
work='' # this build's temporary directory

die() {
	echo "build: $*" >&2
	exit 1
}

usage_error() {
	echo "build: $*; see --help" >&2
	exit 2
}

progress() {
	if ((verbose)) || [[ -t 2 ]]; then
		echo "build: $*" >&2
	fi
}

# Ends with what a tool has said in a file, and with the likelier reason where the disk is full.
die_with_log() {
	local message=$1 log=$2
	tail -n 40 "$log" >&2 || true
	local free_kib
	free_kib=$(df --output=avail -k "$cache" | tail -n 1)
	((free_kib > 16384)) || die "$message: the disk of $cache is full ($((free_kib / 1024)) MiB left)"
	die "$message"
}

need_tool() {
	command -v "$1" >/dev/null || die "$1 is not installed; on Debian: apt install $2"
}

need_tools() {
	local pair
	for pair in "llvm-nm$llvm llvm$llvm" "llvm-objcopy$llvm llvm$llvm" "llvm-readelf$llvm llvm$llvm" "make make" \
		"flex flex" "bison bison" "bc bc" "xz xz-utils" "flock util-linux"; do
		need_tool "${pair% *}" "${pair#* }"
	done
	((${#patches[@]} == 0)) || need_tool spatch coccinelle
}

hash_stdin() {
	local sum
	sum=$(sha256sum)
	echo "${sum:0:32}"
}

# One build at a time works in the cache; what an interrupted one has left behind is removed.
start_work() {
	mkdir -p "$cache"/{trees,overlays,headers,objects,built} || die "cannot make the cache directory $cache"
	exec {lock}>"$cache/lock"
	if ! flock -n "$lock"; then
		progress "waiting for another build"
		flock "$lock"
	fi
	rm -rf "$cache"/work.*
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	trap end_work EXIT
	work=$(mktemp -d "$cache/work.XXXXXX") || die "cannot write to the cache directory $cache"
}

end_work() {
	local status=$? job
	for job in $(jobs -p); do
		kill "$job" 2>/dev/null || true
	done
	wait
	rm -rf "$work"
	exit "$status"
}

# Calls a function once for each further argument, as many at a time as there are processors; fails if one fails.
in_parallel() {
	local function=$1 argument running=0 limit failed=0
	shift
	limit=$(nproc)
	for argument; do
		if ((running == limit)); then
			wait -n || failed=1
			running=$((running - 1))
		fi
		((failed == 0)) || break
		"$function" "$argument" &
		running=$((running + 1))
	done
	while ((running > 0)); do
		wait -n || failed=1
		running=$((running - 1))
	done
	return "$failed"
}

# Objects and results that no build has asked for in a month.
forget_old() {
	find "$cache"/{objects,built,overlays,headers} -mindepth 1 -maxdepth 1 -mtime +30 -exec rm -rf {} +
}
