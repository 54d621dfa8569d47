#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# cloche explain: the plan of a policy, before anything starts.

load ../helpers

@test "explain tells files, network, limits, environment and calls" {
	cloche explain
	succeeds
	says "files: enforced by the world"
	says "network: enforced by the world"
	says "environment:"
	says "system calls:"
	says "on this host: the root directory, as mounts"
}

@test "explain starts nothing and changes nothing" {
	cloche explain --write . --disk 1M
	succeeds
	[ -z "$(find "$SCRATCH/work" "$SCRATCH/data" -mindepth 1)" ]
}

@test "each rule has its origin" {
	mkdir shown
	echo 'extends "default" calls { refuse = { "ptrace" } }' >p.lua
	cloche explain -p ./p.lua --read "$PWD/shown"
	succeeds
	[[ $output =~ read\ +[^$'\n']*shown\ +--read ]] || tell "wanted the flag"
	[[ $output =~ ptrace\ +EPERM[^$'\n']*p\.lua:1 ]] || tell "wanted file and line"
}

@test "each limit says who enforces it here" {
	cloche explain --memory 100M --tasks 10 --wall 5s
	succeeds
	[[ $output =~ on\ this\ host:\ limits ]] || tell "wanted the limits"
	[[ $output =~ memory\ +(cgroup|counted) ]] || tell "wanted the way of memory"
	[[ $output =~ tasks\ +(cgroup|rlimit|cannot) ]] || tell "wanted the way of tasks"
	says "the launcher's clock"
}

@test "--all lists every call and every hidden secret" {
	cloche explain
	local short=${#output}
	cloche explain --all
	succeeds
	says "openat "
	says "/etc/shadow"
	((${#output} > 2 * short)) || tell "it is not longer"
}

@test "--json is one object that a program can read" {
	cloche explain --json --memory 1G
	succeeds
	python3 -c '
import json, sys
plan = json.load(sys.stdin)
assert plan["host"]["mounts"][0]["guest"] == "/", plan["host"]
assert "memory" in plan["host"]["limits_enforced_by"]
calls = plan["calls"]
assert len(calls) > 400, len(calls)
' <<<"$output" || tell "not the wanted JSON"
}

@test "what explain says of hiding is what a box does" {
	echo secret >hidden
	cloche explain --hide hidden
	succeeds
	[[ $output =~ hide\ +[^$'\n']*work/hidden ]] || tell "wanted the rule"
	box --hide hidden -- cat hidden
	fails_with 1
}

@test "a program makes no sense here" {
	cloche explain -- true
	fails_with 125
	complains "'true'"
}

@test "a mistake in a policy fails as it does in run" {
	cloche explain -p nosuch
	fails_with 125
	complains "nosuch"
	cloche explain --read /no/such/path
	fails_with 125
	complains "/no/such/path"
}
