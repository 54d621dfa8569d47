#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
#
# Attacks on other processes, on the box's own, and on who the guest is.

load ../helpers
load escape

teardown() {
	escape_teardown
}

# Nothing on the host has this in its command line, unless it is us.
gone() {
	! pgrep --full "$1" >/dev/null
}

@test "no process outside can be seen, signalled, traced or read" {
	hostile e_processes
}

@test "pid 1 and the monitor cannot be stopped, traced or starved" {
	hostile e_init
}

@test "no capability and no other user can be had" {
	hostile e_capabilities
}

@test "set-user-id programs change nobody" {
	hostile e_setuid
}

@test "root's box: a root-owned set-user-id program changes nobody" {
	need_root
	outside
	chown root:root setuid
	chmod 6755 setuid
	MORE_SUM=$(more_sum)
	hostile e_setuid
}

@test "the caller's environment stays outside" {
	export BASH_ENV=/nonexistent LD_AUDIT=/nonexistent
	hostile e_environment
}

@test "the caller's descriptors stay outside" {
	outside
	exec 4</etc/passwd 5</ 6>"$SCRATCH/six" 200<"$CANARY_FILE"
	hostile e_descriptors
	exec 4<&- 5<&- 6>&- 200<&-
}

@test "a crash hands nothing to the host" {
	hostile e_core
}

@test "children do not outlive the program they came from" {
	local program token
	outside
	while read -r program; do
		token=linger-$RANDOM-$RANDOM-$BATS_TEST_NUMBER
		box --read "$GUEST_DIR" --env "CANARY_PIDNS=$CANARY_PIDNS" -- "$program" leave "$token"
		succeeds
		eventually 5 gone "$token"
	done < <(abis e_linger)
}

@test "children do not outlive the time that was given" {
	local program token
	outside
	while read -r program; do
		token=linger-$RANDOM-$RANDOM-$BATS_TEST_NUMBER
		box --read "$GUEST_DIR" --wall 2s --env "CANARY_PIDNS=$CANARY_PIDNS" -- \
			"$program" stay "$token"
		[ "$status" != 0 ] || tell "it ended by itself"
		eventually 5 gone "$token"
	done < <(abis e_linger)
}

# Kills one process of ours after the other, the launcher first: whichever dies, all guests die.
@test "guests die with every process that watches them" {
	local program token launcher victim victims number=0 count=1
	outside
	program=$(abis e_linger | head -n 1)
	while [ "$number" -lt "$count" ]; do
		token=linger-$RANDOM-$RANDOM-$BATS_TEST_NUMBER
		"$CLOCHE" run --read "$GUEST_DIR" --env "CANARY_PIDNS=$CANARY_PIDNS" -- \
			"$program" stay "$token" >out 2>&1 </dev/null 3>&- &
		launcher=$!
		eventually 10 grep -q '^up' out || {
			cat out
			return 1
		}
		# The launcher and its descendants that are no guest themselves.
		victims=$(watchers "$launcher" "$program" | tr '\n' ' ')
		# shellcheck disable=SC2086
		set -- $victims
		count=$#
		victim=${*:number+1:1}
		echo "killing number $number of $victims: $(tr '\0' ' ' <"/proc/$victim/cmdline")"
		kill -KILL "$victim"
		eventually 5 gone "$program stay $token" || {
			pgrep --full --list-full "$token"
			kill -KILL "$launcher"
			return 1
		}
		wait "$launcher" || true
		number=$((number + 1))
	done
}

# The process and its living descendants, but for those that run the program itself.
watchers() { # PID PROGRAM
	local child comm
	comm=$(cat "/proc/$1/comm" 2>/dev/null) || return 0
	[ "$comm" = "${2##*/}" ] || grep -q '^State:.Z' "/proc/$1/status" || echo "$1"
	for child in $(pgrep --parent "$1"); do
		watchers "$child" "$2"
	done
}
