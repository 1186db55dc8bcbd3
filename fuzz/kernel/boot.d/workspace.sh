# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Where a kernel is compiled: its source, patched, and its build directory. There is one for each place that source
# comes from and set of options; kernels that differ in patches, and states of a tree that somebody works in, share it,
# and each compiles what differs.

# shellcheck disable=SC2154,SC2034  # the variables of ../build_bootable and its other parts

workspace=''

image_path() {
	if [[ $arch == um ]]; then echo linux; else echo arch/x86/boot/bzImage; fi
}

boot_make() { # ARGUMENT...
	local architecture=(ARCH=x86_64)
	[[ $arch != um ]] || architecture=(ARCH=um SUBARCH=x86_64)
	exec env -u MAKEFLAGS -u MAKELEVEL LC_ALL=C KBUILD_BUILD_USER=capcheck KBUILD_BUILD_HOST=capcheck \
		KBUILD_BUILD_TIMESTAMP=1970-01-01 make -s -C "$workspace/source" O="$workspace/build" "${architecture[@]}" \
		CC=gcc "$@"
}

# What every kernel of this architecture and with these checks is configured by. Where two files disagree, the later one
# has its way, and the line of the other is left out.
print_options() {
	local check
	{
		cat "$here/boot.config" "$here/$arch.boot.config"
		for check in "${checks[@]}"; do
			cat "$here/boot.d/$check.config"
		done
	} | awk -F '[= ]' '
		/^CONFIG_/ { option[NR] = $1 }
		/^# CONFIG_[A-Z0-9_]+ is not set$/ { option[NR] = $2 }
		{ line[NR] = last[option[NR]] = $0 }
		END { for (i = 1; i <= NR; i++) if (!option[i] || line[i] == last[option[i]]) print line[i] }'
}

# Coverage of the files that the suite is about, not of all: what else a call runs says nothing of capabilities.
coverage_arguments() {
	local path rest
	[[ " ${checks[*]} " == *" kcov "* ]] || return 0
	while read -r path rest; do
		[[ $path && $path != '#'* && " $rest " == *" compares "* ]] || continue
		path=${path##*/}
		echo "KCOV_INSTRUMENT_${path%.c}.o=y"
	done <"$here/linked_files"
}

# Nothing of what the source and the patches say: where that changes, only what depends on it is compiled again.
workspace_key() {
	{
		echo "$source|$arch|$(gcc -dumpfullversion)|$(coverage_arguments)"
		print_options
		declare -f boot_make
	} | hash_stdin
}

# Semantic patches that every kernel of an architecture gets, in repairs/ARCHITECTURE: they repair drivers, nothing that
# is tested. They come before the features, so that a fault remains the last.
add_repairs() {
	local repairs=()
	[[ ! -d $here/boot.d/repairs/$arch ]] || repairs=("$here/boot.d/repairs/$arch"/*.cocci)
	patches=("${repairs[@]}" "${patches[@]}")
}

prepare_workspace() {
	prepare_overlay
	workspace=$cache/workspaces/$(workspace_key)
	if [[ ! -e $workspace ]]; then
		mkdir -p "$work/workspace/build"
		watched cp -al "$tree/source" "$work/workspace/source" >"$work/log" 2>&1 ||
			die_with_log "cannot copy the source" "$work/log"
		mv "$work/workspace" "$workspace"
	fi
	touch "$workspace"
	discard_half_written
	bring_source_up_to_date
	configure_workspace
}

# Makes the source that of the tree and the overlay. A file is written only if its text changes, with the present time
# so that make sees it, and never in place, as it may be a hard link to the tree's.
bring_source_up_to_date() {
	local path from
	list_differences >"$work/differences"
	while read -r path; do
		from=$tree/source/$path
		[[ ! -e $headers/$path ]] || from=$headers/$path
		[[ ! -e $overlay/$path ]] || from=$overlay/$path
		cmp -s "$from" "$workspace/source/$path" && continue
		[[ ${path##*/} != Kconfig* ]] || rm -f "$workspace/options" # to be configured again
		rm -rf "${workspace:?}/source/$path"
		[[ ! -e $from && ! -L $from ]] ||
			{ mkdir -p "$(dirname "$workspace/source/$path")" && cp -R "$from" "$workspace/source/$path"; } \
				>"$work/log" 2>&1 || die_with_log "cannot write $path in $workspace" "$work/log"
	done <"$work/differences"
}

