# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# The source of a kernel that boots: the tree as it came, and copies of it with the user's own patches.

# shellcheck disable=SC2154,SC2034  # the variables of ../build_bootable and its other parts

find_user_patches() {
	local i
	for i in "${!user_patches[@]}"; do
		[[ -f ${user_patches[i]} && -r ${user_patches[i]} ]] || die "--patch: cannot read ${user_patches[i]}"
		user_patches[i]=$(realpath "${user_patches[i]}")
	done
}

plain_key='' # of the tree as it came; `tree_key` is that of the one that is compiled

find_tree_keys() {
	plain_key=$({
		source_identity
		declare -f extract_tree find_tree_files unpack_tarball
		echo "${tree_parts[*]}"
	} | hash_stdin)
	tree_key=$plain_key
	((${#user_patches[@]} == 0)) || tree_key=$({
		echo "$plain_key"
		declare -f apply_user_patch sorted_mails apply_diff
		cat "${user_patches[@]}"
	} | hash_stdin)
}

prepare_full_tree() {
	tree=$cache/trees/$plain_key
	if [[ ! -e $tree ]]; then
		extract_tree "$work/tree/source"
		keep_tree "$work/tree"
	fi
	touch "$tree"
}

# Makes `tree` a copy with the user's patches applied, in the order given.
prepare_patched_tree() {
	local new=$work/patched patch
	((${#user_patches[@]} > 0)) || return 0
	local plain=$tree
	tree=$cache/trees/$tree_key
	if [[ ! -e $tree ]]; then
		mkdir "$new"
		# Hard links: git apply makes new files and leaves the old ones as they are.
		watched cp -al "$plain/source" "$new/source" >"$work/log" 2>&1 ||
			die_with_log "cannot copy the source" "$work/log"
		for patch in "${user_patches[@]}"; do
			progress "applying $patch"
			apply_user_patch "$new/source" "$patch"
		done
		mv "$new" "$tree"
	fi
	touch "$tree"
}

# A patch, or a mailbox of them: plain, or compressed as mailing list archives have it.
apply_user_patch() { # SOURCE FILE
	local mails=$work/mails text=$work/text mail applied=0
	gzip -cdf <"$2" >"$text" || die "--patch: cannot read $2$(disk_state)"
	if ! grep -qm 1 '^From ' "$text"; then
		apply_diff "$1" "$text" "$2"
		return
	fi
	rm -rf "$mails"
	mkdir "$mails"
	git mailsplit -o"$mails" "$text" >"$work/log" 2>&1 || die_with_log "--patch: $2 is no mailbox" "$work/log"
	while read -r mail; do
		apply_diff "$1" "$mail.diff" "$2: $(cat "$mail.subject")"
		applied=$((applied + 1))
	done < <(sorted_mails "$mails")
	((applied > 0)) || die "--patch: no mail of $2 has a diff"
}

# The mails that have a diff, in the order of their numbers ("[PATCH 2/3]"), which an archive's need not be, each with
# its diff in MAIL.diff and its subject in MAIL.subject. A mail without a diff, such as a cover letter, is passed over,
# and so is an answer, whose diff is a suggestion.
sorted_mails() { # DIRECTORY
	local mail subject number
	for mail in "$1"/*; do
		git mailinfo -k "$mail.message" "$mail.diff" <"$mail" >"$mail.info" 2>/dev/null || continue
		subject=$(sed -n 's/^Subject: //p' "$mail.info")
		[[ $subject != [Rr][Ee]:* ]] && grep -q '^diff \|^--- ' "$mail.diff" || continue
		echo "$subject" >"$mail.subject"
		number=0
		[[ ! $subject =~ ^\[[^]]*[^0-9.]([0-9]+)/[0-9]+[^]]*\] ]] || number=${BASH_REMATCH[1]}
		printf '%d %s\n' "$((10#$number))" "$mail"
	done | sort -s -n -k 1,1 | cut -d ' ' -f 2-
}

# What a patch says of files that are not compiled here, and that the tree therefore lacks, is left out.
apply_diff() { # SOURCE DIFF LABEL
	local path excluded=()
	watched git_apply "$1" --numstat "$2" >"$work/touched" 2>"$work/log" || die_with_log "--patch: $3 is no patch" "$work/log"
	while IFS=$'\t' read -r _ _ path; do
		[[ ! -e $1/$path ]] || continue
		is_tree_part "$path" || excluded+=("--exclude=$path")
	done <"$work/touched"
	((${#excluded[@]} < $(wc -l <"$work/touched"))) ||
		die "--patch: $3 changes nothing that is compiled"
	watched git_apply "$1" --whitespace=nowarn "${excluded[@]}" "$2" >"$work/log" 2>&1 || {
		name_rejected_hunks "$2" <"$work/log" >"$work/rejected"
		die_with_log "--patch: $3 does not apply to $source; rebase it, or name the tree it is for with --source" \
			"$work/rejected"
	}
	((${#excluded[@]} == 0)) || progress "left out, not compiled here: ${excluded[*]#--exclude=}"
}

# Outside any repository: in one, git passes over what is not below the working directory.
git_apply() { # DIRECTORY ARGUMENT...
	(cd "$1" && env -u GIT_DIR -u GIT_WORK_TREE GIT_CEILING_DIRECTORIES="$(dirname "$1")" LC_ALL=C git apply "${@:2}")
}

# Of what git says of a diff that does not apply, which hunks do not, with their text.
name_rejected_hunks() { # DIFF
	local line
	while read -r line; do
		if [[ $line =~ ^error:\ patch\ failed:\ (.*):([0-9]+)$ ]]; then
			echo "${BASH_REMATCH[1]}: this hunk does not apply:"
			print_hunk "$1" "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
		elif [[ $line != *'patch does not apply' ]]; then
			echo "$line"
		fi
	done
}

# The beginning of a file's hunk that starts at a line.
print_hunk() { # DIFF FILE LINE
	awk -v "file=$2" -v "line=$3" '
		/^diff |^-- $/ { inside = shown = 0 }
		/^--- / { inside = $2 == "a/" file; shown = 0 }
		/^\+\+\+ / { inside = inside || $2 == "b/" file }
		/^@@ / { shown = inside && $2 ~ "^-" line "(,|$)" }
		shown && count++ < 15 { print "    " $0 }' "$1"
}

is_tree_part() { # PATH
	local part
	for part in "${tree_parts[@]}"; do
		[[ $1 != "$part" && $1 != "$part"/* ]] || return 0
	done
	[[ $1 != */* || ${1##*/} == Kconfig* || ${1##*/} == Makefile* || ${1##*/} == Kbuild* ]]
}
