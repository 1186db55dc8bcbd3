# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Semantic patches. They change copies, in a directory that mirrors the tree and comes before it in the include path.

# shellcheck disable=SC2154,SC2034  # the variables of ../build and its other parts

overlay='' # the patched C files
headers='' # the patched headers; variants that patch them alike share one directory

patch_target() {
	sed -n '3s,^// File: ,,p' "$1"
}

# The text that a semantic patch wants to see in its file, if it says so: then it is for such trees only.
patch_condition() {
	sed -n '4s,^// Only where: ,,p' "$1"
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
	(($# == 0)) || progress "applying $# semantic patches"
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
	local overlay=$1 patch=$2 target file log=$work/spatch
	local label=${patch#"$here"/} text condition
	target=$(patch_target "$patch")
	[[ $target ]] || die "$label: its third line is not '// File: PATH'"
	[[ $target != *.h || $target == include/* ]] || die "$label: only headers of include/ can be patched"
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
	watched spatch --sp-file "$patch" --very-quiet --no-includes --no-show-diff --in-place "$file" >"$log" 2>&1 ||
		die_with_log "$label: spatch failed on $target" "$log"
	cmp -s "$file" "$work/before" || return 0
	cat "$log" >&2
	die "$label: nothing in $target matches it. This tree's code differs from what the semantic patch expects:" \
		"compare the two ($tree/source/$target), and widen the semantic patch or leave it out. A fault may also need" \
		"a feature in --name"
}
