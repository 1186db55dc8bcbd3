# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# The kernel source: where it is, the part of it that is needed, and its configuration.

# shellcheck disable=SC2154,SC2034  # the variables of ../build and its other parts

version='' features=() patches=()
tree='' tree_key=''
flags_file='' # the compiler commands of the linked files
patch_kinds=(cocci) # by which of its files a feature is applied; `build_bootable` adds its own

# What Kconfig, `make prepare` and the linked files read.
tree_parts=(arch/um arch/x86 block certs fs include init io_uring ipc kernel lib mm rust scripts security tools/include
	usr virt)

feature_field() { # FEATURE FIELD
	sed -n "s/^$2: //p" "$here/patches/$1/feature"
}

list_features() {
	local directory
	for directory in "$here"/patches/*/; do
		directory=$(basename "$directory")
		printf '%s\t%s\n' "$directory" "$(feature_field "$directory" meaning)"
	done
}

# The meaning of a semantic patch is its first comment line after the licence.
patch_meaning() {
	sed -n '2s,^// ,,p' "$1"
}

list_faults() {
	local file
	for file in "$here"/faults/*.cocci; do
		printf '%s\t%s\n' "$(basename "$file" .cocci)" "$(patch_meaning "$file")"
	done
}

add_patches_of() { # FEATURE
	local kind file
	for kind in "${patch_kinds[@]}"; do
		for file in "$here/patches/$1"/*."$kind"; do
			[[ ! -e $file ]] || patches+=("$file")
		done
	done
}

parse_name() {
	local feature required
	IFS=+ read -r -a features <<<"$name"
	version=${features[0]:-}
	features=("${features[@]:1}")
	[[ $version =~ ^[0-9]+\.[0-9]+$ || ($source && $version =~ ^[0-9]+(\.[0-9]+)+(-rc[0-9]+)?$) ]] ||
		usage_error "--name: '$name' does not begin with a kernel version such as 6.12"
	for feature in "${features[@]}"; do
		[[ $feature && -d $here/patches/$feature ]] ||
			usage_error "--name: there is no feature '$feature' (--list-features)"
		required=$(feature_field "$feature" requires)
		[[ ! $required || +$name+ == *"+$required+"*"$feature+"* ]] ||
			usage_error "--name: the feature $feature comes after $required, as in $version+$required+$feature"
		add_patches_of "$feature"
	done
	if [[ $fault ]]; then
		[[ -e $here/faults/$fault.cocci ]] || usage_error "--fault: there is no fault '$fault' (--list-faults)"
		patches+=("$here/faults/$fault.cocci")
	fi
}

find_source() {
	if [[ $source ]]; then
		[[ -e $source ]] || die "--source: $source does not exist"
		source=$(realpath "$source")
		return
	fi
	source=/usr/src/linux-source-$version.tar.xz
	[[ -e $source ]] || die "$source does not exist; on Debian: apt install linux-source-$version, or name a tree" \
		"or a tarball with --source"
}

# A tarball is what its size and time say; a directory is what those of its files say (of those that are compiled: the
# Kconfig files of drivers have no say in um.config).
source_identity() {
	if [[ -d $source ]]; then
		echo "$source $(cd "$source" && find "${tree_parts[@]}" Makefile Kbuild Kconfig -type f ! -name '.*' ! -name '*.o' \
			-printf '%p %s %T@\n' 2>/dev/null | LC_ALL=C sort | hash_stdin)"
	else
		stat -L -c '%n %s %Y' "$source"
	fi
}

# Lists the wanted part of a source directory, leaving out what a build in that directory has made.
find_tree_files() {
	local part tests=(-false)
	for part in "${tree_parts[@]}"; do
		tests+=(-o -path "./$part" -o -path "./$part/*")
	done
	find . \( -name .git -o -name '.*.cmd' -o -name '*.o' -o -name '*.a' -o -name .config -o -name .config.old \
		-o -path ./include/config -o -path '*/include/generated' \) -prune -o \
		\( "${tests[@]}" -o -name 'Kconfig*' -o -name 'Makefile*' -o -name 'Kbuild*' \) \
		! -type d "$@"
}

copy_directory() {
	(cd "$source" && find_tree_files -print0 | tar -c --null -T - -f -) | tar -x -C "$1"
}

unpack_tarball() {
	local unpack
	case $source in
	*.xz) unpack=(xz -dc "-T$(nproc)") ;;
	*.gz | *.tgz) unpack=(gzip -dc) ;;
	*.bz2) unpack=(bzip2 -dc) ;;
	*.zst) unpack=(zstd -dc) ;;
	*) unpack=(cat) ;;
	esac
	"${unpack[@]}" "$source" | tar -x -C "$1" --strip-components=1 --wildcards --no-wildcards-match-slash \
		"${tree_parts[@]/#/*/}" '*/Makefile' '*/Kbuild' '*/Kconfig' \
		--wildcards-match-slash '*/Kconfig*' '*/Makefile*' '*/Kbuild*'
}

