#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# What build_bootable does around the compiler: refusals, patches, errors, interruption, two builds at once, a full disk.
# The kernel is a tree of our own that makes in a moment what stands for one: a program whose exit status tells which
# source it was made from.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$here/build_bootable
# shellcheck source-path=SCRIPTDIR source=test_failures.sh
source "$here/test_failures.sh"

# refuses PATTERN ARGUMENT…: the build ends with status 2, says so in these words, and leaves no kernel.
refuses() {
	local pattern=$1 status
	shift
	"$build" "$@" >"$work/out" 2>&1
	status=$?
	((status == 2)) || failed "build_bootable $*: status $status"
	grep -qE -- "$pattern" "$work/out" || failed "build_bootable $* did not say '$pattern'"
	[[ ! -e $CAPCHECK_CACHE/bootable/kernels/um/$1.kernel ]] || failed "build_bootable $* left a kernel"
}

# builds EXIT_STATUS NAME ARGUMENT…: the build makes a kernel that ends with this status.
builds() {
	local expected=$1 status=0
	shift
	"$build" "$@" >"$work/out" 2>&1 || {
		failed "build_bootable $*"
		return
	}
	"$(image_of "$1")" || status=$?
	((status == expected)) || failed "build_bootable $*: the kernel is that of source $status, not $expected"
}

image_of() { # NAME
	echo "$CAPCHECK_CACHE/bootable/images/$(sed -n 's/^image: //p' "$CAPCHECK_CACHE/bootable/kernels/um/$1.kernel")"
}

# How often something was done in the workspaces.
count_of() { # WORD
	cat "$CAPCHECK_CACHE"/bootable/workspaces/*/build/log 2>/dev/null | grep -c "$1"
}

# The tree: its Makefile compiles init/main.c and nothing of lib, and keeps a log. At the stage that $HANG_AT names it
# hangs, as do the tools of make_slow_tools.
make_tree() { # DIRECTORY
	local tree=$1
	mkdir -p "$tree"/{init,lib,arch/um/drivers,arch/um/os-Linux/skas,Documentation}
	touch "$tree"/{init,lib}/Makefile
	echo '#define STATUS "no status"' >"$tree/init/status.h"
	cat >"$tree/Makefile" <<'END'
VERSION = 6
PATCHLEVEL = 12
allnoconfig:
	if [ "$$HANG_AT" = configuring ]; then $$HANG; fi
	grep -v UBSAN $(KCONFIG_ALLCONFIG) >$(O)/.config
	echo configured >>$(O)/log
kernelrelease:
	@echo 6.12.0
linux: $(O)/linux
.PHONY: init/ lib/
init/: $(O)/init/main.o
lib/:
$(O)/init/main.o: init/main.c
	echo compiled >>$(O)/log
	mkdir -p $(O)/init
	echo half >$@
	if [ "$$HANG_AT" = compiling ]; then $$HANG; fi
	$(CC) -c -o $@ $<
$(O)/linux: $(O)/init/main.o
	echo half >$@
	if [ "$$HANG_AT" = linking ]; then $$HANG; fi
	$(CC) -o $@ $<
END
	write_source "$tree" 3
	cat >"$tree/arch/um/drivers/line.c" <<'END'
void line_throttle(struct tty_struct *tty)
{
	struct line *line = tty->driver_data;

	deactivate_chan(line->chan_in, line->read_irq);
	line->throttled = 1;
}

void line_unthrottle(struct tty_struct *tty)
{
	struct line *line = tty->driver_data;

	line->throttled = 0;
	chan_interrupt(line, line->read_irq);
}
END
	cat >"$tree/arch/um/drivers/chan_kern.c" <<'END'
static void line_timer_cb(struct work_struct *work)
{
	struct line *line = container_of(work, struct line, task.work);

	if (!line->throttled)
		chan_interrupt(line, line->read_irq);
}
END
	cat >"$tree/arch/um/os-Linux/skas/process.c" <<'END'
int start_userspace(int pid)
{
	return ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *) PTRACE_O_TRACESYSGOOD);
}
END
}

write_source() { # TREE EXIT_STATUS
	printf 'int main(void)\n{\n\treturn %s;\n}\n' "$2" >"$1/init/main.c"
}

# A patch of the source: from one exit status to another.
write_patch() { # FROM TO
	printf -- '--- a/init/main.c\n+++ b/init/main.c\n@@ -1,4 +1,4 @@\n int main(void)\n {\n-\treturn %s;\n+\treturn %s;\n }\n' "$@"
}

mail() { # SUBJECT FILE…
	printf 'From 1 Mon Sep 17 00:00:00 2001\nFrom: A <a@b>\nSubject: %s\n\nWords.\n---\n' "$1"
	cat "${@:2}" </dev/null
	printf -- '-- \n2.39\n\n'
}

check_refusals() {
	local part
	mkdir "$work/empty"
	refuses 'linux-source-2.4.tar.xz does not exist; on Debian: apt install linux-source-2.4' 2.4
	refuses "there is no feature 'nope'" 6.12+nope
	refuses "there is no feature 'nope'" 6.12 --feature nope
	refuses 'comes after userns' 6.12 --feature userns-mask
	refuses "there is no fault 'nope'" 6.12 --plant nope
	refuses "'mine' does not begin with a kernel version" mine
	refuses 'other characters than letters' ../mine --version 6.12
	refuses 'neither um nor x86_64' 6.12 --arch sparc
	refuses 'cannot read .*/nowhere' 6.12 --patch "$work/nowhere"
	refuses '/nowhere does not exist' 6.12 --source "$work/nowhere"
	refuses 'one NAME is needed' --version 6.12
	for part in ../init init/../../init / ''; do
		refuses "'$part' is no path from the top of the source" mine --source "$work/empty" --only "$part"
	done
	refuses 'is no kernel tree' mine --source "$work/empty"
	check_missing_tools
}

