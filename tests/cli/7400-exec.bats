#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 400
#
# cloche exec: other programs in a box that runs, and boxes that are started again for one.

load ../helpers

setup() {
	scratch
	BOX=x$$-$RANDOM
	LAUNCHER=
}

teardown() {
	[ -z "$LAUNCHER" ] || "$CLOCHE" kill "$BOX" 2>/dev/null || true
	"$CLOCHE" box remove "$BOX" 2>/dev/null || true
	"$CLOCHE" box remove "$BOX-2" 2>/dev/null || true
	scratch_done
}

# Runs the box in the background with a program that says "ready".
start() { # OPTION... -- PROGRAM...
	rm -f "$SCRATCH/out"
	"$CLOCHE" run -b "$BOX" "$@" </dev/null >"$SCRATCH/out" 2>"$SCRATCH/err" 3>&- &
	LAUNCHER=$!
	eventually 10 grep -qs ready "$SCRATCH/out"
}

waits() { # OPTION...
	start "$@" -- sh -c 'echo ready; echo first >file; exec sleep 12345'
}

# An entry in the background, that says "in"; its command is $ENTRY.
enter() { # OPTION... PROGRAM...
	rm -f "$SCRATCH/entry"
	"$CLOCHE" exec "${@:1:$#-1}" "$BOX" -- sh -c "${*: -1}" </dev/null >"$SCRATCH/entry" \
		2>"$SCRATCH/entry.err" 3>&- &
	ENTRY=$!
	eventually 10 grep -qs in "$SCRATCH/entry"
}

