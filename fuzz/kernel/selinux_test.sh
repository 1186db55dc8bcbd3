#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# SELinux has a permission for every capability, in a list that the kernel's own #error guards. A tree that gets
# CAP_USERFAULTFD but not the list does not compile; with the feature userfaultfd-cap it does, and the permission has
# the capability's bit. Only SELinux's directory is compiled for this.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$here/build_bootable
# shellcheck source-path=SCRIPTDIR source=test_failures.sh
source "$here/test_failures.sh"

# compile DIRECTORY NAME ARGUMENT…: what the build says is then in $work/out.
compile() {
	"$build" "$2" --selinux --only "$1" "${@:3}" >"$work/out" 2>&1
}

# Where kernels of this version are compiled, which has Debian's source then. lib/math is small.
workspace_of() { # VERSION
	compile lib/math "$1" && sed -n 's,^lib/math of .* compiles: \(.*\)/build/lib/math$,\1,p' "$work/out"
}

# The capability alone.
write_patch() { # SOURCE
	local header=include/uapi/linux/capability.h
	sed '/^#define CAP_LAST_CAP/ { i #define CAP_USERFAULTFD 41
		s/CAP_[A-Z_]*$/CAP_USERFAULTFD/ }' "$1/$header" | diff -u --label "a/$header" --label "b/$header" "$1/$header" -
}

check_version() { # VERSION
	local version=$1 workspace permissions
	workspace=$(workspace_of "$version") && [[ -d $workspace ]] || {
		failed "$version: lib/math does not compile"
		return
	}
	permissions=$workspace/build/security/selinux/av_permissions.h
	rm -f "$permissions" "${permissions%/*}/flask.h" # no earlier run's
	write_patch "$workspace/source" >"$work/capability.patch"
	check_old_list "$version"
	check_extended_list "$version"
}

check_old_list() { # VERSION
	local status=0 words='New capability defined, please update COMMON_CAP2_PERMS'
	compile security/selinux "$1" --patch "$work/capability.patch" || status=$?
	((status == 2)) || failed "$1 with a capability that SELinux does not know: status $status"
	grep -q "^security/selinux/include/classmap\.h:.* error: #error $words" "$work/out" ||
		failed "$1 with a capability that SELinux does not know: not said so"
	[[ ! -e $permissions ]] || failed "$1 with a capability that SELinux does not know: there are permissions"
}

# Bit 9 of the second word of capabilities, as 41 = 32 + 9, in the initial namespace's class and the others'.
check_extended_list() { # VERSION
	local class
	compile security/selinux "$1+userfaultfd-cap" || {
		failed "$1+userfaultfd-cap does not compile"
		return
	}
	for class in CAPABILITY2 CAP2_USERNS; do
		grep "^#define ${class}__" "$permissions" >"$work/out"
		grep -qE '__USERFAULTFD +0x00000200U$' "$work/out" || failed "$1+userfaultfd-cap: not bit 9 of $class"
		(($(wc -l <"$work/out") == 10)) || failed "$1+userfaultfd-cap: not 10 permissions in $class"
	done
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for version in 6.1 6.12; do
	check_version "$version"
done

((failures == 0)) && echo "SELinux's permissions: all as they should be"
exit $((failures != 0))
