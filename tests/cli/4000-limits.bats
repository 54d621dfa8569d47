#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# Each limit is enforced, or is an error before anything starts.

load ../helpers

teardown() {
	[ "$(id -u)" != 0 ] || "$CLOCHE" box remove "disk$$" 2>/dev/null || true
	scratch_done
}

@test "--wall ends everything with 124" {
	local mark=cloche-wall-$$-$RANDOM
	box --wall 0.3 -- bash -c "trap '' TERM; (exec -a $mark sleep 1000) & sleep 1000"
	fails_with 124
	complains "cloche: the box was ended: its time is over (--wall)"
	nothing_runs "$mark"
	box --wall 60 -- echo quick
	succeeds
	prints quick
}

@test "--memory: a program within it is not touched" {
	box --memory 200M -- python3 -c 'x = bytearray(50 << 20); print(len(x))'
	succeeds
	prints 52428800
}

@test "--memory: a program beyond it does not get it" {
	box --memory 100M -- python3 -c '
x = bytearray(400 << 20)
for i in range(0, len(x), 4096): x[i] = 1
print("reached")'
	[ "$status" != 0 ] || tell "wanted a failure"
	says_not reached
}

@test "--memory: a box without any is ended, and it is said why" {
	box --memory 5 -- true
	[ "$status" != 0 ] || tell "wanted a failure"
	[ "$status" != 137 ] || complains "cloche: the box was ended: its memory is at its limit (--memory)"
}

