# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Semantic patches. They change copies, in a directory that mirrors the tree and comes before it in the include path.

# shellcheck disable=SC2154,SC2034  # the variables of ../build and its other parts

overlay='' # the patched C files
headers='' # the patched headers; variants that patch them alike share one directory

patch_target() {
	sed -n '3s,^// File: ,,p' "$1"
}

prepare_overlay() {
	local key
	key=$({
		echo "$tree_key"
		((${#patches[@]} == 0)) || cat "${patches[@]}"
		cat "$here/build.d/overlay.sh"
	} | hash_stdin)
	overlay=$cache/overlays/$key
	[[ -e $overlay ]] || make_overlay
	headers=$cache/headers/$(cat "$overlay/headers")
	touch "$overlay" "$headers"
}

make_overlay() {
	local new=$work/overlay patch key
	mkdir -p "$new/include"
	((${#patches[@]} == 0)) || progress "applying ${#patches[@]} semantic patches"
	for patch in "${patches[@]}"; do
		apply_patch "$new" "$patch"
	done
	mkdir -p "$work/headers"
	mv "$new/include" "$work/headers/include"
	key=$({
		echo "$tree_key"
		cd "$work/headers" && find . -type f -print0 | sort -z | xargs -0r sha256sum
	} | hash_stdin)
	[[ -e $cache/headers/$key ]] || mv "$work/headers" "$cache/headers/$key"
	echo "$key" >"$new/headers"
	mv "$new" "$overlay"
}

apply_patch() { # OVERLAY PATCH
	local overlay=$1 patch=$2 target file log=$work/spatch
	local label=${patch#"$here"/}
	target=$(patch_target "$patch")
	[[ $target ]] || die "$label: its third line is not '// File: PATH'"
	[[ $target != *.h || $target == include/* ]] || die "$label: only headers of include/ can be patched"
	file=$overlay/$target
	if [[ ! -e $file ]]; then
		[[ -e $tree/source/$target ]] || die "$label: the tree has no $target"
		mkdir -p "$(dirname "$file")"
		cp "$tree/source/$target" "$file"
	fi
	cp "$file" "$work/before"
	spatch --sp-file "$patch" --very-quiet --no-includes --no-show-diff --in-place "$file" >"$log" 2>&1 ||
		die_with_log "$label: spatch failed on $target" "$log"
	cmp -s "$file" "$work/before" || return 0
	cat "$log" >&2
	die "$label: nothing in $target matches it. This tree's code differs from what the semantic patch expects:" \
		"compare the two ($tree/source/$target), and widen the semantic patch or leave it out. A fault may also need" \
		"a feature in --name"
}
