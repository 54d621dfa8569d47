#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Boxes that run: cloche ps, kill, pause, resume. And cloche log.

load ../helpers

setup() {
	scratch
	BOX=r$$-$RANDOM
}

teardown() {
	[ -z "${LAUNCHER:-}" ] || "$CLOCHE" kill "$LAUNCHER" 2>/dev/null || true
	"$CLOCHE" box remove "$BOX" 2>/dev/null || true
	scratch_done
}

# Starts a program in the background; its launcher is $LAUNCHER.
start() { # OPTION... -- PROGRAM...
	rm -f "$SCRATCH/out" # Of the start before.
	"$CLOCHE" run "$@" </dev/null >"$SCRATCH/out" 2>"$SCRATCH/err" 3>&- &
	LAUNCHER=$!
	eventually 10 grep -qs ready "$SCRATCH/out"
}

# Something of the one box in ps --json, by an expression over b.
of_box() { # EXPRESSION
	"$CLOCHE" ps --json | python3 -c 'import json, sys
[b] = [b for b in json.load(sys.stdin) if b["pid"] == int(sys.argv[1])]
print(eval(sys.argv[2]))' "$LAUNCHER" "$1"
}

is() { # EXPRESSION VALUE
	[ "$(of_box "$1")" = "$2" ]
}

@test "ps tells what runs in which box" {
	cloche ps
	succeeds
	says_not "$BOX"
	start -b "$BOX" -- sh -c 'sleep 1000 & echo ready; sleep 1000; :'
	cloche ps
	succeeds
	[[ $output =~ $BOX\ +$LAUNCHER\ runs ]] || tell "not listed"
	says "sh -c sleep 1000"
	eventually 5 is 'len(b["processes"]), b["tasks"], b["paused"], b["box"]' "(3, 3, False, '$BOX')"
	is 'b["memory_bytes"] > 10000 and b["age_ms"] >= 0 and b["cpu_ms"] >= 0' True
	kill -TERM "$LAUNCHER"
	wait "$LAUNCHER" || true
	cloche ps
	says_not "$BOX"
}

@test "ps escapes what a guest calls itself" {
	start -- bash -c 'exec -a $'"'"'a\e[31m\nb'"'"' python3 -c "import time; print(\"ready\", flush=True); time.sleep(1000)"'
	cloche ps
	says 'a\x1b[31m\nb'
	cloche kill "$LAUNCHER"
	succeeds
}

@test "kill ends all of it, also what is paused or hides from signals" {
	start -b "$BOX" -- bash -c 'trap "" TERM INT; (setsid sleep 12345 &); echo ready; while :; do read -rt 1000 <> <(:); done'
	cloche kill "$BOX"
	succeeds
	wait "$LAUNCHER" || status=$?
	fails_with 125
	nothing_runs "sleep 12345"
	cloche kill "$BOX"
	fails_with 125
	complains "does not run; see 'cloche ps'"
	start -- sh -c 'echo ready; exec sleep 1000'
	cloche pause "$LAUNCHER"
	cloche kill "$LAUNCHER"
	succeeds
	wait "$LAUNCHER" || true
}

@test "what was killed can be removed, committed and run again, at once" {
	for word in "commit" "box remove"; do
		for _ in 1 2 3 4 5; do
			start -b "$BOX" -- sh -c 'echo ready; exec sleep 1000'
			cloche kill "$BOX"
			succeeds
			# shellcheck disable=SC2086
			cloche $word "$BOX"
			succeeds
			wait "$LAUNCHER" || true
		done
	done
}

@test "pause stops everything, resume lets it go on" {
	start -b "$BOX" -- sh -c '
		(while :; do (:); done) & echo ready; while :; do echo x; (:); done'
	cloche pause "$BOX"
	succeeds
	is 'b["paused"], {p["state"] for p in b["processes"]} <= {"T", "t"}' "(True, True)"
	before=$(stat -c %s "$SCRATCH/out")
	cloche ps
	[[ $output =~ $LAUNCHER\ paused ]] || tell "not shown as paused"
	[ "$(stat -c %s "$SCRATCH/out")" = "$before" ]
	cloche resume "$BOX"
	succeeds
	grows() { [ "$(stat -c %s "$SCRATCH/out")" -gt "$before" ]; }
	eventually 10 grows
	is 'b["paused"]' False
	cloche kill "$BOX"
	succeeds
	cloche log "$BOX"
	[[ $output =~ paused.*resumed.*killed ]] || tell "the log does not have it"
}

