# SPDX-License-Identifier: GPL-2.0-only
# What the scripts share. Sourced, not run.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Ninja takes care of parallel steps; a kernel's configuration and the largest templates need about 1 GiB each.
jobs=$(nproc)

# One line of progress: what is being done now.
say() { printf '== %s\n' "$*" >&2; }

die() {
	printf 'error: %s\n' "$*" >&2
	exit 2
}

packages() { sed -E 's/[[:space:]]*#.*//; /^$/d' "$root/scripts/packages"; }

# The packages of the list that dpkg does not have.
missing_packages() {
	local package
	for package in $(packages); do
		[[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || printf '%s\n' "$package"
	done
}

# Installs what is missing: on Debian as root by apt-get, otherwise by telling what to do.
install_packages() {
	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		say "not a Debian system: these packages, or what your distribution calls them, must be there:"
		packages | paste -sd' ' >&2
		return
	fi
	local missing
	missing=$(missing_packages | paste -sd' ')
	[[ $missing ]] || return 0
	say "packages to install: $missing"
	local command="apt-get install -y --no-install-recommends $missing"
	((EUID == 0)) || die "not root; run this first: sudo $command"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q >&2 || die "apt-get update failed; see above"
	# shellcheck disable=SC2086 # a list of words
	apt-get install -q -y --no-install-recommends $missing >&2 || die "could not install: $missing; see above"
}

# Configures and builds a preset. Arguments after the preset are targets.
build() {
	local preset=$1
	shift
	command -v clang++-19 >/dev/null || die "clang++-19 is missing; install the packages in scripts/packages"
	cd "$root" || die "cannot enter $root"
	if [[ ! -f .build/$preset/build.ninja ]]; then
		say "configuring ($preset)"
		mkdir -p .build
		local log=.build/configure-$preset.log
		cmake --preset "$preset" >"$log" 2>&1 || {
			cat "$log" >&2
			die "cmake could not configure; see above"
		}
	fi
	say "building ($preset)${*:+: $*}"
	local targets=()
	(($# == 0)) || targets=(--target "$@")
	cmake --build --preset "$preset" -j "$jobs" "${targets[@]}" >&2 || die "the build failed; see above"
}
