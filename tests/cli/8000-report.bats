#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# --report: how a run went, as JSON.

load ../helpers

# report EXPRESSION: Python about r, the report.
report() {
	python3 -c '
import json, sys
r = json.load(open("report"))
assert eval(sys.argv[1]), json.dumps(r, indent=1)' "$1"
}

@test "a program that exits" {
	box --report report -- sh -c 'exit 3'
	fails_with 3
	report 'r["ended"] == "exited" and r["status"] == 3'
	report 'r["command"] == ["sh", "-c", "exit 3"]'
}

@test "a program that is killed" {
	box --report report -- sh -c 'kill -9 $$'
	fails_with 137
	report 'r["ended"] == "signalled" and r["signal"] == 9 and r["status"] == 137'
}

@test "a program whose time is over" {
	box --report report --wall 200ms -- sleep 1000
	fails_with 124
	report 'r["ended"] == "wall" and r["status"] == 124'
	report '200 <= r["resources"]["wall_ms"] < 20000'
}

@test "a program that wants too much memory" {
	box --report report --memory 60M -- python3 -c '
x = bytearray(400 << 20)
for i in range(0, len(x), 4096): x[i] = 1'
	[ "$status" != 0 ]
	report 'r["ended"] in ("memory", "exited", "signalled")'
	[ "$(id -u)" != 0 ] || report 'r["ended"] == "memory"'
}

@test "a program that is not there" {
	box --report report -- /no/such
	fails_with 127
	report 'r["ended"] == "not started" and r["status"] == 127'
}

@test "resources" {
	box --report report -- python3 -c '
import time
x = bytearray(30 << 20)
while time.process_time() < 0.1: pass'
	succeeds
	report 'r["resources"]["user_us"] + r["resources"]["system_us"] >= 90000'
	report '25 << 20 <= r["resources"]["largest_process_bytes"] < 1 << 30'
	report 'r["resources"]["wall_ms"] >= 90'
}

@test "every refused call, with program, call, arguments and rule" {
	box --report report -- python3 -c '
import ctypes
libc = ctypes.CDLL(None)
for i in range(3): libc.mount(b"x", b"/tmp", b"tmpfs", 17, None)
libc.syscall(425, 8, 0)'
	succeeds
	report '[c for c in r["refused"] if c["call"] == "mount" and c["args"][3] == "0x11"
		and c["count"] >= 1 and c["errno"] and "python" in c["program"] and "rule" in c]'
	report '[c for c in r["refused"] if c["call"] == "io_uring_setup" and c["args"][0] == "0x8"]'
}

@test "a refusal by a policy names the line" {
	echo 'extends "default" calls { refuse = { "sync" } }' >p.lua
	box -p ./p.lua --report report -- sync
	report '[c for c in r["refused"] if c["call"] == "sync" and "p.lua:1" in c["rule"]]'
}

@test "every started program" {
	box --report report -- sh -c 'ls /usr >/dev/null; echo $(basename /a/b); true'
	succeeds
	report '[p for p in r["started"] if p["program"].endswith("/ls") and p["argv"] == ["ls", "/usr"]]'
	report '[p for p in r["started"] if p["program"].endswith("/basename")]'
	report 'r["started_not_listed"] == 0'
}

@test "arguments that are no text are escaped" {
	box --report report -- printf '\xff' $'\xff\n"'
	report 'r["command"][2] == "\\xff\\n\""'
}

@test "refused calls that repeat are counted, and the list has an end" {
	box --report report -- python3 -c '
import ctypes
libc = ctypes.CDLL(None)
for i in range(10000): libc.syscall(425, i, 0)'
	succeeds
	report 'len(r["refused"]) <= 4096 and r["refused_not_listed"] > 0'
}

@test "a program that ends well has nothing refused" {
	box --report report -- true
	succeeds
	report 'r["ended"] == "exited" and r["status"] == 0 and r["refused_not_listed"] == 0'
}

@test "the report replaces what was there" {
	head -c 100000 /dev/zero >report
	box --report report -- true
	report 'r["ended"] == "exited"'
}

@test "where guests may write, a report goes over no other file" {
	echo precious >"$SCRATCH/precious"
	mkdir out
	ln -s "$SCRATCH/precious" out/report
	box --write out --report out/report -- true
	fails_with 125
	complains "out/report"
	mkfifo out/pipe
	box --write out --report out/pipe -- true
	fails_with 125
	ln -s "$SCRATCH" out/folder
	box --write out --report out/folder/new -- true
	fails_with 125
	box --write out --report out/folder/precious -- true
	fails_with 125
	[ ! -e "$SCRATCH/new" ]
	[ "$(cat "$SCRATCH/precious")" = precious ]
	mkdir out/real
	box --write out --report out/real/report -- true
	succeeds
	grep -q '"exited"' out/real/report
}

@test "a report goes to an open descriptor, and to standard output" {
	box --report /dev/fd/7 -- true 7>seven
	succeeds
	grep -q '"exited"' seven
	box --report - -- true
	succeeds
	says '"exited"'
	box --report >(cat >piped) -- true
	succeeds
	eventually 5 grep -q '"exited"' piped
}
