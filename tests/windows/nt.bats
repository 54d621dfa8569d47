#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
#
# Programs that call NT themselves, past ntdll: they get Wine's services, or are refused, and never
# make a call of Linux.
load '../helpers'
load 'windows'

# As a box with Windows VERSION: which NUMBERs are NtClose, NtQuerySystemTime,
# NtAllocateVirtualMemory, NtCreateFile and NtReadFile there.
serves() { # VERSION NUMBER...
	echo "windows { version = '$1' }" >"version-$1.lua"
	box --policy "version-$1.lua" -- "$GUEST_DIR/w_nt64.exe" calls "${@:2}"
	succeeds
	says_not "not ok"
	says "ok: and closed"
}

@test "a direct call gets Wine's service, by the numbers of the box's Windows" {
	box -- "$GUEST_DIR/w_nt64.exe" calls f 5a 18 55 6
	succeeds
	says "ok: and closed"
	serves xp c 57 15 52 3
	serves vista c 57 15 52 3
	serves 7 c 57 15 52 3
	serves 8 d 58 16 53 4
	serves 8.1 e 59 17 54 5
	serves 10 f 5a 18 55 6
	serves 11 f 5a 18 55 6
}

@test "the numbers of another version's Windows mean what they mean in this one" {
	box -- "$GUEST_DIR/w_nt64.exe" calls c 57 15 52 3
	[ "$status" != 0 ] || tell "wanted it wrong"
	says "not ok: a handle is closed"
}

@test "a number that nobody knows is refused, and Linux never sees it" {
	refused() {
		box -- "$GUEST_DIR/w_nt$1.exe" linux
		succeeds
		says_not "not ok"
		says "ok: in another thread"
	}
	refused 64
	refused 32
}

@test "the report and the log of the box name the programs" {
	box --report report.json -- "$GUEST_DIR/w_nt64.exe" linux
	succeeds
	grep -A 5 '"nt_calls"' report.json >calls
	grep -q '"program":".*/w_nt64.exe"' calls
	grep -q '"number":"0xe7"' calls
	grep -q '"known":false' calls
	box --report report.json -- "$GUEST_DIR/w_probe64.exe" exit 0
	run ! grep -q nt_calls report.json
	box --box "$BOX" -- "$GUEST_DIR/w_nt64.exe" calls f 5a 18 55 6
	cloche log --json "$BOX"
	says nt_calls
	says w_nt64.exe
}

@test "the table's numbers of Wine are this Wine's" {
	box -- "$GUEST_DIR/w_nt64.exe" table
	succeeds
	says_not "not ok"
	[ "$(grep -c '^ok' <<<"$output")" -gt 200 ]
}

@test "a program that crashes ends, with its status" {
	crashes() {
		timeout 60 "$CLOCHE" run -- "$GUEST_DIR/w_nt$1.exe" crash </dev/null || status=$?
		[ "$status" = 5 ] || tell "status $status" # the lowest byte of 0xc0000005
	}
	crashes 64
	crashes 32
}
