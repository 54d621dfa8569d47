#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
# alone
#
# A commit, interfered with at each of its system calls in turn: see faults.py. The same again where
# the file system cannot exchange two names. Alone, as cli/7318 is: any other command on boxes of the
# same store goes on with what was cut off.

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

plain_renames() { # HOW
	THROUGH=$GUEST_DIR/plain_renames interfered "$1"
}

@test "names cannot be exchanged: killed before each call" {
	plain_renames before
}

@test "names cannot be exchanged: killed after each call" {
	plain_renames after
}

@test "names cannot be exchanged: the disk full at each call" {
	plain_renames ENOSPC
}

@test "names cannot be exchanged: an I/O error at each call" {
	plain_renames EIO
}
