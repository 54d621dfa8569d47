#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
#
# What Linux promises, asked natively and in the default box, by the same programs for each ABI.

load ../helpers

# Natively first: what fails there says nothing about boxes. Then in a box as it comes, and with
# every call decided on everything it leads to, on each route.
same_in_a_box() {
	local suffix program route tried=0
	for suffix in '' _32 .i386; do
		program=$GUEST_DIR/$1$suffix
		[ -x "$program" ] || continue
		run --separate-stderr "$program" </dev/null
		[ "$status" != 77 ] || continue
		echo "--- $1$suffix natively"
		all_ok
		guest "$1$suffix"
		echo "--- $1$suffix in a box"
		shows_failures
		tried=$((tried + 1))
		for route in notify stop; do
			box --route "$route" --read "$GUEST_DIR" -- "$GUEST_DIR/$1$suffix"
			echo "--- $1$suffix on route $route"
			without_exceptions "$route" "$1"
			shows_failures
		done
	done
	[ "$tried" -gt 0 ] || skip "$1 is not built, or cannot be tried here"
}

# Tests that this route is known not to keep are taken out of $output, and so is what follows from
# them: the exit status, and where nothing can be tried at all, everything.
without_exceptions() { # ROUTE PROGRAM
	local name
	[ "$1 $2 $status" != "stop g_ptrace 77" ] || {
		status=0 # Every guest has the monitor as its tracer.
		output=1..1
		return
	}
	while read -r name; do
		output=$(sed "/^not ok [0-9]* - $name\$/d" <<<"$output")
	done < <(awk -v route="$1" -v program="$2" '$1 == route && $2 == program { print $3 }' \
		"$BATS_TEST_DIRNAME/exceptions")
	grep -q '^not ok' <<<"$output" || [ "$status" != 1 ] || status=0
}

# Like all_ok, but shows only what went wrong.
shows_failures() {
	local wrong
	wrong=$(grep -A 2 '^not ok' <<<"$output" || true)
	[ -z "$wrong" ] || {
		echo "$wrong"
		return 1
	}
	all_ok
}

@test "files: opening, linking, renaming, removing, listing" {
	same_in_a_box g_files
}

@test "what is in files, and their properties" {
	same_in_a_box g_content
}

@test "processes, groups, orphans, exec" {
	same_in_a_box g_processes
}

@test "signals and timers, also while it rains signals" {
	same_in_a_box g_signals
}

@test "pipes, pairs, passed descriptors, System V, queues, epoll, futex" {
	same_in_a_box g_ipc
}

@test "the network of the own loopback" {
	same_in_a_box g_network
}

@test "terminals and job control" {
	same_in_a_box g_tty
}

@test "debuggers" {
	same_in_a_box g_ptrace
}

@test "programs that confine themselves" {
	same_in_a_box g_seccomp
}

@test "memory and code made at run time" {
	same_in_a_box g_memory
}

@test "storms of signals break no call" {
	same_in_a_box g_storm
}

@test "threads with tables, directories and masks of their own" {
	same_in_a_box g_apart
}

@test "processes that are stopped rest, and go on where they were" {
	same_in_a_box g_stopped
}

@test "each call has the rights of its caller, whoever called before" {
	same_in_a_box g_rights
}