# Each tool that a build needs is named, with its package.
check_missing_tools() {
	local tool programs=$work/programs
	mkdir "$programs"
	for tool in bash dirname sed paste realpath grep basename cat tr sort; do
		ln -s "$(command -v "$tool")" "$programs/$tool"
	done
	for tool in gcc:gcc ld:binutils make:make flex:flex bison:bison bc:bc xz:xz-utils flock:util-linux \
		setpriv:util-linux spatch:coccinelle git:git; do
		PATH=$programs refuses "^build: ${tool%:*} is not installed; on Debian: apt install ${tool#*:}$" mine \
			--source "$work/tree" --patch "$build"
		ln -s "$(command -v "${tool%:*}")" "$programs/${tool%:*}"
	done
	PATH=$programs refuses '^build: lz4 is not installed; on Debian: apt install lz4$' mine --source "$work/tree" \
		--arch x86_64
}

# A kernel, and once more: nothing is done again.
check_cache() {
	builds 3 mine --source "$work/tree"
	grep -qx 'profile: 6.12' "$CAPCHECK_CACHE/bootable/kernels/um/mine.kernel" || failed "the version is not the tree's"
	builds 3 mine --source "$work/tree"
	builds 3 another --source "$work/tree"
	[[ $(image_of mine) == "$(image_of another)" ]] || failed "the same kernel has two images"
	(($(count_of compiled) == 1)) || failed "a kernel was compiled again"
	# The repairs reach the source that is compiled, and not the user's tree.
	grep -rq local_irq_save "$CAPCHECK_CACHE"/bootable/workspaces/*/source/arch/um/drivers/line.c || failed "no repair"
	! grep -rq local_irq_save "$work/tree" || failed "the user's tree was changed"
}

# Another configuration is another kernel.
check_configuration() {
	local file
	cp -r "$here" "$work/kernel"
	echo '# CONFIG_NOTHING is not set' >>"$work/kernel/boot.config"
	build=$work/kernel/build_bootable builds 3 configured --source "$work/tree"
	[[ $(image_of mine) != "$(image_of configured)" ]] || failed "another boot.config gave the same kernel"
	(($(count_of compiled) == 2)) || failed "another boot.config was not compiled"
	for file in boot.config um.boot.config; do
		cp "$here"/*boot.config "$work/kernel"
		echo 'CONFIG_UBSAN_NOTHING=y' >>"$work/kernel/$file"
		build=$work/kernel/build_bootable refuses "^build: $file: CONFIG_UBSAN_NOTHING=y did not take in this tree$" \
			unconfigured --source "$work/tree"
	done
	cp "$here"/*boot.config "$work/kernel"
}

# write_script LINE…: the one patch of the feature `worded` of $work/kernel, in sed.
write_script() {
	mkdir -p "$work/kernel/patches/worded"
	echo 'meaning: other words' >"$work/kernel/patches/worded/feature"
	printf '%s\n' '# SPDX-License-Identifier: GPL-2.0-only' '# Other words.' "$@" \
		>"$work/kernel/patches/worded/words.sed"
}

# A feature's patch in sed, of a file and of a header wherever it is; one that does not apply, or by half.
check_sed() {
	local build=$work/kernel/build_bootable mistake
	write_script '# File: init/main.c' 's/return 3/return 8/' '' '# Twice.' 's/return 8/return 9/'
	builds 9 worded --source "$work/tree" --feature worded
	write_script '# File: init/main.c' 's/return 3/return 8/'
	builds 8 worded --source "$work/tree" --feature worded
	write_script '# File: init/main.c' '# Only where: return 4' 's/return 4/return 8/'
	builds 3 worded --source "$work/tree" --feature worded
	write_script '# File: init/status.h' 's/no status/a status/'
	builds 3 worded --source "$work/tree" --feature worded
	grep -rq '"a status"' "$CAPCHECK_CACHE"/bootable/workspaces/*/source/init/status.h || failed "a header was not patched"
	write_script '# File: init/main.c' 's/return 3/return 8/' '# Not there.' 's/return 4/return 9/'
	refuses 'worded/words.sed, line 6: nothing in init/main.c matches it' half --source "$work/tree" --feature worded
	write_script '# File: init/main.c'
	refuses 'worded/words.sed: nothing in init/main.c matches it' half --source "$work/tree" --feature worded
	write_script '# File: init/nowhere.h' 's/a/b/'
	refuses 'worded/words.sed: the tree has no init/nowhere.h' half --source "$work/tree" --feature worded
	write_script 's/return 3/return 8/'
	refuses 'worded/words.sed: its third line is not' half --source "$work/tree" --feature worded
	for mistake in 's/return 3/return 8' "w $work/written" 'e true'; do
		write_script '# File: init/main.c' "$mistake"
		refuses 'worded/words.sed, line 4: sed failed on init/main.c' half --source "$work/tree" --feature worded
	done
	sed 's,^#,//,' "$work/kernel/patches/worded/words.sed" >"$work/kernel/patches/worded/status_h.cocci"
	sed -i 's,init/main.c,init/status.h,' "$work/kernel/patches/worded/status_h.cocci"
	refuses 'status_h.cocci: only headers of include/ can be patched' half --source "$work/tree" --feature worded
}

