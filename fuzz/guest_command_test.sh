#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Fuzzing in guests of user-mode Linux, several side by side: programs are run, guests that are killed are started
# again, and whenever it is interrupted, no process and no file is left.
# Usage: guest_command_test.sh BIN CORPUS; status 77 if the kernel is not built
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=../scripts/test_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/test_lib.sh"

bin=$1 corpus=$2
capcheck=$bin/capcheck
kernel=6.12+userns

if ! "$capcheck" kernel list | grep -qE "^${kernel//+/\\+} +um .* ready "; then
	echo "skipped: there is no kernel $kernel of user-mode Linux; run: capcheck kernel build $kernel"
	exit 77
fi

work=$(mktemp -d)
export TMPDIR=$work/tmp
mkdir "$TMPDIR"
# What is left of an earlier step would be found in the next.
trap 'rm -rf "$work"' EXIT
touch "$work/groups"

# until_true SECONDS COMMAND…: whether the command succeeds within that time.
until_true() {
	local end=$((SECONDS + $1))
	shift
	while ! "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.05
	done
}

# The process groups of the guests that were started from here. What they run in has no such command line, but is of
# the same group, so groups are remembered. Remains that nobody has taken away yet do not run.
guests() {
	# shellcheck disable=SC2009  # pgrep shows no groups
	ps -eo pgid=,args= | grep -F "uml_dir=$TMPDIR/" | grep -vF grep | awk '{ print $1 }' | sort -u | tee -a "$work/groups"
}
running() {
	guests >/dev/null
	ps -eo pgid=,stat=,pid= | awk -v groups="$work/groups" \
		'BEGIN { while ((getline group <groups) > 0) ours[group] = 1 } ours[$1] && $2 !~ /^Z/ { print $3 }'
}
first_guest() { [[ $(guests) ]]; }
two_guests() { (($(guests | wc -l) == 2)); }
no_guest() { [[ ! $(running) ]]; }
no_files() { [[ ! $(ls -A "$TMPDIR") ]]; }
scratches() { find "$TMPDIR" -maxdepth 1 -name 'capcheck-guest.*' | wc -l; }
two_scratches() { (($(scratches) == 2)); }
logs_say() { # PATTERN: so do the logs of both jobs
	(($(grep -lE "$1" "$TMPDIR"/capcheck-fuzz.*/job-*.log 2>/dev/null | wc -l) == 2))
}

expect_nothing_left() { # WHEN
	until_true 10 no_guest || fail "$1: processes of guests are left: $(running | tr '\n' ' ')"
	until_true 10 no_files || fail "$1: files are left: $(ls "$TMPDIR")"
}

# Starts two jobs in the background; `fuzz` is then their process. A shell's job in the background may ignore SIGINT.
start() { # SECONDS
	set -m
	env --default-signal=INT "$capcheck" fuzz --on uml --profile "$kernel" --seeds "$corpus/seeds" \
		--corpus "$work/corpus" --seconds "$1" --jobs 2 --findings "$work/findings" >"$work/out" 2>&1 </dev/null &
	fuzz=$!
	set +m
}

# Interrupts them, and waits for their end.
interrupt() { # WHEN
	kill -INT "$fuzz"
	until_true 30 ended || fail "$1: still there 30 s after an interrupt"
	wait "$fuzz" || fail "$1: ended with $?: $(cat "$work/out")"
	grep -q interrupted "$work/out" || fail "$1: did not say that it was interrupted: $(cat "$work/out")"
	expect_nothing_left "$1"
}
ended() { [[ $(ps -o stat= -p "$fuzz") != [!Z]* ]]; }

# To the end.
start 6
until_true 20 two_scratches || fail "there were not two guests side by side"
wait "$fuzz" || fail "a run of two guests ended with $?: $(cat "$work/out")"
grep -qE '^uml: [1-9][0-9]+ programs of [1-9].* no divergence$' "$work/out" || fail "two guests: $(cat "$work/out")"
expect_nothing_left "a run to the end"

# Interrupted at the start of a guest, as early as can be seen, and while it boots.
for delay in 0 0.05 0.2; do
	start 60
	until_true 20 first_guest || fail "no guest was started"
	sleep "$delay"
	interrupt "interrupted $delay s after a guest was started"
done

# Interrupted while it fuzzes, after a guest was killed in the middle of it: that has been started again.
start 60
until_true 60 logs_say '^#[0-9]+.*INITED' || fail "the fuzzers did not begin"
kill -KILL "$(guests | head -n 1)"
until_true 20 bash -c "grep -q '^capcheck::losses: 1' '$TMPDIR'/capcheck-fuzz.*/job-*.log" || fail "no guest was seen to be lost"
until_true 20 two_guests || fail "a guest that was killed was not started again"
! ended || fail "fuzzing ended when a guest was killed: $(cat "$work/out")"
interrupt "interrupted while it fuzzed"
grep -q '1 guest lost and started again: no divergence' "$work/out" || fail "a killed guest was taken for a divergence: $(cat "$work/out")"

# Interrupted just as the time is up.
start 5
sleep 5
interrupted_late() {
	kill -INT "$fuzz" 2>/dev/null
	until_true 30 ended || fail "at the end: still there 30 s after an interrupt"
	wait "$fuzz" || fail "at the end: ended with $?: $(cat "$work/out")"
	expect_nothing_left "interrupted at the end"
}
interrupted_late

# What cannot be interrupted politely: the command itself is killed.
start 60
until_true 20 two_scratches || fail "there were not two guests side by side"
kill -KILL "$fuzz"
wait "$fuzz" 2>/dev/null
until_true 10 no_guest || fail "guests outlived a killed command: $(running | tr '\n' ' ')"
until_true 10 bash -c "! ls -d '$TMPDIR'/capcheck-guest.* >/dev/null 2>&1" || fail "scratch directories outlived a killed command"
rm -rf "$TMPDIR"/capcheck-fuzz.*

# The same of replay, which an interrupt kills.
set -m
"$capcheck" replay --on uml --profile "$kernel" "$corpus" >"$work/out" 2>&1 </dev/null &
fuzz=$!
set +m
until_true 20 first_guest || fail "replay: no guest was started"
kill -INT "$fuzz"
wait "$fuzz" 2>/dev/null
expect_nothing_left "an interrupted replay"

finish "guests ran side by side and left nothing behind"
