#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 1800
#
# Attacks on decided calls: nothing but hooks keeps a guest from the canary here.

load ../helpers
load escape

teardown() {
	escape_teardown
}

# hooked NAME POLICY|--OPTION=VALUE...: the attack for each ABI, under hooks on notify (names), where calls are made
# again (hooks), and on the stop route (hooks and hooks-stop).
hooked() {
	local policies=() policy
	outside
	mkdir -p forbidden
	echo "$CANARY_SECRET" >forbidden/secret
	CANARY_FORBIDDEN=$PWD/forbidden/secret
	for policy in "${@:2}"; do
		case $policy in
		--*) policies+=("$policy") ;;
		*) policies+=(-p "$BATS_TEST_DIRNAME/$policy.lua") ;;
		esac
	done
	hostile "$1" "${policies[@]}" --env "CLOCHE_RACES=${CLOCHE_RACES:-}"
}

@test "own filters that answer a decided call do not get another one undecided (names)" {
	hooked e_hook_filter hooks-names
}

@test "own filters that answer a decided call do not get another one undecided (made again)" {
	hooked e_hook_filter hooks
}

@test "own filters that answer a decided call do not get another one undecided (stopped)" {
	hooked e_hook_filter hooks hooks-stop
}

@test "code that changes under a call that is made again makes no other call undecided (names)" {
	hooked e_hook_code hooks-names
}

@test "code that changes under a call that is made again makes no other call undecided (made again)" {
	hooked e_hook_code hooks
}

@test "code that changes under a call that is made again makes no other call undecided (stopped)" {
	hooked e_hook_code hooks hooks-stop
}

@test "a program in the place of a leader whose call was decided is decided anew (names)" {
	hooked e_hook_leader hooks-names
}

@test "a program in the place of a leader whose call was decided is decided anew (made again)" {
	hooked e_hook_leader hooks
}

@test "a program in the place of a leader whose call was decided is decided anew (stopped)" {
	hooked e_hook_leader hooks hooks-stop
}

@test "nothing takes the place of decided arguments (made again)" {
	hooked e_hook_area hooks
}

@test "nothing takes the place of decided arguments (stopped)" {
	hooked e_hook_area hooks hooks-stop
}

@test "nothing takes the place of decided arguments where refusals are reported (made again)" {
	hooked e_hook_area hooks --report="$SCRATCH/report"
}

@test "nothing takes the place of decided arguments where refusals are reported (stopped)" {
	hooked e_hook_area hooks hooks-stop --report="$SCRATCH/report"
}

@test "children whose parents were killed are decided, too (names)" {
	hooked e_hook_orphan hooks-names
}

@test "children whose parents were killed are decided, too (made again)" {
	hooked e_hook_orphan hooks
}

@test "children whose parents were killed are decided, too (stopped)" {
	hooked e_hook_orphan hooks hooks-stop
}

@test "arguments that change under the call are what was decided (names)" {
	hooked e_hook_races hooks-names
}

@test "arguments that change under the call are what was decided (made again)" {
	hooked e_hook_races hooks
}

@test "arguments that change under the call are what was decided (stopped)" {
	hooked e_hook_races hooks hooks-stop
}

@test "threads that execute, end and are killed while others call hang nobody (names)" {
	hooked e_hook_threads hooks-names
}

@test "threads that execute, end and are killed while others call hang nobody (made again)" {
	hooked e_hook_threads hooks
}

@test "threads that execute, end and are killed while others call hang nobody (stopped)" {
	hooked e_hook_threads hooks hooks-stop
}

@test "a program in a leader's place is not told what the leader asked for (names)" {
	hooked e_hook_stale hooks-names
}

@test "a program in a leader's place is not told what the leader asked for (stopped)" {
	hooked e_hook_stale hooks hooks-stop
}

@test "a program in a leader's place is seen for what it is (made again)" {
	hooked e_hook_takeover hooks
}

@test "a program in a leader's place is seen for what it is (stopped)" {
	hooked e_hook_takeover hooks hooks-stop
}

@test "nothing that a guest calls has the monitor wait (names)" {
	hooked e_hook_block hooks-names
}

@test "nothing that a guest calls has the monitor wait (made again)" {
	hooked e_hook_block hooks
}

@test "nothing that a guest calls has the monitor wait (stopped)" {
	hooked e_hook_block hooks hooks-stop
}

@test "every way to make a decided call is decided (made again)" {
	hooked e_hook_doors hooks
}

@test "every way to make a decided call is decided (stopped)" {
	hooked e_hook_doors hooks hooks-stop
}

@test "a debugger in the box makes no decided call another one (names)" {
	hooked e_hook_tracer hooks-names
}

@test "a debugger in the box makes no decided call another one (made again)" {
	hooked e_hook_tracer hooks
}

@test "a debugger in the box makes no decided call another one (stopped)" {
	hooked e_hook_tracer hooks hooks-stop
}

@test "signals in the place of calls get nothing past a decision (names)" {
	hooked e_hook_dispatch hooks-names
}

@test "signals in the place of calls get nothing past a decision (made again)" {
	hooked e_hook_dispatch hooks
}

@test "signals in the place of calls get nothing past a decision (stopped)" {
	hooked e_hook_dispatch hooks hooks-stop
}
