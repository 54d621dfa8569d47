#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# alone
# timeout: 900
#
# Bombs: each is stopped at the limit that was asked for, and the host does not suffer.

load ../helpers
load escape

teardown() {
	[ -z "${SERVER_PID:-}" ] || kill -KILL "$SERVER_PID" 2>/dev/null || true
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

@test "what waits in sockets ends at --memory, where a cgroup counts it" {
	need_root
	bomb sockets 64 --memory 64M
}

@test "huge pages are not had beside --memory" {
	bomb huge 96 --memory 96M
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

# unanswered HOW...: its monitor waits for what nobody answers, and cannot be killed. HOW ends the
# box, whose guests must be gone then.
unanswered() {
	local program end
	need_root
	[ -e /dev/fuse ] || modprobe fuse 2>/dev/null || skip "no FUSE here"
	outside
	mkdir -p fuse
	chmod 777 write
	while read -r program; do
		rm -f asked write/handing write/lock
		unshare --mount --propagation private "$BATS_TEST_DIRNAME/unanswered.py" "$PWD/fuse" \
			write/handing asked </dev/null 3>&- &
		SERVER_PID=$!
		eventually 10 test -S write/handing || {
			wait "$SERVER_PID" || [ $? != 77 ] || skip "no FUSE here"
			return 1
		}
		"$CLOCHE" run --wall 60s --read "$GUEST_DIR" --write write \
			--env CANARY_HANDED="$PWD/write/handing" --env CANARY_WRITE_DIR="$PWD/write" \
			"${@:2}" -- "$program" </dev/null >out 2>&1 3>&- &
		end=$!
		eventually 20 test -e asked || tell "$(cat out)"
		! flock --nonblock write/lock true || [ "$1" = : ] || tell "nobody is there"
		"$1" "$end" </dev/null >killed 2>&1 3>&- &
		eventually 20 flock --nonblock write/lock true || tell "guests live on"
		kill -KILL "$SERVER_PID"
		wait
	done < <(abis e_unanswered)
	outside_intact
}

kill_box() {
	"$CLOCHE" kill "$1"
}

kill_launcher() {
	kill -KILL "$1"
}

@test "guests of a monitor that cannot die end with --wall" {
	unanswered : --wall 2s
}

@test "guests of a monitor that cannot die end with cloche kill" {
	unanswered kill_box
}

@test "guests of a monitor that cannot die end with the launcher" {
	unanswered kill_launcher
}