# The paths at which source and tree differ, and those of the overlay.
list_differences() {
	{ LC_ALL=C diff -rq --no-dereference "$tree/source" "$workspace/source" || (($? == 1)); } | sed -nE \
		-e "s,^(Files|Symbolic links|File) $tree/source/(.*) (and|is a .* while file) $workspace/source/.*,\2,p" \
		-e "s,^Only in ($tree|$workspace)/source: (.*),\2,p" \
		-e "s,^Only in ($tree|$workspace)/source/(.*): (.*),\2/\3,p"
	(cd "$overlay" && find . -type f ! -path ./headers -printf '%P\n')
	(cd "$headers" && find . -type f -printf '%P\n')
}

configure_workspace() {
	local options=$workspace/options log=$work/log
	[[ ! -e $workspace/build/.config || ! -e $options ]] || return 0
	progress "configuring"
	print_options >"$work/options"
	KCONFIG_ALLCONFIG=$work/options watched boot_make allnoconfig >"$log" 2>&1 ||
		die_with_log "make allnoconfig failed" "$log"
	check_options "$workspace/build/.config" "$work/options"
	mv "$work/options" "$options"
}

check_options() { # CONFIG OPTIONS
	local check file advice=''
	[[ $arch != um ]] || advice="; user-mode Linux of this version may not have it: try --arch x86_64"
	for check in "${checks[@]}"; do
		check_config "$1" "$here/boot.d/$check.config" "--$check" "$advice"
	done
	for file in boot.config "$arch.boot.config"; do
		check_config "$1" <(grep -xFf "$2" "$here/$file") "$file"
	done
}

compile_workspace() { # TARGET LABEL
	local log=$work/log arguments
	mapfile -t arguments < <(coverage_arguments)
	progress "compiling $2"
	touch "$workspace/compiling" || die "cannot write to $workspace$(disk_state)"
	watched boot_make -j"${CAPCHECK_JOBS:-$(nproc)}" "${arguments[@]}" "$1" >"$log" 2>&1 ||
		die_with_errors "$2 does not compile" "$log"
	rm "$workspace/compiling"
}

# Compiles a directory, and what all of the kernel waits for, such as headers that are made.
compile_part() { # DIRECTORY
	local made=$workspace/build/$1
	[[ -e $workspace/source/$1/Makefile || -e $workspace/source/$1/Kbuild ]] ||
		die "--only: $1 is no directory of $source that has a Makefile"
	compile_workspace "$1/" "$1 of $kernel_name"
	[[ $(find "$made" -name '*.o' -print -quit 2>/dev/null) ]] ||
		die "--only: with these options, a kernel has nothing of $1"
	echo "$1 of $kernel_name compiles: $made"
}

# After a build that did not come to its end, what was written last may be half of a file: of those killed along with
# their make, or where the disk was full. It is made again.
discard_half_written() {
	local last
	[[ -e $workspace/compiling ]] || return 0
	last=$(find "$workspace/build" -type f -printf '%T@\n' | sort -n | tail -n 1)
	[[ ! $last ]] || find "$workspace/build" -type f -newermt "@$((${last%.*} - 3))" ! -name '.config*' -delete
	rm "$workspace/compiling"
}

# Of a compiler's log, what it calls errors, and where the code is; else its end.
die_with_errors() { # MESSAGE LOG
	local lines=$work/errors
	grep -E -A 3 '(^|[^a-z])(fatal )?error: |undefined reference to|No rule to make target|No space left' "$2" |
		sed -E "s,$workspace/(source|build)/,,g; s,^(\.\./)+source/,,; /^make.* Error [0-9]+$/d; /^make.*Waiting for/d; /^--$/d; /: In function /d; /: At top level:/d" | head -n 20 >"$lines" || true
	[[ -s $lines ]] || tail -n 15 "$2" >"$lines"
	die_with_log "$1" "$lines"
}

# What no build has asked for in a month.
forget_old_workspaces() {
	find "$cache"/{trees,workspaces,overlays,headers,images} -mindepth 1 -maxdepth 1 -mtime +30 -exec rm -rf {} +
}
