#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# When a part of cloche is killed, everything in the box is dead within a second, and the next
# command finds nothing left.

load ../helpers

teardown() {
	[ "$(id -u)" != 0 ] || "$CLOCHE" box remove "kept$$" 2>/dev/null || true
	scratch_done
}

# A box with several programs that all carry MARK; LAUNCHER and MONITOR are its processes.
box_with_many() {
	MARK=cloche-mark-$$-$RANDOM$RANDOM
	"$CLOCHE" run --memory 500M "$@" -- bash -c "
		for i in 1 2 3; do (trap '' TERM HUP INT; exec -a $MARK sleep 1000) & done
		(setsid bash -c 'exec -a $MARK sleep 1000' &)
		trap '' TERM HUP INT
		touch made
		echo ready; wait" </dev/null >out 2>&1 3>&- &
	LAUNCHER=$!
	eventually 10 grep -q ready out
	eventually 10 counts 4
	# Not a child that has ended already.
	MONITOR=$(pgrep --parent "$LAUNCHER" --runstates DRS | head -n 1)
	[ -n "$MONITOR" ] || tell "no monitor"
}

counts() {
	[ "$(pgrep --full --count "^$MARK")" = "$1" ]
}

all_dead() {
	eventually 1 counts 0 || tell "guests live on: $(pgrep -af "$MARK")"
}

no_cgroup() {
	"$CLOCHE" run -- true </dev/null
	[ -z "$(find /sys/fs/cgroup -maxdepth 4 -name "cloche-$LAUNCHER" 2>/dev/null)" ]
}

nothing_left() {
	"$CLOCHE" run -- true </dev/null
	[ -z "$(find "$SCRATCH/data" -path '*cloche/tmp/*' -prune -print 2>/dev/null)" ] ||
		tell "a directory is left"
	! grep -q "cloche" /proc/self/mounts || tell "a mount is left"
	# The kernel lets nobody remove one before the last of the dead has quite ended.
	eventually 5 no_cgroup || tell "a cgroup is left"
}

@test "the launcher is killed" {
	box_with_many
	kill -KILL "$LAUNCHER"
	wait "$LAUNCHER" || true
	all_dead
	nothing_left
}

@test "the monitor is killed" {
	box_with_many
	kill -KILL "$MONITOR"
	status=0
	wait "$LAUNCHER" || status=$?
	output=$(cat out) stderr=
	fails_with 125
	all_dead
	nothing_left
}

@test "launcher and monitor are killed at once" {
	box_with_many
	kill -KILL "$LAUNCHER" "$MONITOR"
	wait "$LAUNCHER" || true
	all_dead
	nothing_left
}

@test "the launcher of a kept box is killed: the box can be used again" {
	box_with_many -b kept$$
	kill -KILL "$LAUNCHER"
	wait "$LAUNCHER" || true
	all_dead
	usable() { "$CLOCHE" run -b "kept$$" -- test -e made </dev/null; }
	eventually 5 usable
	nothing_left
}

@test "the launcher is killed at any moment of the start" {
	local delay mark=cloche-early-$$-$RANDOM
	for delay in 0 0.0005 0.001 0.0015 0.002 0.003 0.004 0.006 0.01; do
		"$CLOCHE" run -- bash -c "exec -a $mark sleep 1000" </dev/null >/dev/null 2>&1 3>&- &
		local launcher=$!
		sleep "$delay"
		kill -KILL "$launcher"
		wait "$launcher" 2>/dev/null || true
	done
	nothing_runs "$mark"
	LAUNCHER=0
	nothing_left
}

@test "programs that end normally leave nothing" {
	box --memory 100M --disk 10M -- sh -c 'touch /tmp/x file; mkdir -m 000 closed'
	succeeds
	LAUNCHER=0
	nothing_left
}
