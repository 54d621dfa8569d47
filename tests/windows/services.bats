#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
#
# Windows's service manager in a box, and programs that need it.
load '../helpers'
load 'windows'

@test "a service is created, started, answers, is stopped and deleted" {
	service() {
		box --windows services -- "${PROBE/probe/service}" use Probe
		succeeds
		prints $'created\nstarted\nit says: from the service\nstopped\ndeleted'
	}
	both service
}

@test "a light box has no service manager" {
	box -- "$GUEST_DIR/w_service64.exe" manager
	fails_with 1
	says "the service manager failed"
	box --windows services -- "$GUEST_DIR/w_service64.exe" manager
	succeeds
	prints ""
}

@test "a policy says what runs beside the program" {
	echo 'extends "default"
windows { mode = "services" }' >policy.lua
	box -p ./policy.lua -- "$GUEST_DIR/w_service64.exe" manager
	succeeds
	cloche explain -p ./policy.lua
	says "  mode     services"
	box -p ./policy.lua --windows light -- "$GUEST_DIR/w_service64.exe" manager
	fails_with 1
}

@test "a service that still runs ends with the box, and stays in a kept box's registry" {
	box -b "$BOX" --windows services -- "$GUEST_DIR/w_service64.exe" leave "$BOX"
	succeeds
	says "it says: from the service"
	nothing_runs "serve $BOX"
	cloche diff "$BOX"
	says "A HKLM\\System\\CurrentControlSet\\Services\\$BOX"
	says_not 'HKLM\Hardware'
	box -b "$BOX" --windows services -- sc.exe query "$BOX"
	succeeds
	says "STOPPED"
}

@test "a service ends with a box that is killed" {
	mkfifo in
	"$CLOCHE" run --windows services --read "$GUEST_DIR:G:" -- cmd.exe /c \
		"g:\\w_service64.exe leave $BOX & g:\\w_probe64.exe cat" <in >out 3>&- &
	exec 7>in
	eventually 60 grep -q 'it says' out
	pgrep --full "serve $BOX" >/dev/null
	kill -KILL $!
	wait $! || true
	exec 7>&-
	nothing_runs "serve $BOX"
}

@test "with services, too, the host's names are nowhere, and hidden files stay hidden" {
	canary
	box --windows services -- cmd.exe /c 'set & reg query HKLM\System\CurrentControlSet\Control\ComputerName /s'
	succeeds
	says BOX
	says_not "$(uname -n)"
	says_not "$HOME"
	box --windows services -- "$GUEST_DIR/w_escape64.exe" files "$CANARY_FILE"
	succeeds
	says_not BROKEN
	canary_intact
}
