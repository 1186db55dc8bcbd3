# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# For tests of the builds, whose output is in $work/out: what fails is said and counted, and the test goes on.

# shellcheck disable=SC2154  # the test's own directory

failures=0

failed() {
	echo "FAILED: $*"
	sed 's/^/    /' "$work/out" | head -n 30
	failures=$((failures + 1))
}
