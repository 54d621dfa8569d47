#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
#
# What Linux promises, asked natively and in the default box, by the same programs for each ABI.

load ../helpers

# Natively first: what fails there says nothing about boxes.
same_in_a_box() {
	local suffix program tried=0
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
	done
	[ "$tried" -gt 0 ] || skip "$1 is not built, or cannot be tried here"
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
