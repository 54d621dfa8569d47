#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Signals that are sent to cloche reach the program.

load ../helpers

# Starts a box in the background: LAUNCHER is its pid; ready when it said so.
started() {
	rm -f out # Of the start before.
	"$CLOCHE" run -- "$@" </dev/null >out 2>&1 3>&- &
	LAUNCHER=$!
	eventually 10 grep -qs ready out
}

ends_with() { # STATUS
	status=0
	wait "$LAUNCHER" || status=$?
	output=$(cat out) stderr=
	fails_with "$1"
}

@test "a signal ends the program, and the status says which" {
	for name in HUP INT QUIT TERM USR1 USR2 ALRM PROF IO RTMIN+3; do
		: >out
		# bash starts background jobs with INT and QUIT ignored, which stays so.
		started python3 -c "
import signal, time
signal.signal($(kill -l "$name"), signal.SIG_DFL)
print('ready', flush=True)
time.sleep(1000)"
		kill -s "$name" "$LAUNCHER"
		ends_with $((128 + $(kill -l "$name")))
	done
}

@test "a program can catch what was sent to cloche" {
	started sh -c 'trap "echo caught; exit 3" TERM; echo ready; while :; do sleep 0.01; done'
	kill -TERM "$LAUNCHER"
	ends_with 3
	says caught
}

@test "stopping and continuing cloche stops and continues the program" {
	started sh -c 'trap "echo continued; exit 4" CONT; echo ready; while :; do sleep 0.01; done'
	kill -TSTP "$LAUNCHER"
	eventually 5 grep -q '^State:.*T' "/proc/$LAUNCHER/status"
	kill -CONT "$LAUNCHER"
	ends_with 4
	says continued
}

@test "a signal that was ignored stays ignored" {
	(
		trap '' HUP
		"$CLOCHE" run -- sh -c 'kill -HUP $$; echo alive'
	) >out
	[ "$(cat out)" = alive ]
}

@test "signals work inside as anywhere" {
	box -- bash -c 'trap "echo got" USR1; (kill -USR1 $$) ; wait; sleep 100 & kill $!; wait $!; echo $?'
	succeeds
	prints $'got\n143'
}
