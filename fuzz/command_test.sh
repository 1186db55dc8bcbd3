#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The command as a user meets it: exit statuses, errors that name the file and what to do, and nothing left behind.
# Usage: command_test.sh BIN CORPUS
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=../scripts/test_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/test_lib.sh"

bin=$1 corpus=$2
capcheck=$bin/capcheck
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# expect STATUS PATTERN COMMAND…: the command ends with the status and prints the pattern.
expect() {
	local status=$1 pattern=$2 got=0
	shift 2
	"$@" >"$work/out" 2>&1 </dev/null || got=$?
	[[ $got == "$status" ]] || fail "$* ended with $got, expected $status: $(tail -3 "$work/out")"
	grep -qE -- "$pattern" "$work/out" || fail "$* did not print '$pattern': $(tail -3 "$work/out")"
}

expect 0 'Example: capcheck replay' "$capcheck" replay --help
expect 0 'Example: capcheck fuzz' "$capcheck" fuzz --help
expect 0 'Example: capcheck triage' "$capcheck" triage --help
expect 0 'Example: capcheck show' "$capcheck" show --help
expect 0 'Example: capcheck prove' "$capcheck" prove --help
expect 0 'Example: capcheck ask' "$capcheck" ask --help
expect 0 'Example: capcheck grants' "$capcheck" grants --help
expect 0 'Example: capcheck symmetry' "$capcheck" symmetry --help
expect 0 'Example: capcheck enumerate' "$capcheck" enumerate --help
expect 0 'Example: capcheck coverage' "$capcheck" coverage --help
expect 0 'Example: capcheck faults' "$capcheck" faults --help
expect 0 'Example: capcheck verdict' "$capcheck" verdict --help
expect 2 'subcommand is required' "$capcheck"
expect 2 'Run with --help' "$capcheck" nonsense
expect 2 "unknown release '2.4'" "$capcheck" fuzz --profile 2.4
expect 2 "unknown fault 'none-such'" "$capcheck" faults none-such

# Questions: answered, answered otherwise than expected, not answered, and not understood.
ask=("$capcheck" ask 'capability c from any where c not in X reach c in X')
expect 0 'yes, by 2 calls and no fewer, for c = CAP_CHOWN, from the state after call 1' "${ask[@]}"
expect 0 'Linux 6.12\+userns follows it' "${ask[@]}"
expect 0 '"answer": "yes"' "${ask[@]}" --json
expect 0 '^\| .* \| yes, 2 \|$' "${ask[@]}" --table
expect 1 'SURPRISE: expected never' "$capcheck" ask 'from root reach P = none expect 6.12 never'
expect 2 'NOT REPLAYED on the kernel: .*no such kernel' "$capcheck" ask 'from root reach P = none' --profile 6.17
expect 0 'yes, by 1 call' "$capcheck" ask 'from root reach P = none' --profile 6.17 --no-kernel
expect 2 'timeout' "$capcheck" ask 'from root reach level > 20' --timeout 0
expect 2 "question:1:17: unknown capability 'CAP_FOO'" "$capcheck" ask 'from root reach CAP_FOO in P'
expect 2 'absent.question: no such file' "$capcheck" ask "$work/absent.question"
expect 2 'absent: no such file' "$capcheck" ask "$work/absent"
expect 0 'yes, by 1 call' "$capcheck" ask --no-kernel "$(printf '# %0300d\nreach P = none' 0)"
expect 1 'SURPRISE: expected never' "$capcheck" ask --no-kernel --table 'reach P = none expect 6.12 never'
expect 2 'NO ANSWER: expected never' "$capcheck" ask --timeout 0 'calls capset reach X != all expect 6.12 never'
expect 2 'vacuous' "$capcheck" ask 'from any where level > 40 reach uid = 7'
expect 0 'vacuous' "$capcheck" ask 'from any where level > 40 reach uid = 7 expect 6.12 vacuous'
"${ask[@]}" --save "$work" >/dev/null
expect 0 'agree' "$capcheck" replay "$work/6.12+userns.question.trace"