# Checks that the tree does not have.
check_options() {
	refuses '^build: --ubsan: CONFIG_UBSAN=y did not take in this tree; .* try --arch x86_64$' sane \
		--source "$work/tree" --ubsan
	builds 3 sane --source "$work/tree" --kasan --lockdep
	# An option that boot.config has the other way.
	builds 3 secure --source "$work/tree" --selinux
	grep -qx 'options: selinux' "$CAPCHECK_CACHE/bootable/kernels/um/secure.kernel" || failed "--selinux is not on record"
	[[ $(grep -h 'CONFIG_SECURITY[ =]' "$(workspace_of secure)/build/.config") == CONFIG_SECURITY=y ]] ||
		failed "--selinux does not have its way over boot.config"
}

workspace_of() { # NAME
	echo "$CAPCHECK_CACHE/bootable/workspaces/$(sed -n 's/^workspace: //p' "$CAPCHECK_CACHE/bootable/kernels/um/$1.kernel")"
}

# One directory is compiled, and no kernel made or forgotten.
check_part() {
	local source=(--source "$work/tree") kernels=$CAPCHECK_CACHE/bootable/kernels/um
	write_source "$work/tree" 32
	cp "$kernels/mine.kernel" "$work/mine.kernel"
	"$build" mine "${source[@]}" --only init/ >"$work/out" 2>&1 || failed "build_bootable --only init/"
	grep -qx "init of mine compiles: $(workspace_of mine)/build/init" "$work/out" ||
		failed "--only does not say that it compiled"
	grep -q 'return 32' "$(workspace_of mine)/source/init/main.c" || failed "--only compiled another source"
	[[ $(workspace_of mine)/build/init/main.o -nt $work/mine.kernel ]] || failed "--only did not compile"
	[[ ! $(workspace_of mine)/build/linux -nt $work/mine.kernel ]] || failed "--only made a kernel"
	refuses '^build: --only: with these options, a kernel has nothing of lib$' part "${source[@]}" --only lib
	refuses '^build: --only: Documentation is no directory of .*/tree that has a Makefile' part "${source[@]}" \
		--only Documentation
	write_source "$work/tree" nothing
	refuses '^init/main.c:3:.*error: .*nothing' part "${source[@]}" --only init
	grep -qx 'build: init of part does not compile' "$work/out" || failed "--only does not say what does not compile"
	cmp -s "$kernels/mine.kernel" "$work/mine.kernel" || failed "--only changed a kernel's record"
	[[ ! -e $kernels/part.kernel && ! -e $kernels/part.unfinished && ! -e $kernels/mine.unfinished ]] ||
		failed "--only left a record"
	write_source "$work/tree" 3
}

