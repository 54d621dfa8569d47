#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
#
# A Windows program that attacks: w_escape.c says how. What holds it is what holds every guest.
load '../helpers'
load 'windows'

# Everything was tried, and nothing got through.
held() {
	succeeds
	[[ $output =~ tried\ [1-9] ]] || tell "nothing was tried"
	says_not BROKEN
	canary_intact
}

@test "a hidden file has no name in Wine: no drive, no device, no share, no Unix path" {
	canary
	hidden() {
		box -- "$ESCAPE" files "$CANARY_FILE"
		held
	}
	both hidden
}

@test "the same names do lead to a file that is shown" {
	echo shown >shown
	box -- "$GUEST_DIR/w_escape64.exe" files "$PWD/shown"
	fails_with 1
	says 'BROKEN: Z:'
	says 'BROKEN: \\?\Z:'
	says 'BROKEN: \??\Z:'
	says 'BROKEN: \\?\unix'
	says 'BROKEN: a link of Linux'
}

@test "raw calls of Linux, of both ABIs, meet the guard" {
	canary
	raw() {
		box -- "$ESCAPE" calls "$CANARY_FILE" "$CANARY_PID"
		held
	}
	both raw
}

@test "what all boxes share cannot be written, and stays as it is" {
	canary
	touch before
	shared() {
		box -- "$ESCAPE" runtime
		held
		run find "$("$CLOCHE" windows status | tail -n 1)" -newer before ! -name lock
		prints ""
	}
	both shared
	box -- cmd.exe /c ver
	succeeds
}

@test "killing wineserver and all the rest ends the box, and nothing else" {
	canary
	storm() {
		box -- "$ESCAPE" storm
		[ "$status" != 0 ] || tell "wanted it dead"
		says storm
		canary_intact
		nothing_runs "${ESCAPE##*/} storm"
	}
	both storm
}

@test "another box's wineserver is another world" {
	mkfifo in
	"$CLOCHE" run -- "$GUEST_DIR/w_probe64.exe" hold 'Global\mine' <in >out 3>&- &
	exec 7>in
	eventually 20 grep -q held out
	box -- "$GUEST_DIR/w_probe64.exe" seek 'Global\mine'
	prints "not found"
	box -- cmd.exe /c 'dir /b Z:\tmp'
	[ "$(grep -c wine- <<<"$output")" -le 1 ] || tell "more than its own server"
	exec 7>&-
	wait
}

@test "the host's names and drives are nowhere in it" {
	box -- cmd.exe /c 'set'
	succeeds
	says_not "$HOME"
	says_not "$(uname -n)"
	box -- reg.exe query 'HKLM\System\CurrentControlSet\Control\ComputerName' /s
	says BOX
	says_not "$(uname -n)"
	box -- cmd.exe /c 'for %d in (a b d e f g h i j k l m n o p q r s t u v w x y) do @if exist %d:\ echo %d'
	prints ""
}
