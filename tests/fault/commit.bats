#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
#
# A commit, interfered with at each of its system calls in turn: see faults.py.

load ../helpers

teardown() {
	scratch_done
}

interfered() { # HOW
	run /usr/bin/python3 "$BATS_TEST_DIRNAME/faults.py" "$CLOCHE" "$GUEST_DIR/at_call" "$1"
	[ "$status" = 0 ] || tell "not before, and not after"
	echo "$output"
	[[ $output =~ ([0-9]+)\ calls && ${BASH_REMATCH[1]} -gt 300 ]] || tell "too few calls"
}

@test "killed before each call" {
	interfered before
}

@test "killed after each call" {
	interfered after
}

@test "the disk full at each call" {
	interfered ENOSPC
}

@test "an I/O error at each call" {
	interfered EIO
}
