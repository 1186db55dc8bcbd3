# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Compiles the kernel's files and the glue. An object's key is made of its text, its flags and the patched headers.

# shellcheck disable=SC2154,SC2034  # the variables of ../build and its other parts
# shellcheck disable=SC2054  # commas belong to the compiler's options

objects=() # what is to be linked
precompiled=''

# Beside the tree's own flags, for kernel files and glue alike.
extra_flags=(-fPIC -fvisibility=hidden -ffunction-sections -fdata-sections -gline-tables-only)

# Left out of the undefined-behaviour checks, because kernel code does it by design:
#   alignment   casts to a stricter alignment; x86 reads and writes them
#   null        the address of a member of a user pointer, taken before the access checks the pointer
sanitize_flags=(-fsanitize=address,undefined -fno-sanitize=alignment,null -fno-sanitize-recover=all
	-fno-omit-frame-pointer)

# Kernel files only: the glue is not what a fuzzer is to explore. What -fsanitize=fuzzer-no-link would add beside the
# counters, calls at every comparison, makes a program more than twice as slow, so only the files that linked_files
# marks have them.
counter_flags=(-fsanitize-coverage=inline-8bit-counters,pc-table)
compare_flags=(-fsanitize-coverage=inline-8bit-counters,pc-table,trace-cmp)

glue_flags=(-Wno-null-pointer-arithmetic)

declare -A tree_flags=() wishes=() # of a path of linked_files

