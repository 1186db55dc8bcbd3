# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Semantic patches, and sed scripts for what Coccinelle does not parse. They change copies, in a directory that mirrors
# the tree and comes before it in the include path.

# shellcheck disable=SC2154,SC2034  # the variables of ../build and its other parts

overlay='' # the patched C files
headers='' # the patched headers; variants that patch them alike share one directory

patch_target() {
	sed -nE '3s,^(//|#) File: ,,p' "$1"
}

# The text that a patch wants to see in its file, if it says so: then it is for such trees only.
patch_condition() {
	sed -nE '4s,^(//|#) Only where: ,,p' "$1"
}

# A fault's overlay is made from that of its kernel without the fault: applying a feature takes longer than all else
# that is new in such a kernel.
prepare_overlay() {
	local features=${#patches[@]}
	[[ ! $fault ]] || features=$((features - 1))
	overlay=''
	use_overlay "$features"
	[[ ! $fault ]] || use_overlay ${#patches[@]}
	headers=$cache/headers/$(cat "$overlay/headers")
	touch "$overlay" "$headers"
}

# Makes `overlay` that of the first so many patches, starting from what it is now.
use_overlay() { # COUNT
	local key applied=("${patches[@]:0:$1}")
	key=$({
		echo "$tree_key"
		((${#applied[@]} == 0)) || cat "${applied[@]}"
		cat "$here/build.d/overlay.sh"
	} | hash_stdin)
	[[ -e $cache/overlays/$key && -e $cache/headers/$(cat "$cache/overlays/$key/headers") ]] ||
		make_overlay "$cache/overlays/$key" "${applied[@]}"
	overlay=$cache/overlays/$key
}

make_overlay() { # RESULT PATCH...
	local result=$1 new=$work/overlay patch key
	shift
	mkdir -p "$new/include"
	if [[ $overlay ]]; then
		cp -r "$overlay/." "$cache/headers/$(cat "$overlay/headers")/." "$new"
		shift $(($# - 1))
	fi
	(($# == 0)) || progress "applying $# patches"
	for patch; do
		apply_patch "$new" "$patch"
	done
	rm -rf "$work/headers" "$result"
	mkdir -p "$work/headers"
	mv "$new/include" "$work/headers/include"
	key=$({
		echo "$tree_key"
		cd "$work/headers" && find . -type f -print0 | sort -z | xargs -0r sha256sum
	} | hash_stdin)
	[[ -e $cache/headers/$key ]] || mv "$work/headers" "$cache/headers/$key"
	echo "$key" >"$new/headers"
	mv "$new" "$result"
}

apply_patch() { # OVERLAY PATCH
	local overlay=$1 patch=$2 target file
	local label=${patch#"$here"/} text condition
	target=$(patch_target "$patch")
	[[ $target ]] || die "$label: its third line is not '// File: PATH', or '# File: PATH' in sed"
	# A semantic patch is for kernels of both kinds, and the include path finds no other headers in an overlay.
	[[ $target != *.h || $target == include/* || $patch == *.sed ]] ||
		die "$label: only headers of include/ can be patched, but by sed"
	file=$overlay/$target text=$file
	[[ -e $file ]] || text=$tree/source/$target
	[[ -e $text ]] || die "$label: the tree has no $target"
	condition=$(patch_condition "$patch")
	[[ ! $condition ]] || grep -qF -- "$condition" "$text" || return 0
	if [[ $text != "$file" ]]; then
		mkdir -p "$(dirname "$file")"
		cp "$text" "$file"
	fi
	cp "$file" "$work/before"
	if [[ $patch == *.sed ]]; then
		apply_sed_script "$patch" "$file" "$label" "$target"
	else
		apply_semantic_patch "$patch" "$file" "$label" "$target"
	fi
	! cmp -s "$file" "$work/before" || die_unmatched "$label" "$target"
}

apply_semantic_patch() { # PATCH FILE LABEL TARGET
	local log=$work/spatch
	watched spatch --sp-file "$1" --very-quiet --no-includes --no-show-diff --in-place "$2" >"$log" 2>&1 ||
		die_with_log "$3: spatch failed on $4" "$log"
	! cmp -s "$2" "$work/before" || cat "$log" >&2
}

# Each line of a script is a command of its own, and has to change something: no script applies by half.
apply_sed_script() { # SCRIPT FILE LABEL TARGET
	local command number=0 log=$work/log
	while IFS= read -r command || [[ $command ]]; do
		number=$((number + 1))
		[[ $command && $command != '#'* ]] || continue
		sed --sandbox -e "$command" "$2" >"$work/after" 2>"$log" ||
			die_with_log "$3, line $number: sed failed on $4" "$log"
		! cmp -s "$2" "$work/after" || die_unmatched "$3, line $number" "$4"
		mv "$work/after" "$2"
	done <"$1"
}

die_unmatched() { # LABEL TARGET
	die "$1: nothing in $2 matches it. This tree's code differs from what the patch expects: compare the two" \
		"($tree/source/$2), and widen the patch or leave it out. A fault may also need a feature in --name"
}
