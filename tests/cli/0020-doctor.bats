#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# cloche doctor: what the host offers, and the proof that a box holds.

load ../helpers

@test "doctor finds what boxes need, and proves that one holds" {
	cloche doctor
	succeeds
	says_not "NO  "
	[[ $output =~ yes\ +user\ namespaces ]] || tell "wanted user namespaces"
	[[ $output =~ yes\ +seccomp\ notifications ]] || tell "wanted notifications"
	[[ $output =~ yes\ +a\ box\ that\ holds ]] || tell "wanted the proof"
	says "boxes run here, and hold"
}

@test "doctor leaves nothing behind" {
	cloche doctor
	succeeds
	[ -z "$(find /var/tmp -maxdepth 1 -name 'cloche-doctor.*' -user "$(id -u)" -mmin -0.02)" ] ||
		tell "a directory is left"
	[ -z "$(find "$SCRATCH/data" -type f)" ]
}

@test "doctor --json can be read by a program" {
	cloche doctor --json
	succeeds
	python3 -c '
import json, sys
found = json.load(sys.stdin)
assert found["usable"] is True
names = {check["name"]: check["found"] for check in found["checks"]}
assert names["a box that holds"], names
assert all("remedy" in check for check in found["checks"] if not check["found"])
' <<<"$output" || tell "not the wanted JSON"
}

@test "doctor says what is missing, and what to do" {
	need_user
	need_command unshare
	run unshare --user --map-root-user --mount true
	[ "$status" = 0 ] || skip "no user namespaces to take away"
	# In a namespace whose own limit is zero there are no user namespaces.
	run unshare --user --map-current-user --keep-caps sh -c '
		echo 0 >/proc/sys/user/max_user_namespaces || exit 77
		exec "$1" doctor' - "$CLOCHE"
	[ "$status" != 77 ] || skip "the limit cannot be lowered here"
	[ "$status" = 1 ] || tell "wanted 1"
	[[ $output =~ NO\ +user\ namespaces ]] || tell "wanted NO"
	says "remedy: sysctl user.max_user_namespaces"
	# What only fails with them has no remedy of its own.
	[[ $output =~ NO\ +overlayfs\ +needs\ user\ namespaces ]] || tell "wanted the cause"
	says_not "modprobe overlay"
	says_not "docker"
	says "boxes do not run here"
}

@test "doctor says so where no /proc is mounted" {
	need_root
	run unshare --mount sh -c 'umount --lazy /proc && exec "$1" doctor' - "$CLOCHE"
	[ "$status" = 1 ] || tell "wanted 1"
	[[ $output =~ NO\ +the\ host\'s\ /proc ]] || tell "wanted NO"
	says "remedy: mount -t proc proc /proc"
	[[ $output =~ NO\ +user\ namespaces\ +needs\ the\ host\'s\ /proc ]] || tell "wanted the cause"
	run unshare --mount sh -c 'umount --lazy /proc && exec "$1" run -- true' - "$CLOCHE"
	fails_with 125
	says "is /proc mounted?"
}

@test "doctor wants no arguments" {
	cloche doctor please
	fails_with 125
	complains "please"
}