# The user's own patches: one file, a mailbox with a cover letter, one that fails, one that changes nothing of use.
check_patches() {
	write_patch 3 4 >"$work/four.patch"
	write_patch 4 5 >"$work/five.patch"
	printf -- '--- a/Documentation/notes.txt\n+++ b/Documentation/notes.txt\n@@ -1 +1 @@\n-old\n+new\n' >"$work/notes.patch"
	{
		mail '[PATCH v2 0/2] cover'
		mail '[PATCH v2 02/2] five' "$work/five.patch"
		mail 'Re: [PATCH v2 1/2] four' <(write_patch 3 9)
		mail '[PATCH v2 01/2] four' "$work/four.patch" "$work/notes.patch"
	} >"$work/series.mbox"
	gzip -k "$work/series.mbox"
	builds 4 patched --source "$work/tree" --patch "$work/four.patch"
	# The record names the source as it was compiled, for who proves that kernel.
	grep -q 'return 4' "$CAPCHECK_CACHE/bootable/trees/$(sed -n 's/^tree: //p' \
		"$CAPCHECK_CACHE/bootable/kernels/um/patched.kernel")/source/init/main.c" || failed "the patched source is not kept"
	builds 5 series --source "$work/tree" --patch "$work/series.mbox"
	builds 5 archived --source "$work/tree" --patch "$work/series.mbox.gz"
	builds 3 mine --source "$work/tree"
	(cd "$here" && builds 5 elsewhere --source "$work/tree" --patch "$work/four.patch" --patch "$work/five.patch")
	refuses 'changes nothing that is compiled' unpatched --source "$work/tree" --patch "$work/notes.patch"
	refuses 'tree/Makefile is no patch' unpatched --source "$work/tree" --patch "$work/tree/Makefile"
	refuses 'five.patch does not apply to .*/tree; rebase it' unpatched --source "$work/tree" --patch "$work/five.patch"
	grep -A 5 '^init/main.c: this hunk does not apply:' "$work/out" | grep -q '^    -	return 4;' ||
		failed "the hunk that does not apply is not shown"
	mail '[PATCH] six' <(write_patch 6 7) >"$work/six.mbox"
	refuses 'six.mbox: \[PATCH\] six does not apply' unpatched --source "$work/tree" --patch "$work/six.mbox"
	grep -q 'return 3' "$work/tree/init/main.c" || failed "the user's tree was changed"
}