@test "guests whose every call is decided, who continue each other: pause stops them all the same" {
	cat >every.lua <<-'E'
		extends "default"
		on["%file"] = function(call) end
		on.kill = function(call) end
	E
	start -b "$BOX" --route stop -p every.lua -- bash -c '
		(while :; do kill -CONT $$; echo y; done) & p=$!
		echo ready; while :; do kill -CONT $p; test -e /x; echo x; done'
	is 'b["paused"]' False
	cloche pause "$BOX"
	succeeds
	is 'b["paused"], {p["state"] for p in b["processes"]} <= {"T", "t"}' "(True, True)"
	before=$(stat -c %s "$SCRATCH/out")
	cloche exec "$BOX" -- true
	fails_with 125
	complains "is paused; see 'cloche resume'"
	is 'b["paused"]' True
	[ "$(stat -c %s "$SCRATCH/out")" = "$before" ]
	cloche resume "$BOX"
	succeeds
	grows() { [ "$(stat -c %s "$SCRATCH/out")" -gt "$before" ]; }
	eventually 10 grows
	is 'b["paused"]' False
	# Who stands still by itself is not paused.
	cloche kill "$BOX"
	wait "$LAUNCHER" || true
	start -b "$BOX" -- sh -c 'echo ready; kill -STOP $$'
	stands() { is '{p["state"] for p in b["processes"]}' "{'T'}"; }
	eventually 10 stands
	is 'b["paused"]' False
	cloche exec "$BOX" -- true
	succeeds
	cloche kill "$BOX"
}

@test "the log of a box" {
	box -b "$BOX" -- sh -c 'exit 3'
	cloche box snapshot "$BOX" one
	box -b "$BOX" --report - --disk 1M -- sh -c 'head -c 3000000 /dev/zero >x; sleep 100'
	cloche box rollback "$BOX" one
	cloche log "$BOX"
	succeeds
	[[ $output =~ create.*start\ command=\"sh\ -c\ exit\ 3\".*end.*status=3.*snapshot\ name=\"one\".*ended=\"disk\".*rollback ]] ||
		tell "not all of it"
	cloche log --json "$BOX"
	python3 -c 'import json, sys
all = [json.loads(line) for line in sys.stdin]
assert [e["event"] for e in all] == ["create", "start", "end", "snapshot", "start", "end", "rollback"], all
assert all[5]["started"], all[5]' <<<"$output"
	cloche log none
	fails_with 125
}

@test "another user sees and ends nothing" {
	need_root
	id -u cloche-test >/dev/null 2>&1 || skip "no account cloche-test"
	start -- sh -c 'echo ready; exec sleep 1000'
	run setpriv --reuid cloche-test --regid cloche-test --clear-groups -- env HOME=/nonexistent \
		XDG_DATA_HOME="$(mktemp -d -p /var/tmp)" "$CLOCHE" kill "$LAUNCHER"
	[ "$status" = 125 ]
	cloche kill "$LAUNCHER"
	succeeds
	wait "$LAUNCHER" || true
}

@test "somebody else's process that calls itself a monitor is none" {
	need_root
	local outer inner
	cp "$(command -v sleep)" cloche-monitor
	chmod 755 cloche-monitor
	setpriv --reuid cloche-test --regid cloche-test --init-groups \
		unshare --user --pid --fork "$PWD/cloche-monitor" 1000 </dev/null >/dev/null 2>&1 3>&- &
	outer=$!
	eventually 5 pgrep --parent "$outer" --exact cloche-monitor
	inner=$(pgrep --parent "$outer")
	kill -KILL "$outer"
	wait "$outer" || true
	cloche ps --json
	kill -KILL "$inner"
	succeeds
	says_not "$PWD/cloche-monitor"
}