# Who is granted what: the README's table, and what differs without the proposal.
expect 0 'never +CAP_SYS_PTRACE, CAP_USERFAULTFD +never$' "$capcheck" grants --against 6.12
expect 0 '^10 of 11 are granted to the same' "$capcheck" grants --against 6.12
"$capcheck" grants --against 6.12 | sed 's/^./    &/' >"$work/grants"
grep -qzF -- "$(cat "$work/grants")" "$(dirname "$0")/../README.md" || fail "README.md has another table of grants"
expect 0 '"single_always": \[' "$capcheck" grants --json
expect 2 "unknown release '2.4'" "$capcheck" grants --profile 2.4
expect 2 'Z3 gives no answer' "$capcheck" grants --timeout 0

# Replay: agreement, disagreement, and files that are not what they should be.
expect 0 'agree' "$capcheck" replay "$corpus/seeds/userns/sample.trace"
expect 0 '"agrees": true' "$capcheck" replay --json "$corpus/seeds/userns/sample.trace"
expect 2 'absent.trace: cannot read' "$capcheck" replay "$work/absent.trace"
printf 'capcheck trace 1\nprofile 6.12\nt0: fly()\n' >"$work/bad.trace"
expect 2 "bad.trace:3:5: unknown call 'fly'" "$capcheck" replay "$work/bad.trace"
head -c 100 "$corpus/seeds/userns/sample.trace" >"$work/cut.trace"
expect 2 'cut.trace:[0-9]+:[0-9]+: ' "$capcheck" replay "$work/cut.trace"
printf 'capcheck trace 1\nprofile 6.12\nt0: unshare(CLONE_NEWUSER) = -1 EPERM\n' >"$work/wrong.trace"
expect 1 'result: expected -1 EPERM, got 0' "$capcheck" replay "$work/wrong.trace"
head -c 1000 /dev/urandom >"$work/artifact"
expect 0 'agree' "$capcheck" replay "$work/artifact"
expect 0 't0 starts with' "$capcheck" show "$work/artifact"
sample=$corpus/seeds/userns/sample.trace
expect 0 "^    # set_cred_user_ns: P' = E' = X' = U$" "$capcheck" show --explain "$sample"
expect 0 '</ol></body></html>$' "$capcheck" show "$sample" --html
for time in first again; do
	"$capcheck" show "$sample" --html "$work/sample.html" || fail "no page ($time)"
	grep -q "set_cred_user_ns: P' = E' = X' = U" "$work/sample.html" || fail "no explanation in the page ($time)"
done
cp "$sample" "$work/kept.trace"
expect 2 'kept.trace: is there and is no page' "$capcheck" show "$sample" --html "$work/kept.trace"
cmp -s "$sample" "$work/kept.trace" || fail "a trace was overwritten by a page"
expect 2 'no such kernel' "$capcheck" show "$sample" --kernel "$work/absent.so"
expect 2 'no such kernel; build it with' env CAPCHECK_KERNELS="$work" "$capcheck" replay "$corpus/seeds"
cp "$work/artifact" "$work/6.12+userns.so"
expect 2 'not a kernel for this program' env CAPCHECK_KERNELS="$work" "$capcheck" replay "$work/artifact"

# A kernel with a fault diverges; that of another profile is refused.
"$(dirname "$0")/kernel/build" --name 6.12+userns --fault entry-keeps-securebits --output "$work/faulty.so" >"$work/out" 2>&1 ||
	fail "no kernel with a fault: $(tail -3 "$work/out")"
expect 1 'the state after the call differs' "$capcheck" replay --kernel "$work/faulty.so" --profile 6.12+userns \
	"$corpus/seeds/unshare"
expect 0 "Securebits: 0x0 by the model, 0x10 by the kernel, which securebits' = securebits would give" "$capcheck" show \
	--kernel "$work/faulty.so" --profile 6.12+userns "$corpus/divergences/entry-keeps-securebits.trace"
expect 1 "^why: set_cred_user_ns: securebits' = 0$" "$capcheck" replay --kernel "$work/faulty.so" --profile 6.12+userns \
	"$corpus/seeds/unshare"
expect 2 'built as .*, which is not profile 6.12.userns$' "$capcheck" replay --profile 6.12+userns \
	--kernel "$bin/kernels/6.12+userns+capbset-drop-lowers-userns.so" "$corpus/seeds/userns/sample.trace"

