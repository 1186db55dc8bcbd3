# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Errors, progress, the cache, parallel work.

# shellcheck disable=SC2154  # the variables of ../build

cache=${CAPCHECK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/capcheck}/kernel
work='' # this build's temporary directory
janitor='' # the process that removes it if this one cannot

die() {
	echo "build: $*" >&2
	exit 2
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
	tail -n 40 "$2" >&2 || true
	die "$1$(disk_state)"
}

# What to add to an error if the cache's disk may be its reason; else nothing.
disk_state() {
	local free_kib inodes free_inodes
	read -r free_kib inodes free_inodes < <(df -k --output=avail,itotal,iavail "$cache" | tail -n 1 | tr - 0)
	if ((free_kib < 16384)); then
		echo ": the disk of $cache is full ($((free_kib / 1024)) MiB left)"
	elif ((inodes > 0 && free_inodes < 1000)); then # some file systems have no fixed number of them
		echo ": the disk of $cache is full ($free_inodes inodes left)"
	fi
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
	need_tool setpriv util-linux
	mkdir -p "$cache"/{trees,overlays,headers,objects,built} || die "cannot make the cache directory $cache"
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	trap end_work EXIT
	exec {lock}>"$cache/lock" || die "cannot write to the cache directory $cache"
	if ! flock -n "$lock"; then
		echo "build: waiting for another build, which has the lock $cache/lock" >&2
		setpriv --pdeathsig KILL flock "$lock" & # in the background, so that a signal ends the wait
		wait $! || die "cannot lock $cache/lock"
	fi
	rm -rf "$cache"/work.*
	work=$(mktemp -d "$cache/work.XXXXXX") || die "cannot write to the cache directory $cache$(disk_state)"
	start_janitor
}

# Runs a command or function in a process group of its own, whose number is in $work/group: a signal to this script
# neither waits for it nor leaves it behind. It cannot set variables, nor read a terminal.
watched() { # COMMAND...
	local status=0
	set -m
	run_in_group "$@" </dev/null &
	set +m
	wait $! || status=$?
	return "$status"
}

# A script killed before the number was written has no janitor that would know it.
run_in_group() { # COMMAND...
	echo "$BASHPID" >"$work/group" || exit 2
	kill -0 $$ 2>/dev/null || exit 2
	"$@"
}

# SIGTERM first: make then removes what it has half made.
end_group() { # GROUP
	local i
	kill -TERM -- "-$1" 2>/dev/null || return 0
	for ((i = 0; i < 50; i++)); do
		group_runs "$1" || return 0
		sleep 0.05
	done
	kill -KILL -- "-$1" 2>/dev/null || true
}

# Not by kill -0, for which a zombie that init has not yet seen is a process too.
group_runs() { # GROUP
	grep -qsE "^[0-9]+ \(.*\) [^ZX] [0-9]+ $1 " /proc/[0-9]*/stat
}

# A process that gets SIGTERM when this script dies. After SIGKILL, it does in its place what end_work would. It has to
# be ready for that signal before there is anything to tidy up.
start_janitor() {
	local ready
	mkfifo "$work/ready" || die "cannot write to the cache directory $cache$(disk_state)"
	exec {ready}<>"$work/ready"
	set -m
	setpriv --pdeathsig TERM "$BASH" -c "$(declare -f end_group group_runs tidy_up watch_over); watch_over $$ \"\$1\"" - "$work" \
		</dev/null >"$work/ready" 2>/dev/null {ready}<&- &
	set +m
	janitor=$!
	read -r -t 60 -u "$ready" || die "what is to tidy up after SIGKILL does not start"
	exec {ready}<&-
}

watch_over() { # SCRIPT WORK
	trap 'tidy_up "$2"; kill -KILL 0' TERM
	echo ready
	exec >/dev/null
	if ((PPID == $1)); then
		sleep infinity &
		wait $!
	fi
	tidy_up "$2"
}

tidy_up() { # WORK
	[[ ! -s $1/group ]] || end_group "$(cat "$1/group")"
	rm -rf "$1"
}

end_work() {
	local status=$? job
	trap '' INT TERM HUP
	for job in $(jobs -p); do
		[[ $job != "$janitor" ]] || continue
		end_group "$job"
		kill "$job" 2>/dev/null || true # one without a group of its own
		wait "$job" 2>/dev/null || true
	done
	[[ ! $work ]] || rm -rf "$work"
	if [[ $janitor ]]; then
		kill -KILL -- "-$janitor" 2>/dev/null || true
		wait "$janitor" 2>/dev/null || true
	fi
	((status != 1)) || die "stopped by the error above$(disk_state)" # such as a write for which there is no space
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
