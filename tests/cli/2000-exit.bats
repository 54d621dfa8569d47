#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The exit status is the program's.

load ../helpers

@test "the status of the program, whatever it is" {
	for status_wanted in 0 1 2 3 42 100 200 255; do
		box -- sh -c "exit $status_wanted"
		fails_with "$status_wanted"
	done
}

@test "128 and the number for a signal" {
	for number in 6 9 10 11 12 14 15; do # No keyboard ones: a caller may ignore those.
		box -- sh -c "kill -$number \$\$"
		fails_with "$((128 + number))"
	done
}

@test "a crash is a signal too" {
	box -- python3 -c 'import ctypes; ctypes.string_at(0)'
	fails_with 139
}

@test "124 when the time is over" {
	box --wall 300ms -- sleep 1000
	fails_with 124
}

@test "125, 126, 127 for ours, not runnable, not there" {
	box --net nonsense -- true
	fails_with 125
	touch plain
	box -- ./plain
	fails_with 126
	box -- ./nothing
	fails_with 127
}

@test "what the program left running ends with it" {
	local mark=cloche-left-$$-$RANDOM
	box -- sh -c "sh -c 'sleep 1000; : $mark' & exit 7"
	fails_with 7
	nothing_runs "$mark"
}

@test "a program that closes everything still ends" {
	box -- sh -c 'exec <&- >&- 2>&-; exit 5'
	fails_with 5
}