kbuild() { # TREE ARGUMENT...
	local tree=$1
	shift
	env -u MAKEFLAGS -u MAKELEVEL make -s -C "$tree/source" O="$tree/build" ARCH=um SUBARCH=x86_64 "LLVM=$llvm" \
		CLANG_TARGET_FLAGS=x86_64-linux-gnu "$@"
}

# That every line of a file of options took. Who asked for them comes first in the error, what to do last. An option of
# which the file says "# Only in some versions: OPTION" may be unknown to the tree.
check_config() { # CONFIG OPTIONS [WHO] [ADVICE]
	local line option label=${3-${2##*/}} unknown=''
	while read -r line; do
		case $line in
		'# Only in some versions: '*)
			option=${line##*: CONFIG_}
			grep -rqs --include='Kconfig*' "^config $option$" "$tree/source" || unknown+=" CONFIG_$option=y"
			;;
		CONFIG_*)
			[[ " $unknown " == *" $line "* ]] || grep -qxF "$line" "$1" ||
				die "$label: $line did not take in this tree${4-}"
			;;
		'# CONFIG_'*' is not set')
			option=${line#\# }
			! grep -q "^${option%% *}=" "$1" || die "$label: '$line' did not take in this tree${4-}"
			;;
		esac
	done <"$2"
}

linked_paths() {
	sed -E 's/[[:space:]]*#.*//; /^$/d; s/[[:space:]].*//' "$here/linked_files"
}

# The tree's own compiler command of every linked file, one a line: path, tab, flags. The places of the tree and of the
# build directory are written as @SOURCE@ and @BUILD@, so that an object's key does not depend on them.
record_flags() { # RESULT
	local path objects=() log=$work/log
	while read -r path; do
		if [[ -e $tree/source/$path ]]; then
			objects+=("${path%.c}.o")
		elif ! grep -qE "^${path}[[:space:]].*optional" "$here/linked_files"; then
			die "$source has no $path, which linked_files names; mark it optional there if it is not needed"
		fi
	done < <(linked_paths)
	kbuild "$tree" -n V=1 "${objects[@]}" 2>"$log" |
		sed -nE "s,^.*PIPE; clang$llvm (.*) -c -o ([^ ]*)\.o [^ ]*\.c *;.*,\2.c\t\1,p" |
		sed -E -e "s,$tree/source,@SOURCE@,g; s,$tree/build,@BUILD@,g; s,-I\./,-I@BUILD@/,g" \
			-e 's,-Wp\,-MMD\,[^ ]* ,,; s, -mcmodel=[^ ]*,,; s, -mno-(sse2?|mmx|3dnow|avx),,g' \
			-e 's, -fno-PIE,,g; s, -I[a-z][^ ]*,,g' | sort -u >"$work/flags" ||
		die_with_log "cannot read the tree's compiler commands" "$log"
	for path in "${objects[@]/%.o/.c}"; do
		grep -q "^$path	" "$work/flags" || die "the tree's Makefiles tell no compiler command for $path"
	done
	mkdir -p "$tree/flags"
	mv "$work/flags" "$1"
}

prepare_tree() {
	tree_key=$({
		source_identity
		declare -f make_tree extract_tree kbuild find_tree_files unpack_tarball
		echo "${tree_parts[*]}"
		cat "$here/um.config"
	} | hash_stdin)
	tree=$cache/trees/$tree_key
	[[ -e $tree ]] || make_tree
	flags_file=$tree/flags/$({
		declare -f record_flags
		linked_paths
	} | hash_stdin)
	[[ -e $flags_file ]] || record_flags "$flags_file"
}

# The wanted part of the source.
extract_tree() { # DIRECTORY
	local log=$work/log
	mkdir -p "$1"
	progress "extracting $source"
	if [[ -d $source ]]; then
		watched copy_directory "$1" >"$log" 2>&1 || die_with_log "cannot copy $source" "$log"
	else
		watched unpack_tarball "$1" >"$log" 2>&1 || die_with_log "cannot extract $source" "$log"
	fi
	[[ -e $1/Makefile ]] || die "$source is no kernel tree"
}

# A directory that somebody works in gives a new tree at each change; keep one.
keep_tree() { # NEW
	local old
	echo "$source" >"$1/origin"
	for old in "$cache"/trees/*/; do
		[[ $(cat "$old/origin" 2>/dev/null) != "$source" ]] || rm -rf "$old"
	done
	mv "$1" "$tree"
}

make_tree() {
	local new=$work/tree log=$work/log
	mkdir -p "$new/build"
	extract_tree "$new/source"
	progress "configuring"
	KCONFIG_ALLCONFIG=$here/um.config kbuild "$new" allnoconfig >"$log" 2>&1 ||
		die_with_log "make allnoconfig failed" "$log"
	check_config "$new/build/.config" "$here/um.config"
	progress "make prepare"
	kbuild "$new" -j"$(nproc)" prepare >"$log" 2>&1 || die_with_log "make prepare failed" "$log"
	keep_tree "$new"
}
