#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
#
# Attacks on the guard: calls that it forgot, doors beside it, filters above it.

load ../helpers
load escape

teardown() {
	escape_teardown
}

@test "int 0x80, far jumps and x32 meet the same guard" {
	hostile e_abi
}

@test "no number from 0 to 600 does what it must not" {
	hostile e_numbers
}

@test "calls that act on the machine are refused" {
	hostile e_calls
}

@test "no namespace can be made, entered or walked" {
	hostile e_namespaces
}

@test "nothing can be mounted, moved or unmounted" {
	hostile e_mount
}

@test "a guest's own filters and handlers take nothing away" {
	hostile e_filter
}

@test "a tracer cannot change a call behind the guard" {
	hostile e_ptrace
}

@test "nothing can be typed into a terminal" {
	hostile e_terminal
}

@test "on a terminal: neither it nor its session is the caller's" {
	local program
	need_command script
	outside
	while read -r program; do
		# shellcheck disable=SC2016
		on_tty bash -c 'exec "$0" run --read "$1" \
			--env "CANARY_TTY=$(stat -L -c %d:%i:%r /proc/self/fd/0)" \
			--env "CANARY_PIDNS=$3" -- "$2"' "$CLOCHE" "$GUEST_DIR" "$program" "$CANARY_PIDNS"
		output=${output//$'\r'/}
		refused_all
	done < <(abis e_descriptors; abis e_terminal; abis e_devices)
	outside_intact
}