# A tree that somebody works in, a file removed from it and one added: one workspace, which follows.
check_changes() {
	local workspaces=("$CAPCHECK_CACHE"/bootable/workspaces/*)
	touch "$work/tree/init/removed"
	write_source "$work/tree" 6
	builds 6 changed --source "$work/tree"
	rm "$work/tree/init/removed"
	touch "$work/tree/init/added"
	write_source "$work/tree" 7
	builds 7 changed --source "$work/tree"
	[[ $(echo "$CAPCHECK_CACHE"/bootable/workspaces/*) == "${workspaces[*]}" ]] || failed "a changed tree has another workspace"
	[[ $(find "$CAPCHECK_CACHE"/bootable/workspaces/*/source/init -newer "$work/four.patch" -name '*ed' -printf '%f ') == 'added ' ]] ||
		failed "a changed tree's files are not those of the workspace"
}

# A compiler's error: the file, the line, little else.
check_errors() {
	write_source "$work/tree" nothing
	refuses '^init/main.c:3:.*error: .*nothing' broken --source "$work/tree"
	(($(wc -l <"$work/out") < 12)) || failed "a wall of text"
	[[ -e $CAPCHECK_CACHE/bootable/kernels/um/broken.unfinished ]] || failed "an unfinished build is not on record"
}