ends() { # PID STATUS
	local ended=0
	wait "$1" || ended=$?
	[ "$ended" = "$2" ] || {
		cat "$SCRATCH"/*err
		tell "it ended with $ended, not $2"
	}
}

no_porter() {
	! pgrep -P "${1:-$LAUNCHER}" -x cloche-entry >/dev/null
}

typed() { # PYTHON [ARG...]
	CLOCHE=$CLOCHE PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME \
		timeout $((100 * ${CLOCHE_SLOW:-1})) python3 -c "from terminal import *
$1" "${@:2}"
}

@test "files on its streams are whole, and an ordinary user's are out of reach behind pipes" {
	waits
	printf 'one\ntwo\n' >in
	"$CLOCHE" exec "$BOX" -- sh -c 'cat; echo err >&2; echo out; head -c 300000 /dev/zero | tr "\0" x' \
		<in >both 2>&1
	[ "$(head -n 4 both)" = $'one\ntwo\nerr\nout' ] || tell "got: $(head -n 4 both)"
	[ "$(tail -n 1 both | wc -c)" = 300000 ]
	"$CLOCHE" exec "$BOX" -- sh -c '(: >>/proc/self/fd/0); chmod 4777 /proc/self/fd/1 /proc/self/fd/2; echo said' \
		<in >out 2>err || true
	[ "$(cat in)" = $'one\ntwo' ]
	[ "$(cat out)" = said ]
	[ "$(stat -c %a out)" != 4777 ]
	[ "$(stat -c %a err)" != 4777 ]
	if [ "$(id -u)" != 0 ]; then
		"$CLOCHE" exec "$BOX" -- readlink /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 <in >out 2>err
		[ "$(grep -c ^pipe: out)" = 3 ] || tell "$(cat out)"
	fi
	# A reader that leaves, and one that was left something in the background.
	"$CLOCHE" exec "$BOX" -- sh -c 'sleep 1000 & echo over' <in >out 2>err
	[ "$(cat out)" = over ]
	"$CLOCHE" exec "$BOX" -- true </ && tell "a directory was passed on"
	true
}

@test "it sees the files, processes, names and network of the first program" {
	waits --hostname inside
	cloche exec "$BOX" -- sh -c 'cat file; hostname; ps ax | grep -c "sleep 1234[5]"; cat /proc/1/comm; echo two >file2'
	succeeds
	prints $'first\ninside\n1\ninit'
	[ ! -e file ]
	cloche exec "$BOX" cat file2
	succeeds
	prints two
	cloche exec "$BOX" -- sh -c 'readlink /proc/self/ns/mnt /proc/self/ns/pid /proc/self/ns/net /proc/self/ns/ipc /proc/self/ns/uts /proc/self/ns/cgroup'
	local one=$output
	cloche exec "$BOX" -- sh -c 'id; umask; readlink /proc/self/ns/mnt /proc/self/ns/pid /proc/self/ns/net /proc/self/ns/ipc /proc/self/ns/uts /proc/self/ns/cgroup'
	[[ $output == *"$one" ]] || tell "in other namespaces"
}

@test "who it is, its groups, capabilities and guard are those of the first program" {
	local what='{ for f in Uid Gid Groups CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp Seccomp_filters SigBlk; do grep "^$f:" /proc/self/status; done; cat /proc/self/limits; }'
	start -- sh -c "$what >status; echo ready; exec sleep 1000"
	cloche exec "$BOX" -- sh -c "$what >status2; diff status status2 && echo the same"
	succeeds
	prints "the same"
}

@test "exit status, streams, and what cannot be executed" {
	waits
	cloche exec "$BOX" -- sh -c 'echo out; echo err >&2; exit 7'
	fails_with 7
	prints out
	complains err
	cloche exec "$BOX" -- nosuch
	fails_with 127
	complains "nosuch: No such file or directory"
	cloche exec "$BOX" -- /etc/passwd
	fails_with 126
	cloche exec "$BOX" -- sh -c 'kill -9 $$'
	fails_with 137
	run bash -c 'head -c 3000000 /dev/zero | "$0" exec "$1" -- sh -c "cat; cat" | wc -c' "$CLOCHE" "$BOX"
	prints 3000000
}

@test "environment and directory are as the box's policy says, and as asked for" {
	mkdir -p "$SCRATCH/work/deeper"
	export SECRET_OF_MINE=abc LANG=C.UTF-8
	waits
	cloche exec "$BOX" -- sh -c 'echo "[$SECRET_OF_MINE] $LANG $PWD"'
	succeeds
	prints "[] C.UTF-8 $PWD"
	cloche exec --env SECRET_OF_MINE --env 'X=1 2' "$BOX" -- sh -c 'echo "[$SECRET_OF_MINE] $X"'
	prints "[abc] 1 2"
	cd deeper
	cloche exec "$BOX" -- pwd
	prints "$PWD"
	cloche exec --cwd .. "$BOX" -- pwd
	prints "${PWD%/*}"
	cloche exec --cwd /nosuch "$BOX" -- pwd
	fails_with 125
	complains "cannot start in '/nosuch': No such file or directory"
	mkdir "$SCRATCH/not-shown"
	cd "$SCRATCH/not-shown"
	cloche exec "$BOX" -- sh -c 'cd -P . && pwd'
	succeeds
}

@test "--wall, --report and signals are its own" {
	waits
	cloche exec --wall 300ms "$BOX" -- sh -c 'trap "" TERM; sleep 1000 & sleep 1000'
	fails_with 124
	cloche exec --report r.json "$BOX" -- sh -c 'exit 4'
	fails_with 4
	python3 -c 'import json; r = json.load(open("r.json"))
assert r["ended"] == "exited" and r["status"] == 4 and r["command"][0] == "sh", r'
	cloche exec --wall 300ms --report - "$BOX" -- sleep 100
	says '"ended":"wall"'
	enter 'trap "echo caught; exit 9" USR1; echo in; while :; do sleep 0.1; done'
	kill -USR1 "$ENTRY"
	ends "$ENTRY" 9
	grep caught "$SCRATCH/entry"
	kill -0 "$LAUNCHER"
}

@test "the box ends with its first program, and all that has entered" {
	waits
	enter 'trap "" TERM; echo in; while :; do sleep 1; done'
	kill -TERM "$LAUNCHER"
	ends "$LAUNCHER" 143
	ends "$ENTRY" 137
	grep "has ended, and the program with it" "$SCRATCH/entry.err"
	LAUNCHER=
	waits
	enter 'echo in; exec sleep 1000'
	"$CLOCHE" kill "$BOX"
	ends "$ENTRY" 137
	ends "$LAUNCHER" 125
	waits
	enter 'echo in; exec sleep 54321'
	kill -KILL "$LAUNCHER"
	ends "$ENTRY" 137
	nothing_runs "sleep 54321"
	LAUNCHER=
}

@test "when exec is killed its program is, and the box goes on" {
	waits
	enter 'trap "" HUP TERM INT; echo in; sleep 54322'
	kill -KILL "$ENTRY"
	wait "$ENTRY" || true
	nothing_runs "sleep 54322"
	eventually 5 no_porter
	cloche exec "$BOX" -- cat file
	prints first
	# What it has left in the background is the box's.
	cloche exec "$BOX" -- sh -c '(setsid sleep 54323 >/dev/null 2>&1 &)'
	succeeds
	pgrep -f "sleep 54323"
	kill -TERM "$LAUNCHER"
	wait "$LAUNCHER" || true
	LAUNCHER=
	nothing_runs "sleep 54323"
}

@test "many at once" {
	waits
	local number pids=()
	for ((number = 0; number < 20; number++)); do
		"$CLOCHE" exec "$BOX" -- sh -c "echo $number; exit $number" </dev/null >"$SCRATCH/n$number" \
			2>"$SCRATCH/n$number.err" 3>&- &
		pids+=($!)
	done
	for ((number = 0; number < 20; number++)); do
		ends "${pids[number]}" "$number"
		[ "$(cat "$SCRATCH/n$number")" = "$number" ]
	done
	eventually 5 no_porter
}

@test "ps, kill, pause and resume have what has entered" {
	waits
	enter 'echo in; exec sleep 1000'
	cloche ps --json
	python3 -c 'import json, sys
[b] = [b for b in json.load(sys.stdin) if b["box"] == sys.argv[1]]
assert b["entered"] == 1 and len(b["processes"]) == 2, b' "$BOX" <<<"$output"
	cloche pause "$BOX"
	succeeds
	[ "$(pgrep -fc '^sleep 1000$|^sleep 12345$')" -ge 2 ]
	cloche exec "$BOX" -- true
	fails_with 125
	complains "is paused; see 'cloche resume'"
	cloche ps --json
	python3 -c 'import json, sys
[b] = [b for b in json.load(sys.stdin) if b["box"] == sys.argv[1]]
assert b["paused"] and {p["state"] for p in b["processes"]} == {"T"}, b' "$BOX" <<<"$output"
	cloche resume "$BOX"
	cloche exec "$BOX" -- true
	succeeds
	cloche kill "$BOX"
	succeeds
	ends "$ENTRY" 137
}

@test "the log has who entered, and how it ended" {
	waits
	cloche exec "$BOX" -- sh -c 'exit 3'
	cloche log "$BOX"
	[[ $output =~ start.*enter\ command=\"sh\ -c\ exit\ 3\".*left.*status=3 ]] || tell "not all of it"
}

@test "a box that is not there, has no name, or options that are the box's own" {
	waits
	cloche exec "${BOX%?}" -- true
	fails_with 125
	complains "did you mean '$BOX'?"
	cloche exec none-of-this-name-here -- true
	fails_with 125
	complains "there is no box 'none-of-this-name-here'; see 'cloche box list'"
	cloche exec --net host "$BOX" -- true
	fails_with 125
	complains "'--net' is of the box's policy"
	cloche exec --memory=1G "$BOX" -- true
	fails_with 125
	complains "'--memory' is of the box's policy"
	cloche exec --wal 3s "$BOX" -- true
	succeeds # Short for --wall.
	cloche exec --repotr x "$BOX" -- true
	complains "did you mean '--report'?"
	cloche exec --wall soon "$BOX" -- true
	fails_with 125
	cloche exec "$BOX"
	fails_with 125
	complains "which program"
	cloche exec "$BOX" --wall 3s -- true
	fails_with 125
	complains "before the box's name"
	"$CLOCHE" run -- sh -c 'echo ready; exec sleep 1000' </dev/null >"$SCRATCH/nameless" 2>&1 3>&- &
	local nameless=$!
	eventually 10 grep -q ready "$SCRATCH/nameless"
	cloche exec "$nameless" -- true
	fails_with 125
	complains "without a name cannot be entered"
	kill "$nameless"
	wait "$nameless" || true
}

@test "a box that does not run is started as it was run last" {
	echo 'on.openat = function(call) if call.path:match("barred") then return deny "EXDEV" end end' >rule.lua
	mkdir elsewhere
	box -b "$BOX" -p strict -p ./rule.lua --copy . --hostname inside --env GREETING=hello -- sh -c 'echo one >file'
	succeeds
	cd elsewhere
	cloche exec "$BOX" -- sh -c 'cat ../file; hostname; echo $GREETING; ls /root /home 2>&1 | head -n 1; cat barred'
	fails_with 1
	says $'one\ninside\nhello'
	complains "Invalid cross-device link"
	cloche exec --env GREETING=bye --wall 3s "$BOX" -- sh -c 'echo $GREETING; sleep 100'
	fails_with 124
	prints bye
	# What exec was given was for that time only.
	cloche exec "$BOX" -- sh -c 'echo $GREETING'
	prints hello
	# A clone is run as its original, and a box that has never been run by the default.
	cloche box clone "$BOX" "$BOX-2"
	cloche exec "$BOX-2" -- hostname
	prints inside
	cloche box remove "$BOX-2"
	cloche box create "$BOX-2"
	cloche exec "$BOX-2" -- hostname
	prints box
}

@test "what a box remembers of its policy is never guessed" {
	need_user # The store is where we say.
	box -b "$BOX" --hostname inside -- true
	: >"$XDG_DATA_HOME/cloche/boxes/$BOX/words"
	cloche exec "$BOX" -- hostname
	fails_with 125
	complains "is damaged"
	box -b "$BOX" -p ./gone.lua -- true
	fails_with 125
	box -b "$BOX" --hostname again -- true
	cloche exec "$BOX" -- hostname
	prints again
}

@test "two that start the same box: one starts it, the other enters" {
	box -b "$BOX" -- true
	local round one two
	for ((round = 0; round < 5; round++)); do
		timeout $((60 * ${CLOCHE_SLOW:-1})) "$CLOCHE" exec "$BOX" -- sh -c 'touch a; until [ -e b ]; do sleep 0.01; done; echo in; rm b; until [ -e c ]; do sleep 0.01; done; rm -f c' \
			</dev/null >"$SCRATCH/one" 2>"$SCRATCH/one.err" 3>&- &
		one=$!
		timeout $((60 * ${CLOCHE_SLOW:-1})) "$CLOCHE" exec "$BOX" -- sh -c 'until [ -e a ]; do sleep 0.01; done; touch b; while [ -e b ]; do sleep 0.01; done; rm a; touch c' \
			</dev/null >"$SCRATCH/two" 2>"$SCRATCH/two.err" 3>&- &
		two=$!
		# Whichever is the second ends with the first, or before.
		wait "$one" || true
		wait "$two" || true
		grep -q in "$SCRATCH/one" || tell "$(cat "$SCRATCH"/*.err)"
		cloche exec "$BOX" -- sh -c 'rm -f a b c'
		succeeds
	done
}

@test "while a box begins or ends, exec enters it or starts it, and leaves nothing" {
	# Who comes in before the world is there would see the host's.
	echo host >file
	box -b "$BOX" -- sh -c 'echo one >file'
	local round begun
	for ((round = 0; round < 12; round++)); do
		"$CLOCHE" run -b "$BOX" -- sleep "0.0$round" </dev/null >"$SCRATCH/out" 2>&1 3>&- &
		begun=$!
		cloche exec "$BOX" -- cat file
		case $status in
		0) prints one ;;
		137) complains "has ended, and the program with it" ;;
		125) complains "the box is ending" ;;
		*) tell "none of its ends" ;;
		esac
		status=0
		wait "$begun" || status=$?
		# It may have come second.
		[[ $status == 0 ]] || grep "is in use" "$SCRATCH/out"
	done
	cloche box list --json
	succeeds
	cloche box remove "$BOX"
	succeeds
	eventually 5 no_porter 1 || tell "somebody is left"
}

@test "no command changes a box that runs, or that somebody has entered" {
	box -b "$BOX" -- sh -c 'echo one >one'
	cloche box snapshot "$BOX" s1
	waits
	enter 'echo in; exec sleep 1000'
	local before words
	before=$("$CLOCHE" box show --json "$BOX")
	for words in "box snapshot $BOX" "box rollback $BOX s1" "box drop $BOX s1" "box rename $BOX $BOX-2" \
		"box remove $BOX" "box clone $BOX $BOX-2" "box create --base $BOX $BOX-2" \
		"box export $BOX x.tar" "commit $BOX" "run -b $BOX -- true" "run --base $BOX -- true" \
		"trace -b $BOX -- true"; do
		# shellcheck disable=SC2086
		cloche $words
		fails_with 125
		[[ $stderr == *"is in use: process $LAUNCHER runs it"* || $words == trace* ]] ||
			tell "$words does not say who has it"
	done
	cloche diff "$BOX"
	[[ $status == 0 || $stderr == *"is in use"* ]]
	for words in "box show $BOX" "box snapshots $BOX" "box list" "ps" "log $BOX" "box prune"; do
		# shellcheck disable=SC2086
		cloche $words
		succeeds
	done
	cloche exec "$BOX" -- cat one file
	prints $'one\nfirst'
	[ ! -e one ]
}

@test "the box's limits hold for what has entered" {
	waits --tasks 8 --memory 200M
	cloche exec "$BOX" -- sh -c 'for i in 1 2 3 4 5 6 7 8 9; do sleep 3 & done; wait' 2>&1
	[[ $status != 0 || $stderr == *ork* ]] || tell "too many were let be"
	cloche exec "$BOX" -- python3 -c '
x = bytearray(400 << 20)
for i in range(0, len(x), 4096): x[i] = 1
print("reached")'
	[ "$status" != 0 ] || tell "wanted a failure"
	says_not reached
}

@test "hooks and their state are one for all programs of a box" {
	cat >count.lua <<-'END'
		extends "default"
		local n = 0
		on.openat = function(call)
			if call.path:match("counter$") then
				n = n + 1
				return deny(n % 2 == 1 and "EXDEV" or "ENOTEMPTY")
			end
		end
	END
	start -p ./count.lua -- sh -c 'cat counter; cat counter; cat counter; echo ready; exec sleep 1000'
	[ "$(cut -d: -f3 "$SCRATCH/err")" = $' Invalid cross-device link\n Directory not empty\n Invalid cross-device link' ]
	cloche exec "$BOX" -- cat counter
	complains "Directory not empty"
	cloche exec "$BOX" -- sh -c 'cat counter; cat counter'
	[[ $stderr == *cross-device*"not empty"* ]] || tell "in another order"
}

@test "on the stop route, too, and the tracer has who enters" {
	echo 'extends "default"
	on.close = function(call) if call.fd == 77 then return deny "EXDEV" end end' >close.lua
	start -p ./close.lua -- sh -c 'echo ready; exec sleep 1000'
	cloche exec "$BOX" -- python3 -c '
import os
try: os.close(77)
except OSError as e: print(e.strerror)'
	succeeds
	prints "Invalid cross-device link"
	local route
	for route in stop notify; do
		kill -TERM "$LAUNCHER"
		wait "$LAUNCHER" || true
		start --route "$route" -- sh -c 'echo ready; exec sleep 1000'
		cloche exec "$BOX" -- sh -c 'ls / | grep etc; (exit 5); echo $?'
		succeeds
		prints $'etc\n5'
	done
}

@test "what is refused to who has entered is in the report of the box" {
	start --report r.json -- sh -c 'echo ready; exec sleep 1000'
	cloche exec "$BOX" -- unshare -U true
	[ "$status" != 0 ]
	kill -TERM "$LAUNCHER"
	wait "$LAUNCHER" || true
	LAUNCHER=
	python3 -c 'import json; r = json.load(open("r.json"))
assert any(e["call"] == "unshare" for e in r["refused"]), r["refused"]
assert any("unshare" in e["program"] for e in r["started"]), r["started"]'
}

@test "a terminal of its own, with its size, its keys and job control" {
	waits
	typed '
import sys
box = sys.argv[1]
t = Terminal([CLOCHE, "exec", box, "--", "sh", "-c", "tty; stty size; ps -o tty= -p $$; echo end"], rows=33, columns=77)
t.expect("/dev/pts/0")
t.expect("33 77")
t.expect("pts/0")
assert t.wait() == 0
t = Terminal([CLOCHE, "exec", box, "--", "bash", "-c",
	"stty size; trap \"stty size; exit 3\" WINCH; echo ready; while :; do read -t 1 x; done"], rows=33, columns=77)
t.expect("ready")
t.resize(44, 99)
t.expect("44 99")
assert t.wait() == 3
t = Terminal([CLOCHE, "exec", box, "--", "sh", "-c", "echo ready; exec sleep 1000"])
t.expect("ready")
t.send("\x03")
assert t.wait() == 130
# Ctrl-Z stops it, and the command with it; both go on.
t = Terminal(["bash", "--norc", "-i"], env={"PS1": "prompt>"})
t.expect("prompt>")
t.send(f"{CLOCHE} exec {box} -- sh -c \"echo re\\\"\\\"ady; exec cat\"\n")
t.expect("ready\r\n")
t.send("one\n")
t.expect("one\r\none\r\n")
t.send("\x1a")
t.expect("Stopped")
t.send("fg\n")
t.expect("cat\"\r\n")
t.send("two\n")
t.expect("two\r\ntwo\r\n")
t.send("\x04")
t.expect("prompt>")
t.send("echo status:$?\n")
t.expect("status:0")
t.send("exit\n")
t.wait()
# Two at once have two.
a = Terminal([CLOCHE, "exec", box, "--", "sh", "-c", "tty; read x"])
a.expect("/dev/pts/0")
b = Terminal([CLOCHE, "exec", box, "--", "sh", "-c", "tty; read x"])
b.expect("/dev/pts/1")
a.hang_up()
a.wait()
b.send("\n")
assert b.wait() == 0' "$BOX"
	eventually 5 no_porter
}

@test "a launcher that is stopped is told of, in time" {
	waits
	local ended=0
	kill -STOP "$LAUNCHER"
	# A pipe that was sent to it would stay open there until it goes on.
	"$CLOCHE" exec "$BOX" -- true 2>&1 </dev/null | cat >said || true
	ended=${PIPESTATUS[0]}
	grep -q . said || tell "nothing was said"
	"$CLOCHE" exec "$BOX" -- true >/dev/null 2>&1 </dev/null & # A signal ends it at once, or soon.
	ENTRY=$!
	kill -INT "$ENTRY" || true
	kill -CONT "$LAUNCHER"
	wait "$ENTRY" || true
	[ "$ended" = 125 ]
	grep -q "does not answer" said || tell "$(cat said)"
	eventually 5 no_porter
	cloche exec "$BOX" -- true
	succeeds
}

@test "a store whose path is longer than a socket's may be" {
	need_user
	XDG_DATA_HOME=$SCRATCH/data/$(printf 'long-%.0s' {1..40})
	mkdir -p "$XDG_DATA_HOME"
	waits
	cloche exec "$BOX" -- cat file
	prints first
}