@test "--memory holds for all processes together" {
	# Who has reached it holds it, until each of the others has, too, or is dead.
	box --memory 150M -- bash -c '
		for i in 1 2 3 4 5 6; do
			python3 -c "
x = bytearray(60 << 20)
for i in range(0, len(x), 4096): x[i] = 1
open(\"reached$i\", \"w\")
import time
time.sleep(1000)" &
		done
		reached() { set -- reached*; [ -e "$1" ] || set --; echo $#; }
		until (($(jobs -pr | wc -l) <= $(reached))); do sleep 0.05; done
		echo "$(reached) reached it"
		kill -KILL $(jobs -p)'
	says_not "6 reached"
}

@test "--memory holds for shared memory, /tmp and mappings" {
	box --memory 50M -- python3 -c '
import mmap
x = mmap.mmap(-1, 300 << 20)
for i in range(0, len(x), 4096): x[i] = 1
print("reached")'
	[ "$status" != 0 ] || tell "wanted a failure"
	says_not reached
	box --memory 50M -- sh -c 'head -c 300M /dev/zero >/dev/shm/x && echo reached'
	says_not reached
}

@test "--tasks: no more than that many" {
	box --tasks 20 -- python3 -c '
import os, time
made = 0
try:
    for i in range(100):
        if os.fork() == 0:
            time.sleep(100)
        made += 1
except OSError as error:
    print("refused", error.errno, made, flush=True)
os._exit(0)'
	succeeds
	[[ $output =~ refused\ 11\ ([0-9]+) ]] || tell "wanted EAGAIN"
	((BASH_REMATCH[1] <= 20 && BASH_REMATCH[1] >= 10)) || tell "wanted about 20"
}

@test "--tasks: one is enough for one program, two are not enough for three" {
	box --tasks 1 -- true
	succeeds
	box --tasks 1 -- sh -c 'true & wait $!'
	[ "$status" != 0 ] || tell "there were two"
	box --tasks 2 -- sh -c 'sh -c "exit 3" & wait $!'
	fails_with 3
	box --tasks 2 -- sh -c 'sleep 1000 & true & wait $!'
	[ "$status" != 0 ] || tell "there were three"
}

@test "--tasks: threads count" {
	box --tasks 20 -- python3 -c '
import threading
made = 0
wait = threading.Event()
try:
    for i in range(100):
        threading.Thread(target=wait.wait, daemon=True).start()
        made += 1
except RuntimeError:
    print("refused", made, flush=True)
import os; os._exit(0)'
	succeeds
	says refused
}

@test "--tasks: a fork bomb is stopped, and the box ends" {
	box --tasks 30 --wall 5 -- bash -c 'f() { f | f & }; f; sleep 1; exit 3'
	[[ $status == 3 || $status == 124 ]] || tell "wanted 3 or 124"
}

@test "--cpu: parts of a core, or an error before anything starts" {
	box --cpu 0.2 -- python3 -c '
import time
start, used = time.monotonic(), time.process_time()
while time.process_time() - used < 0.2: pass
print("share", 0.2 / (time.monotonic() - start))'
	if [ "$status" = 125 ]; then
		complains "cgroup"
		[ -z "$output" ]
		return
	fi
	succeeds
	python3 -c 'import sys; assert float(sys.argv[1].split()[1]) < 0.6' "$output" ||
		tell "wanted about 0.2"
}

@test "--cpu: whole cores" {
	box --cpu 1 -- python3 -c '
import os, time
def work():
    end = time.monotonic() + 0.5
    while time.monotonic() < end: pass
start = time.monotonic()
pids = []
for i in range(3):
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    pids.append(pid)
for pid in pids: os.waitpid(pid, 0)
used = os.times()
print((used.children_user + used.children_system) / (time.monotonic() - start))'
	succeeds
	python3 -c 'import sys; assert float(sys.argv[1]) < 1.3' "$output" || tell "wanted 1 processor"
}

@test "--disk: what a box writes is limited" {
	box --disk 2M -- sh -c 'head -c 1M /dev/zero >a && echo one; head -c 8M /dev/zero >b && echo two'
	says one
	says_not two
}

@test "--disk: many files together" {
	box --disk 4M -- sh -c 'for i in $(seq 1 40); do head -c 512K /dev/zero >f$i || exit 9; done; echo all'
	[ "$status" != 0 ] || tell "wanted a failure"
	says_not all
}

@test "--disk holds for a box that is kept" {
	box -b disk$$ --disk 4M -- sh -c '
		for i in $(seq 1 400); do head -c 1M /dev/zero >f$i || exit 9; sleep 0.01; done; echo all'
	[ "$status" != 0 ] || tell "wanted a failure"
	says_not all
}

@test "a limit that cannot be enforced is an error before anything starts" {
	mkdir out
	box --write out --cpu 0.3 --tasks 5 --memory 64M -- touch out/started
	if [ "$status" != 0 ]; then
		fails_with 125
		[ ! -e out/started ] || tell "it had started"
		complains "doctor"
	else
		[ -e out/started ]
	fi
}

@test "none takes a limit of a policy back" {
	echo 'extends "default" limits { wall = "200ms" }' >p.lua
	box -p ./p.lua -- sleep 100
	fails_with 124
	box -p ./p.lua --wall none -- sleep 0.5
	succeeds
}

# As systemd-run --user --scope --property Delegate=yes does it.
@test "in a group that is the caller's to divide every limit can be had" {
	need_root
	id cloche-test >/dev/null 2>&1 || skip "no account cloche-test here"
	grep -qw memory /sys/fs/cgroup/cgroup.controllers 2>/dev/null || skip "no pure cgroup v2 here"
	local group=/sys/fs/cgroup/test-$$
	mkdir "$group"
	chown cloche-test "$group" "$group"/cgroup.{procs,subtree_control,threads}
	run --separate-stderr sh -c 'echo $$ >"$1/cgroup.procs" && cd / && shift && exec "$@"' - "$group" \
		setpriv --reuid cloche-test --regid cloche-test --init-groups -- env -i PATH="$PATH" \
		HOME="$(getent passwd cloche-test | cut -d: -f6)" \
		"$CLOCHE" run --memory 64M --tasks 5 --cpu 0.5 -- echo ran </dev/null
	find "$group" -depth -type d -exec rmdir {} +
	succeeds
	prints ran
}

@test "--disk holds also while others free space on the same file system" {
	head -c 64M /dev/zero >"$SCRATCH/other"
	sync "$SCRATCH/other"
	mkfifo "$SCRATCH/go"
	# shellcheck disable=SC2016
	"$CLOCHE" run -b "disk$$" --disk 8M --wall 200s --report "$SCRATCH/report" --write "$SCRATCH/go" -- sh -c '
		head -c 1M /dev/zero >a; echo ready; read x <"$0"
		for i in $(seq 12); do head -c 1M /dev/zero >b$i; done; exec sleep 1000' \
		"$SCRATCH/go" </dev/null >"$SCRATCH/out" 2>"$SCRATCH/err" 3>&- &
	local launcher=$! status=0
	eventually 60 grep -q ready "$SCRATCH/out"
	# By then it has been counted once at least.
	eventually 60 older_than "$launcher" 1
	rm "$SCRATCH/other"
	sync "$SCRATCH"
	# shellcheck disable=SC2016
	timeout $((20 * ${CLOCHE_SLOW:-1})) sh -c 'echo >"$0"' "$SCRATCH/go"
	wait "$launcher" || status=$?
	grep -q '"ended": *"disk"' "$SCRATCH/report" || tell "status $status: $(cat "$SCRATCH/report")"
	"$CLOCHE" box remove "disk$$"
}

older_than() { # PID SECONDS
	[ "$(ps -o etimes= -p "$1")" -gt "$2" ]
}
