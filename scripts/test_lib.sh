# SPDX-License-Identifier: GPL-2.0-only
# What tests in the shell share: what fails is said and counted, and the test goes on. Sourced, not run.
# shellcheck shell=bash

failures=0

fail() {
	echo "FAILED: $1"
	failures=$((failures + 1))
}

# finish SENTENCE: ends the test; says the sentence if nothing failed.
finish() {
	((failures == 0)) && echo "$1"
	exit $((failures != 0))
}
