#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# What `build` says when it cannot make a kernel, and that it then leaves no file; that every feature and every fault
# applies to every kernel tree that this machine has.
set -uo pipefail

build=$(dirname "${BASH_SOURCE[0]}")/build
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# refuses PATTERN ARGUMENT…: build fails, says so in these words, and makes nothing.
refuses() {
	local pattern=$1
	shift
	if "$build" --output "$work/kernel.so" "$@" >"$work/out" 2>&1; then
		echo "FAILED: build $* succeeded"
		failures=$((failures + 1))
	elif ! grep -qE -- "$pattern" "$work/out"; then
		echo "FAILED: build $* did not say '$pattern': $(cat "$work/out")"
		failures=$((failures + 1))
	fi
	[[ ! -e $work/kernel.so ]] || {
		echo "FAILED: build $* left a file"
		failures=$((failures + 1))
	}
}

refuses 'linux-source-2.4.tar.xz does not exist; on Debian: apt install linux-source-2.4' --name 2.4
refuses "there is no feature 'nope'" --name 6.12+nope
refuses 'comes after userns' --name 6.12+capbset-drop-lowers-userns
refuses "there is no fault 'nope'" --name 6.12 --fault nope
refuses 'does not begin with a kernel version' --name six+userns
refuses 'does not begin with a kernel version' --name 6.12.117
refuses '/nonexistent does not exist' --name 6.12 --source /nonexistent
refuses 'is no kernel tree' --name 6.12 --source "$work"
# A fault in a rule of the proposal, planted in a tree without it: the semantic patch matches nothing.
refuses 'lower-needs-privilege.cocci: nothing in security/commoncap.c matches it' --name 6.12 --fault lower-needs-privilege
refuses 'setns-grants-full.cocci: nothing in kernel/user_namespace.c matches it' --name 6.12 --fault setns-grants-full

# applies NAME [OPTION]…: all semantic patches of that kernel do.
applies() {
	"$build" --check-patches --name "$@" >"$work/out" 2>&1 || {
		echo "FAILED: build --check-patches --name $*: $(cat "$work/out")"
		failures=$((failures + 1))
	}
}

# The kernels that the project builds; every combination of features; every fault with the least and the most of them.
mapfile -t kernels < <(grep '^[0-9]' "$(dirname "$build")/kernels")
mapfile -t others < <("$build" --list-features | awk '$1 != "userns" { print $1 }')
mapfile -t faults < <("$build" --list-faults | awk '{ print $1 }')
for version in $(printf '%s\n' "${kernels[@]%%+*}" | sort -u); do
	if [[ ! -e /usr/src/linux-source-$version.tar.xz ]]; then
		echo "no linux-source-$version here: its patches are not checked"
		continue
	fi
	for name in "${kernels[@]}"; do
		[[ ${name%%+*} != "$version" ]] || applies "$name"
	done
	for ((combination = 0; combination < 1 << ${#others[@]}; combination++)); do
		name=$version+userns
		for ((i = 0; i < ${#others[@]}; i++)); do
			((combination >> i & 1)) && name+=+${others[i]}
		done
		applies "$name"
	done
	for fault in "${faults[@]}"; do
		applies "$version+userns+userfaultfd-cap" --fault "$fault"
		applies "$name" --fault "$fault"
	done
done

# Patches in sed are for kernels that boot: one that nobody could apply does not matter here.
cp -r "$(dirname "$build")" "$work/here"
echo 'nothing' >"$work/here/patches/userns/nothing.sed"
[[ ! -e /usr/src/linux-source-6.12.tar.xz ]] || build=$work/here/build applies 6.12+userns

# The model's faults and the kernel's are the same.
"$build" --list-faults | awk '{ print $1 }' | sort >"$work/kernel"
sed -n 's/.*FaultInfo{Fault::[a-z_]*, "\([a-z-]*\)".*/\1/p' "$(dirname "$build")/../../model/faults.h" | sort >"$work/model"
diff "$work/kernel" "$work/model" || {
	echo "FAILED: fuzz/kernel/faults (<) and model/faults.h (>) differ"
	failures=$((failures + 1))
}

((failures == 0)) && echo "every refusal was as it should be, and every semantic patch applies"
exit $((failures != 0))
