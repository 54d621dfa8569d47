#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
#
# Attacks on sockets, networks and other things that programs meet at.

load ../helpers
load escape

teardown() {
	escape_teardown
}

@test "the host's network is out of reach" {
	CANARY_HOST_ADDRESS=$(ip -4 -o addr show scope global 2>/dev/null | awk '{sub("/.*", "", $4); print $4; exit}')
	hostile e_network
}

@test "without a network there is none either" {
	hostile e_network --net none
}

@test "the host's sockets are out of reach" {
	hostile e_sockets
}

@test "the host's sockets are out of reach with the host's network, too" {
	need_kernel 6.12
	hostile e_sockets --net host -- seen
}

# The directory hidden/ is handed in through write/handing to one guest; OPTION... is the box's.
handed_in() {
	local program
	outside
	for program in $(abis e_handed); do
		"$program" walled || skip "this kernel has no Landlock (2 or newer), the wall behind the mounts"
		"$program" serve "$PWD/write/handing" "$PWD/hidden" </dev/null 3>&- &
		eventually 10 test -S write/handing
		box --read "$GUEST_DIR" --hide "$PWD/hidden" --write "$PWD/write" \
			--env CANARY_HANDED="$PWD/write/handing" "$@" -- "$program"
		refused_all
		wait "$!"
		rm write/handing
	done
	outside_intact
}

@test "a directory that is handed in leads nowhere" {
	handed_in
}

@test "a directory that is handed in leads nowhere, nor does what the monitor opens for a guest" {
	handed_in -p "$BATS_TEST_DIRNAME/hooks-names.lua"
}

@test "a directory that is handed in leads nowhere, nor do calls that are made again" {
	handed_in -p "$BATS_TEST_DIRNAME/hooks.lua"
}

@test "System V objects, queues and keys of the host are out of reach" {
	hostile e_ipc
}

@test "two boxes of one user do not meet" {
	local listen call listener
	outside
	for listen in $(abis e_two_boxes); do
		for call in $(abis e_two_boxes); do
			"$CLOCHE" run --read "$GUEST_DIR" -- "$listen" listen >heard 2>&1 </dev/null 3>&- &
			listener=$!
			eventually 10 grep -q listening heard || {
				cat heard
				return 1
			}
			box --read "$GUEST_DIR" -- "$call" call
			refused_all
			wait "$listener" || {
				cat heard
				return 1
			}
		done
	done
}