# Fuzzing: a clean run; an interrupted one leaves no process and no temporary directory.
expect 0 'no divergence' "$capcheck" fuzz --empty --seconds 2 --findings "$work/findings"
export TMPDIR=$work/tmp
mkdir "$TMPDIR"
# A shell's job in the background ignores SIGINT.
env --default-signal=INT "$capcheck" fuzz --empty --seconds 60 --jobs 2 --findings "$work/findings" >"$work/out" 2>&1 </dev/null &
fuzz=$!
for ((i = 0; i < 100; i++)); do
	pgrep -P "$fuzz" transitions_fuz >/dev/null && break
	sleep 0.1
done
sleep 1
children=$(pgrep -P "$fuzz")
kill -INT "$fuzz"
wait "$fuzz" || fail "an interrupted run ended with $?: $(cat "$work/out")"
grep -q interrupted "$work/out" || fail "an interrupted run did not say so: $(cat "$work/out")"
[[ $children ]] || fail "no fuzzing process was seen"
for child in $children; do
	! kill -0 "$child" 2>/dev/null || fail "process $child outlived the interrupted run"
done
[[ -z $(ls -A "$TMPDIR") ]] || fail "the interrupted run left $(ls "$TMPDIR")"

# A signal that is ignored, as by nohup, does not stop a run.
env --ignore-signal=HUP "$capcheck" fuzz --empty --seconds 3 --findings "$work/findings" >"$work/out" 2>&1 </dev/null &
fuzz=$!
for ((i = 0; i < 100; i++)); do
	pgrep -P "$fuzz" transitions_fuz >/dev/null && break
	sleep 0.1
done
kill -HUP "$fuzz"
wait "$fuzz" || fail "a run that ignores SIGHUP ended with $?: $(cat "$work/out")"
grep -q 'no divergence$' "$work/out" || fail "a run was stopped by a signal that it ignores: $(cat "$work/out")"

# Every state of a small world, with a fault in the model; and which capabilities a call treats alike.
expect 2 "unknown small world 'moon' \(known: sets, files, ids\)" "$capcheck" enumerate --world moon
expect 1 'broken: leaving-root-clears' "$capcheck" enumerate --model --world ids --fault setuid-ignores-keepcaps
expect 1 'the kernel is not asked' "$capcheck" enumerate --world ids --fault setuid-ignores-keepcaps
expect 2 'absent.so: no such kernel' "$capcheck" enumerate --kernel "$work/absent.so"
expect 2 'excludes' "$capcheck" enumerate --kernel "$work/faulty.so" --fault setuid-ignores-keepcaps
expect 2 'excludes' "$capcheck" mutants --planted --call capset
expect 2 'excludes' "$capcheck" mutants --planted --list
expect 2 'Value 0 not in range 1 to 86400' "$capcheck" mutants --seconds 0
expect 0 'chroot .*cap_sys_chroot' "$capcheck" symmetry --call chroot
expect 2 "unknown call 'moon' \(known: capget, " "$capcheck" symmetry --call moon

