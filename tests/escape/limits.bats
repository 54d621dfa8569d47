#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# alone
# timeout: 900
#
# Bombs: each is stopped at the limit that was asked for, and the host does not suffer.

load ../helpers
load escape

teardown() {
	escape_teardown
}

# bomb KIND LIMIT OPTION...: being killed is fine; so is an error that says that this host cannot
# enforce the limit: that is a skip, never an unlimited box.
bomb() {
	local kind=$1 limit=$2 program
	shift 2
	outside
	while read -r program; do
		box --read "$GUEST_DIR" --env "CANARY_PIDNS=$CANARY_PIDNS" "$@" -- "$program" "$kind" "$limit"
		canary_intact
		[ "$status" != 125 ] || skip "cannot be limited here: $stderr"
		case $status in
		137 | 77) ;;
		*) refused_all ;;
		esac
		host_lives
	done < <(abis e_bombs)
	outside_intact
}

host_lives() {
	local free
	[ "$(echo lives)" = lives ]
	free=$(df --output=avail -m "$SCRATCH" | tail -n 1)
	[ "$free" -gt 100 ] || tell "the disk is full"
}

@test "a fork bomb ends at --tasks" {
	bomb fork 64 --tasks 64
}

@test "threads end at --tasks" {
	bomb thread 64 --tasks 64
}

@test "memory ends at --memory" {
	bomb memory 96 --memory 96M
}

@test "private folders in memory end at --memory" {
	bomb tmpfs 96 --memory 96M
}

@test "files end at --disk" {
	bomb disk 48 --disk 48M
}

@test "private folders end at --disk" {
	bomb tmpfs 48 --disk 48M
}

@test "descriptors end at their limit" {
	bomb descriptors 64
}

@test "many small files harm nobody" {
	bomb files 1500
}

# What is left to a process outside, next to a guest that has taken all it gets.
@test "what the kernel counts for a user is not all the guest's" {
	local program instances signals queues watches
	while read -r program; do
		rm -f hold
		mkfifo hold
		"$CLOCHE" run --read "$GUEST_DIR" -- "$program" keep <hold >taken &
		exec 8>hold
		eventually 20 grep -q queues= taken
		run "$program" </dev/null
		exec 8>&-
		wait
		echo "taken: $(cat taken); left: $output"
		eval "$(tr ' ' '\n' <taken)" # by the guest
		[ "$instances" -gt 0 ]
		[ "$signals" -gt 0 ]
		eval "$(tr ' ' '\n' <<<"$output")"
		[ "$instances" -gt 0 ]
		[ "$signals" -gt 100 ]
		[ "$queues" -gt 0 ]
	done < <(abis e_counts)
	watches=$(cat /proc/sys/fs/inotify/max_user_watches)
	box -- cat /proc/sys/user/max_inotify_watches
	[ "$output" -le $((watches / 4)) ] || tell "of $watches"
}