# Tools that hang where $HANG_AT says so, and do what they do otherwise.
make_slow_tools() {
	local pair
	mkdir "$work/slow"
	export HANG=$work/slow/hang
	printf '#!/bin/sh\ntouch "%s/hangs"\ni=0\nwhile [ ! -e "%s/go" ] && [ $((i += 1)) -lt 400 ]; do sleep 0.05; done\n' "$work" "$work" >"$HANG"
	for pair in unpacking:tar patching:git 'semantic patching:spatch'; do
		# shellcheck disable=SC2016  # for that script to expand
		printf '#!/bin/sh\n[ "$HANG_AT" != "%s" ] || "$HANG"\nexec "%s" "$@"\n' "${pair%:*}" \
			"$(command -v "${pair##*:}")" >"$work/slow/${pair##*:}"
	done
	chmod +x "$work"/slow/*
}

# Starts a build that hangs at a stage, as a terminal would, in a group of its own whose number is then in `pid`.
start_hanging() { # STAGE NAME
	rm -f "$work"/{hangs,go}
	# A shell's job in the background ignores SIGINT.
	PATH=$work/slow:$PATH HANG_AT=$1 MARK=$work setsid env --default-signal=INT "$build" "$2" --source "$work/tree" \
		--patch "$work/none.patch" >"$work/out" 2>&1 &
	pid=$!
	await test -e "$work/hangs" || failed "$2 does not get as far as $1"
}

# Waits for a command to succeed, for ten seconds.
await() { # COMMAND…
	local i
	for ((i = 0; i < 200; i++)); do
		"$@" && return
		sleep 0.05
	done
	return 1
}

# Those of the processes of start_hanging that there still are.
marked_processes() {
	grep -lzs "^MARK=$work$" /proc/[0-9]*/environ | sed -n 's,^/proc/\([0-9]*\)/environ$,\1,p'
}

none_left() {
	[[ -z $(marked_processes) ]]
}

# ends_at STAGE SIGNAL WHOM STATUS: a build that gets a signal at a stage ends with this status, at once; nothing runs
# on, and nothing half made is taken for whole.
ends_at() {
	local stage=$1 signal=$2 whom=$3 expected=$4 what status=0
	what="stopped at $stage by $signal to $whom"
	start_hanging "$stage" stopped
	[[ $whom == script ]] || pid=-$pid
	kill "-$signal" -- "$pid"
	{ wait "${pid#-}" || status=$?; } 2>/dev/null # the shell's remark that it was killed
	((status == expected)) || failed "$what: status $status"
	await none_left || {
		failed "$what: these run on: $(marked_processes | xargs -r ps -o pid,args -p | tail -n +2)"
		marked_processes | xargs -r kill -KILL
	}
	[[ -z $(find "$CAPCHECK_CACHE/bootable" -maxdepth 1 -name 'work.*') ]] || failed "$what: a temporary directory is left"
	[[ ! -e $CAPCHECK_CACHE/bootable/kernels/um/stopped.kernel ]] || failed "$what: there is a kernel"
}

check_interruption() {
	local stage exit_status=10
	printf -- '--- a/init/none\n+++ b/init/none\n@@ -1 +1 @@\n-1\n+2\n' >"$work/none.patch"
	echo 1 >"$work/tree/init/none"
	for stage in unpacking patching 'semantic patching' configuring compiling linking; do
		exit_status=$((exit_status + 1))
		rm -f "$CAPCHECK_CACHE"/bootable/kernels/um/stopped.*
		[[ $stage != configuring ]] || rm -rf "$CAPCHECK_CACHE"/bootable/workspaces
		write_source "$work/tree" "$exit_status"
		ends_at "$stage" INT group 130
		ends_at "$stage" INT script 130
		ends_at "$stage" KILL script 137
		builds "$exit_status" stopped --source "$work/tree" --patch "$work/none.patch"
	done
	# All at once, the janitor among them: nobody could tidy up.
	rm -f "$CAPCHECK_CACHE"/bootable/kernels/um/stopped.*
	write_source "$work/tree" 30
	start_hanging linking stopped
	marked_processes | xargs kill -KILL 2>/dev/null
	{ wait "$pid" || true; } 2>/dev/null
	builds 30 stopped --source "$work/tree" --patch "$work/none.patch"
}

# Two builds of the same kernel at once: one waits and says so, both succeed, it is compiled once. A third is stopped
# while it waits.
check_two_at_once() {
	local before first third
	make_tree "$work/kept"
	builds 3 kept --source "$work/kept"
	write_source "$work/tree" 31
	before=$(count_of compiled)
	start_hanging compiling twice
	first=$pid
	MARK=$work setsid env --default-signal=INT "$build" twice --source "$work/tree" >"$work/third" 2>&1 &
	third=$!
	builds 3 kept --source "$work/kept" # which is there already: nothing to wait for
	await grep -q 'waiting for another build' "$work/third" || failed "a second build does not say that it waits"
	kill -INT "$third"
	wait "$third"
	(($? == 130)) || failed "a waiting build was not stopped"
	(sleep 0.3 && touch "$work/go") &
	builds 31 twice --source "$work/tree" --patch "$work/none.patch"
	grep -q 'waiting for another build' "$work/out" || failed "a second build does not say that it waits"
	wait "$first" || failed "the first of two builds"
	(($(count_of compiled) == before + 1)) || failed "both of two builds compiled"
	await none_left || failed "something of two builds runs on"
}

# Disks of ever more space: until one is large enough, the build says that it is full and leaves no kernel; given
# space, it goes on. To be run where mounting is allowed.
check_full_disk() {
	local size status stages=0
	CAPCHECK_CACHE=$work/small/cache
	mkdir "$work/small"
	head -c 60000 /dev/zero | tr '\0' x >"$work/tree/init/large"
	for size in 8 64 112 128 144 160 176 208; do
		mount -t tmpfs -o "size=${size}k" none "$work/small" || return
		"$build" full --source "$work/tree" >"$work/out" 2>&1
		status=$?
		if ((status != 0)); then
			stages=$((stages + 1))
			((status == 2)) || failed "a disk of $size KiB: status $status"
			grep -q "the disk of $work/small/cache/bootable is full" "$work/out" || failed "a disk of $size KiB: not said so"
			[[ ! -e $CAPCHECK_CACHE/bootable/kernels/um/full.kernel ]] || failed "a disk of $size KiB: there is a kernel"
		fi
		mount -o remount,size=16m "$work/small"
		builds 31 full --source "$work/tree"
		umount "$work/small"
	done
	((stages >= 4)) || failed "only $stages disks were full"
}

if [[ ${1-} == --full-disk ]]; then
	work=$2
	check_full_disk
	exit $((failures != 0))
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CAPCHECK_CACHE=$work/cache
make_tree "$work/tree"
check_refusals
check_cache
check_configuration
check_sed
check_options
check_part
check_patches
check_changes
check_errors
make_slow_tools
check_interruption
check_two_at_once
namespaces=-rm
((EUID != 0)) || namespaces=-m
if unshare "$namespaces" true 2>/dev/null; then
	unshare "$namespaces" "$here/boot_test.sh" --full-disk "$work" || failures=$((failures + 1))
else
	echo "no namespaces here: a full disk was not tried"
fi

((failures == 0)) && echo "build_bootable: all as it should be"
exit $((failures != 0))