# A run goes on after a finding, and keeps the shortest program of each signature.
mkdir "$work/triage"
expect 1 ' [2-9] DIVERGENCES$' "$capcheck" fuzz --kernel "$work/faulty.so" --empty --seconds 5 --findings "$work/triage" --tap "$work/triage/tap"
[[ $(ls "$work/triage"/*.trace | wc -l) -ge 2 ]] || fail "fewer than two signatures: $(ls "$work/triage")"
[[ $(grep -c '^t[0-3]: ' "$work/triage/unshare.state.Securebits.trace") == 2 ]] || fail "not the shortest: $(cat "$work/triage"/unshare*)"
grep -q '^not ok .* unshare.state.Securebits on faulty' "$work/triage/tap" || fail "TAP: $(cat "$work/triage/tap")"
expect 1 '^unshare.state.Securebits: kernel: 3 of 3 on faulty, 0 of 3 on 6.12\+userns in process, ' "$capcheck" fuzz \
	--kernel "$work/faulty.so" --seeds "$work/triage" --empty --seconds 3 --times 3 --findings "$work/again"
expect 1 'kernel: 4 of 4 on faulty, 0 of 4 on 6.12\+userns in process' "$capcheck" triage --kernel "$work/faulty.so" --times 4 \
	"$work/triage/unshare.state.Securebits.trace"
expect 0 'model and kernels agree' "$capcheck" triage --times 2 "$corpus/seeds/userns/sample.trace"

# What is known does not fail, as long as it shows; what is fixed must not.
mkdir "$work/known"
for trace in "$work"/triage/*.trace "$work"/again/*.trace; do
	signature=$(basename "$trace" .trace)
	sed "s/^profile .*/&\ndivergence $signature\nkernel faulty\nstate explained/" "$trace" >"$work/known/$signature.trace"
done
known=$work/known/unshare.state.Securebits.trace
expect 0 'no divergence but [2-9] known$' "$capcheck" fuzz --kernel "$work/faulty.so" --seeds "$work/known" --empty --seconds 3 \
	--known "$work/known" --findings "$work/again"
expect 0 'agree' "$capcheck" replay --kernel "$work/faulty.so" "$known"
expect 0 'not performed: .*a known divergence of faulty in process' "$capcheck" replay --on host "$known"
expect 0 'not performed: .*faulty.so: not built' "$capcheck" replay "$known"
sed 's/^state explained/state fixed/' "$known" >"$work/fixed.trace"
expect 1 'unshare.state.Securebits is fixed, but faulty diverges' "$capcheck" replay --kernel "$work/faulty.so" "$work/fixed.trace"
expect 1 '1 DIVERGENCE.*, 1 NOT AS KNOWN$' "$capcheck" fuzz --kernel "$work/faulty.so" --seeds "$work/fixed.trace" --empty --seconds 2 \
	--known "$work/fixed.trace" --stop-at-first --findings "$work/again"
sed 's/^divergence .*/divergence unshare.state.CapEff/' "$known" >"$work/other.trace"
expect 1 'no longer shows unshare.state.CapEff: what it shows is unshare.state.Securebits' "$capcheck" replay \
	--kernel "$work/faulty.so" "$work/other.trace"
expect 2 "no 'divergence' line" "$capcheck" fuzz --known "$corpus/seeds/userns/sample.trace" --findings "$work/again"
expect 1 '1 DIVERGENCE$' "$capcheck" fuzz --kernel "$work/faulty.so" --empty --seconds 30 --stop-at-first --findings "$work/triage"
expect 1 '^unshare.state.Securebits: 2 of [0-9]+ calls, shown by 5 of 5 runs' "$capcheck" minimise --kernel "$work/faulty.so" \
	"$work/triage/unshare.state.Securebits.trace" --output "$work/min.trace"
expect 0 'agree' "$capcheck" replay "$work/min.trace"
expect 2 'agree, so there is nothing to keep' "$capcheck" minimise "$work/min.trace"
expect 0 'Example: capcheck minimise' "$capcheck" minimise --help

# Nothing found is lost: not when a run is killed, nor when it cannot be saved.
"$capcheck" fuzz --kernel "$work/faulty.so" --empty --seconds 60 --findings "$work/killed" >"$work/out" 2>&1 </dev/null &
fuzz=$!
for ((i = 0; i < 300; i++)); do
	compgen -G "$work/killed/*.trace" >/dev/null && break
	sleep 0.1
done
kill -KILL "$fuzz"
wait "$fuzz" 2>/dev/null
expect 1 'do not agree' "$capcheck" replay --kernel "$work/faulty.so" "$work/killed"
"$capcheck" fuzz --kernel "$work/faulty.so" --empty --seconds 60 --findings "$work/full" >"$work/out" 2>&1 </dev/null &
fuzz=$!
for ((i = 0; i < 300; i++)); do
	pgrep -P "$fuzz" transitions_fuz >/dev/null && rm -rf "$work/full" && touch "$work/full" && break
	sleep 0.01
done
wait "$fuzz"
[[ $? == 2 ]] || fail "a run that could not save what it found ended otherwise: $(tail -3 "$work/out")"
sed -n '/^capcheck trace 1$/,$p' "$work/out" >"$work/unsaved.trace"
expect 1 'do not agree' "$capcheck" replay --kernel "$work/faulty.so" "$work/unsaved.trace"

# A reproducer compiles alone; here root may have less than it expects, and then it says so.
expect 0 'Example: capcheck repro' "$capcheck" repro --help
"$capcheck" repro "$corpus/seeds/userns/sample.trace" --output "$work/repro.c" && cc -o "$work/repro" "$work/repro.c" ||
	fail "the reproducer does not compile"
"$work/repro" >"$work/out" 2>&1
[[ $? == 2 ]] && grep -q '^environment: ' "$work/out" || fail "the reproducer, on a kernel without the proposal: $(cat "$work/out")"
expect 2 'it is no system call' "$capcheck" repro "$corpus/seeds/helper/full_by_default.trace"

# Results as services for continuous integration read them: what agrees, what does not and where, and what was not asked.
trace=$corpus/seeds/userns/sample.trace
expect 0 'agree' "$capcheck" replay "$trace" --tap "$work/results/agree.tap"
grep -q '^ok 1 - .*sample.trace on 6.12+userns$' "$work/results/agree.tap" || fail "TAP: $(cat "$work/results/agree.tap")"
expect 1 'do not agree' "$capcheck" replay "$corpus/seeds/unshare" --profile 6.12+userns --kernel "$work/faulty.so" \
	--sarif "$work/results/part.sarif" --junit "$work/results/part.xml"
grep -q '"ruleId": "divergence/' "$work/results/part.sarif" || fail "SARIF: $(tail -40 "$work/results/part.sarif")"
grep -q '<failure message=' "$work/results/part.xml" || fail "JUnit: $(head -5 "$work/results/part.xml")"
expect 2 'cannot|denied|director' "$capcheck" replay "$trace" --sarif /proc/none/part.sarif

# By real system calls on this machine: agreement, what is not performed, and refusals.
expect 0 'model and kernel agree' "$capcheck" replay --on host "$corpus/seeds/unshare"
expect 0 '^environment: Linux ' "$capcheck" replay --on host "$corpus/seeds/userns/sample.trace"
expect 0 'not performed: .*host makes no usermodehelper.*could not be performed there' bash -c \
	"'$capcheck' replay --on host '$corpus/seeds/helper/full_by_default.trace' | tr '\n' ' '"
expect 2 "no machine 'moon'" "$capcheck" replay --on moon "$corpus/seeds/unshare"
expect 2 'excludes' "$capcheck" replay --on host --kernel "$work/faulty.so" "$corpus/seeds/unshare"
expect 2 'excludes' "$capcheck" fuzz --on host --kernel "$work/faulty.so"
expect 2 'requires --on' "$capcheck" fuzz --booted 6.12
expect 2 'the kernel of host is taken as found' "$capcheck" fuzz --on host --booted 6.12
expect 2 'the kernel of host is taken as found' "$capcheck" replay --on host --booted 6.12 "$corpus/seeds/unshare"
expect 2 'no kernel none for um that boots; run: capcheck kernel build none' "$capcheck" fuzz --on uml --booted none
expect 2 'no kernel none for um that boots' "$capcheck" replay --on uml --booted none "$corpus/seeds/unshare"
expect 0 'with --on and neither this nor --corpus' bash -c "'$capcheck' fuzz --help | tr -s ' \n' ' '"
expect 0 'host: [1-9].*no divergence' "$capcheck" fuzz --on host --empty --seconds 2 --findings "$work/findings"
# It starts from what runs in process have found, adds nothing there, and keeps what is new for itself.
export CAPCHECK_CACHE=$work/cache
mkdir -p "$CAPCHECK_CACHE/corpus/6.12+userns"
cp "$work/artifact" "$CAPCHECK_CACHE/corpus/6.12+userns"
expect 0 'no divergence' "$capcheck" fuzz --on host --seconds 2 --findings "$work/findings"
[[ $(ls "$CAPCHECK_CACHE/corpus/6.12+userns") == artifact ]] || fail "a run on the host wrote to the corpus of another kernel"
[[ $(ls -A "$CAPCHECK_CACHE/corpus/host") ]] || fail "a run on the host kept nothing"
unset CAPCHECK_CACHE
env --default-signal=INT "$capcheck" fuzz --on host --empty --seconds 60 --findings "$work/findings" >"$work/out" 2>&1 </dev/null &
fuzz=$!
for ((i = 0; i < 100; i++)); do
	target=$(pgrep -P "$fuzz" transitions_fuz) && executor=$(pgrep -P "$target" executor) && break
	sleep 0.1
done
[[ ${executor-} ]] || fail "no executor was seen"
inner=$(pgrep -P "${executor:-1}" executor)
kill -INT "$fuzz"
wait "$fuzz" || fail "an interrupted run on this machine ended with $?: $(cat "$work/out")"
sleep 0.5
for child in ${executor-} $inner; do
	[[ ! -e /proc/$child || $(cut -d ' ' -f 3 "/proc/$child/stat") == Z ]] || fail "process $child outlived the interrupted run"
done

finish "every command did what it should"