compile_objects() {
	local path paths=() todo
	((sanitize)) && extra_flags+=("${sanitize_flags[@]}")
	if grep -qs cap_userns "$headers/include/linux/cred.h" "$tree/source/include/linux/cred.h"; then
		glue_flags+=(-DCAPCHECK_HAS_USERNS_SET)
	fi
	name_flag="-DCAPCHECK_KERNEL_NAME=\\\"$name\\\"" # as the compiler reads it from a file
	harness_key=$({
		cd "$here" && find include harness_abi.h glue -name '*.h' -print0 | sort -z | xargs -0 cat
		cat "$here/build.d/objects.sh"
	} | hash_stdin)
	read_lists
	for path in "${linked[@]}" "${glue_files[@]}"; do
		[[ $path != glue/* && ! -e $tree/source/$path ]] || paths+=("$path")
	done
	plan_objects "${paths[@]}"
	# The largest first: then no long one is left alone at the end.
	mapfile -t todo < <(sort -rn "$work/todo" | cut -f 2-)
	((${#todo[@]} > 0)) || return 0
	progress "compiling ${#todo[@]} files"
	[[ -e $precompiled ]] || precompile
	in_parallel compile_object "${todo[@]}" || die "a file does not compile"
}

read_lists() {
	local path rest
	while IFS=$'\t' read -r path rest; do
		tree_flags[$path]=$rest
	done <"$flags_file"
	linked=() glue_files=()
	while read -r path rest; do
		[[ $path && $path != '#'* ]] || continue
		linked+=("$path")
		wishes[$path]=$rest
	done <"$here/linked_files"
	for path in "$here"/glue/*.c; do
		glue_files+=("glue/${path##*/}")
	done
}

# Sets `flags` to those of a file, with the places of the tree, the build directory and the patched headers filled in.
# The glue is compiled as a file of kernel/ would be.
set_flags() {
	local path=$1
	if [[ $path == glue/* ]]; then
		flags="${tree_flags[kernel/cred.c]} -I$here ${extra_flags[*]} ${glue_flags[*]}"
		[[ $path != glue/entry.c ]] || flags+=" $name_flag"
	else
		flags="${tree_flags[$path]} ${extra_flags[*]} -w"
		if ((coverage)) && [[ " ${wishes[$path]} " == *" compares "* ]]; then
			flags+=" ${compare_flags[*]}"
		elif ((coverage)); then
			flags+=" ${counter_flags[*]}"
		fi
	fi
	flags=${flags/-nostdinc/-nostdinc -I$here/include -I$headers/include}
	# Just before the tree's: <linux/NAME.h> may be a header of include/ that includes <uapi/linux/NAME.h>.
	flags=${flags/-I@SOURCE@\/include\/uapi/-I$headers/include/uapi -I@SOURCE@/include/uapi}
	flags=${flags//@SOURCE@/$tree/source}
	flags=${flags//@BUILD@/$tree/build}
	flags+=" -fmacro-prefix-map=$overlay/= -fmacro-prefix-map=$headers/="
	flags+=" -include $here/include/capcheck_preamble.h"
}

# Reading the common headers takes most of the time of compiling a file, so it is done once. Not for lib/, whose files
# are small and have flags of their own. What is compiled is the same to the last instruction.
is_precompiled() {
	[[ $1 != lib/* ]]
}

plan_precompiled() {
	local flags without_name='s/ -D(KBUILD_[A-Z]*|__KBUILD_[A-Z]*)=[^ ]*//g'
	coverage=0 set_flags kernel/cred.c
	flags=${flags/ -fmacro-prefix-map=$overlay\/=/}
	sed -E "$without_name" <<<"$flags" >"$work/pch.flags"
	precompiled=$cache/objects/$({ echo "$harness_key" && cat "$work/pch.flags"; } | hash_stdin).pch
	touch -c "$precompiled"
}

# Sets `of_headers` to what stands for the patched headers that a file reads, as far as an earlier compilation has told
# which those are.
set_headers_key() {
	local name known
	of_headers=$headers
	[[ -e $tree/dependencies/${1//\//,} ]] && ! is_precompiled "$1" || return 0
	of_headers=''
	known=$'\n'$(<"$tree/dependencies/${1//\//,}")$'\n'
	for name in "${!header_sums[@]}"; do
		[[ $known != *$'\n'$name$'\n'* ]] || of_headers+="$name ${header_sums[$name]} "
	done
}

# Fills `objects`, and a line of $work/todo for each that is not in the cache yet. Keys are made in bulk, because
# starting processes would take longer than all else here.
plan_objects() {
	local path text flags of_headers sum name index=0 texts=() plain
	declare -A header_sums=()
	plan_precompiled
	while read -r sum name; do
		header_sums[${name#./}]=$sum
	done < <(cd "$headers" && find . -type f -print0 | sort -z | xargs -0r sha256sum)
	mkdir "$work/keys"
	for path; do
		text=$tree/source/$path
		if [[ $path == glue/* ]]; then text=$here/$path; fi
		if [[ -e $overlay/$path ]]; then text=$overlay/$path; fi
		texts+=("$text")
		set_flags "$path"
		set_headers_key "$path"
		plain=${flags//$overlay/}
		echo "$harness_key|${plain//$headers/}|${wishes[$path]:-}|$of_headers" >"$work/keys/$((1000 + index))"
		index=$((index + 1))
	done
	index=0
	while read -r sum name; do
		echo "$sum" >>"$work/keys/$((1000 + index))"
		index=$((index + 1))
	done < <(sha256sum "${texts[@]}")
	local paths=("$@") sizes
	mapfile -t sizes < <(stat -c %s "${texts[@]}")
	: >"$work/todo"
	index=0
	while read -r sum name; do
		sum=${sum:0:32}
		objects+=("$cache/objects/$sum.o")
		if [[ ! -e $cache/objects/$sum.o ]]; then
			set_flags "${paths[index]}"
			echo "$flags" >"$work/$sum.flags"
			printf '%s\t%s\t%s\t%s\n' "${sizes[index]}" "$sum" "${paths[index]}" "${texts[index]}" >>"$work/todo"
		fi
		index=$((index + 1))
	done < <(sha256sum "$work"/keys/*)
	touch -c "${objects[@]}"
}

# Without times: what the headers hold is part of the key, and a tree that is extracted anew holds the same.
precompile() {
	"clang$llvm" "@$work/pch.flags" -Xclang -fno-pch-timestamp -x c-header -o "$work/pch" \
		"$here/include/capcheck_common.h" >"$work/log" 2>&1 ||
		die_with_log "the common headers do not compile" "$work/log"
	mv "$work/pch" "$precompiled"
}

compile_object() {
	local key path text object options
	IFS=$'\t' read -r key path text <<<"$1"
	object=$work/$key.o
	if is_precompiled "$path"; then
		options=(-include-pch "$precompiled")
	else
		options=(-MD -MF "$work/$key.d")
	fi
	"clang$llvm" "${options[@]}" "@$work/$key.flags" -c -o "$object" "$text" >"$work/$key.log" 2>&1 ||
		die_with_log "$path does not compile" "$work/$key.log"
	[[ $path != glue/* ]] || cat "$work/$key.log" >&2
	change_symbols "$path" "$object"
	if [[ -e $work/$key.d ]]; then
		grep -oE 'include/(linux|uapi)/[^ ]*' "$work/$key.d" | sort -u >"$work/$key.headers" || true
		mkdir -p "$tree/dependencies"
		mv "$work/$key.headers" "$tree/dependencies/${path//\//,}"
	fi
	mv "$object" "$cache/objects/$key.o"
}

change_symbols() { # PATH OBJECT
	local path=$1 object=$2 wish symbol symbols options=()
	symbols=$("llvm-nm$llvm" --format=just-symbols "$object")
	for wish in ${wishes[$path]:-}; do
		symbol=${wish#*:}
		if [[ $symbol == *\? ]]; then
			wish=${wish%\?} symbol=${symbol%\?}
			grep -qxF "$symbol" <<<"$symbols" || continue
		fi
		case $wish in
		reveal:*) options+=("--globalize-symbol=$symbol" "--set-symbol-visibility=$symbol=hidden") ;;
		replace:*) options+=("--weaken-symbol=$symbol") ;;
		optional | compares) continue ;;
		*) die "linked_files: '$wish' of $path means nothing" ;;
		esac
		grep -qxF "$symbol" <<<"$symbols" ||
			die "$path has no $symbol, which linked_files wants (${wish%%:*}); see what this tree has in its place"
	done
	((${#options[@]} == 0)) || "llvm-objcopy$llvm" "${options[@]}" "$object"
}
