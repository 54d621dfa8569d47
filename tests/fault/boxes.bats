#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 1500
#
# Commands on kept boxes, killed at each system call that they make, and failed there with ENOSPC and
# EIO, one after the other (a part of them each day, all with CLOCHE_FAULT_STEP=1): what the box shows
# afterwards is what it was or what it was to be.

load ../helpers

store() { # OPERATION
	need_command strace
	if [ "$(id -u)" = 0 ]; then
		# Host root's boxes have one place: another one is put over it, for this test alone, and
		# in memory, where nothing waits for a disk.
		mkdir -p "$SCRATCH/memory" /var/lib/cloche
		# shellcheck disable=SC2016
		run unshare --mount sh -c 'mount -t tmpfs tmpfs "$0" && mkdir "$0/store" &&
			mount --bind "$0/store" /var/lib/cloche && exec "$@"' \
			"$SCRATCH/memory" "$BATS_TEST_DIRNAME/boxes.py" /var/lib/cloche \
			"$SCRATCH/memory/good" "$@"
	else
		# On a disk, which takes a second for each.
		CLOCHE_FAULT_STEP=${CLOCHE_FAULT_STEP:-200} run "$BATS_TEST_DIRNAME/boxes.py" \
			"$SCRATCH/data/cloche" "$SCRATCH/good" "$@"
	fi
	echo "$output"
	succeeds
}

@test "snapshot" {
	store snapshot
}

@test "clone" {
	store clone
}

@test "create on a base" {
	store base
}

@test "rollback" {
	store rollback
}

@test "drop" {
	store drop
}

@test "rename" {
	store rename
}

@test "remove" {
	store remove
}
