# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# The kernels that are there: an image each, and a record of lines "FIELD: VALUE" that fuzz/guest reads. A build that
# has not come to its end has a file NAME.unfinished instead.

# shellcheck disable=SC2154  # the variables of ../build_bootable and its other parts

# Everything that a kernel depends on.
image_key() {
	{
		echo "$name|$fault|$arch|${checks[*]}|$(source_identity)|$(gcc -dumpfullversion)|${tree_parts[*]}"
		((${#user_patches[@]} == 0)) || cat "${user_patches[@]}"
		print_options
		coverage_arguments
		declare -f boot_make
		((${#patches[@]} == 0)) || cat "${patches[@]}"
	} | hash_stdin
}

note_unfinished() {
	echo "$name" >"$cache/kernels/$arch/$kernel_name.unfinished" ||
		die "cannot write to the cache directory $cache$(disk_state)"
}

install_image() { # KEY
	local image
	image=$workspace/build/$(image_path)
	[[ -s $image ]] || die "the build ended well, but made no $(image_path)"
	local copy=(cp "$image" "$work/image")
	[[ $arch != um ]] || copy=(strip --strip-debug -o "$work/image" "$image") # x86's bzImage is no ELF file
	"${copy[@]}" >"$work/log" 2>&1 || die_with_log "cannot copy the kernel" "$work/log"
	echo "$(boot_make kernelrelease)|${workspace##*/}" >"$work/image.facts"
	mv "$work/image.facts" "$cache/images/$1.facts"
	mv "$work/image" "$cache/images/$1"
}

print_record() { # KEY
	local facts
	IFS='|' read -r -a facts <"$cache/images/$1.facts"
	echo "profile: $name"
	echo "release: ${facts[0]}"
	echo "fault: $fault"
	echo "options: ${checks[*]}"
	echo "patches: ${user_patches[*]##*/}"
	echo "source: $source"
	echo "tree: $tree_key"
	echo "image: $1"
	echo "workspace: ${facts[1]}"
}

write_record() { # KEY
	local record=$cache/kernels/$arch/$kernel_name.kernel
	print_record "$1" >"$work/record"
	mv "$work/record" "$record" || die "cannot write $record"
	note_use "$1"
}

# Whether there is nothing to do, which is found out without waiting for a build of another kernel.
is_on_record() { # KEY
	local record=$cache/kernels/$arch/$kernel_name.kernel
	[[ -e $cache/images/$1 && -e $record && $(print_record "$1") == "$(cat "$record")" ]]
}

# What is in use is not forgotten.
note_use() { # KEY
	rm -f "$cache/kernels/$arch/$kernel_name.unfinished"
	touch -c "$cache/trees/$tree_key" "$cache/workspaces/$(cut -d '|' -f 2 "$cache/images/$1.facts")" "$cache/images/$1" "$cache/images/$1.facts"
}
