#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# cloche trace: what programs ask the kernel, as strace shows it.

load ../helpers

# trace OPTION... -- WHAT: what g_traced does, for each ABI; its lines are in the file "lines".
trace() { # ABI OPTION...
	local abi=$1 program=$GUEST_DIR/g_traced
	[ "$abi" = x86_64 ] || program+=_32
	[ -e "$program" ] || skip "no program of this ABI here"
	shift
	local what=${!#}
	cloche trace -o lines --read "$GUEST_DIR" "${@:1:$#-1}" -- "$program" "$what"
}

line() { # REGULAR EXPRESSION
	grep -qE -- "$1" lines || {
		cat lines
		tell "no line: $1"
	}
}

no_line() {
	! grep -E -- "$1" lines || tell "a line that should not be: $1"
}

@test "lines are strace's, and the program's status is passed on" {
	cloche trace -- sh -c 'exit 3'
	fails_with 3
	complains 'execve("/usr/bin/sh", ["sh", "-c", "exit 3"], 0x'
	complains '= 0'
	complains 'exit_group(3) = ?'
	complains '+++ exited with 3 +++'
	[[ $stderr != *'[pid'* ]]
	prints ""
}

@test "the program's own streams are its own" {
	run --separate-stderr bash -c 'echo in | "$1" trace -o lines -- sh -c "cat; echo err >&2"' - "$CLOCHE"
	succeeds
	prints in
	[ "$stderr" = err ]
	line '^[0-9]+ +write\(1<pipe:\[[0-9]+\]>, "in\\n", 3\) = 3$'
}

@test "what came before the program is not shown" {
	cloche trace -o lines -- true
	succeeds
	[[ $(head -n 1 lines) =~ ^[0-9]+\ +execve\(.*\)\ =\ 0$ ]]
	[ "$(grep -c execve lines)" = 1 ]
	cloche trace -o lines -e futex,write,exit_group -- true
	succeeds
	no_line 'futex|write'
}

@test "a program that is not there" {
	cloche trace -o lines -- /no/such
	fails_with 127
	complains "/no/such"
	[ ! -s lines ]
}

@test "signals that end programs" {
	cloche trace -- sh -c 'kill -9 $$'
	fails_with 137
	complains '+++ killed by SIGKILL +++'
}

for_each_abi() {
	local abi
	for abi in x86_64 i386; do
		[ "$abi" = x86_64 ] || [ -e "$GUEST_DIR/g_traced_32" ] || continue
		"$@" "$abi"
	done
}

shows_descriptors() {
	trace "$1" descriptors
	fails_with 7
	line 'open(at)?\((AT_FDCWD, )?"/etc/passwd", O_RDONLY[^)]*\) = ([0-9]+)</etc/passwd>$'
	line 'read\(([0-9]+)</etc/passwd>, ".", 1\) = 1$'
	line 'read\(([0-9]+)</etc/group>, ".", 1\) = 1$'
	line 'close\([0-9]+</etc/passwd>\) = 0$'
	line 'dup2\(0</dev/null>, [0-9]+</etc/group>\) = [0-9]+</dev/null>$'
	line 'l?l?seek\([0-9]+</dev/null>, '
	line 'pipe2?\(\[[0-9]+<pipe:\[[0-9]+\]>, [0-9]+<pipe:\[[0-9]+\]>\]'
	line 'write\([0-9]+<pipe:\[[0-9]+\]>, "", 0\) = 0$'
}

@test "descriptors have paths, those of now" {
	for_each_abi shows_descriptors
}

shows_wild() {
	trace "$1" wild
	fails_with 7
	line 'chdir\(0xffffffff(ffffffff)?\) = -1 EFAULT \(Bad address\)$'
	line 'chdir\("xxxxxx"?\.*\) = -1 EFAULT|chdir\(0x[0-9a-f]+\) = -1 EFAULT'
	line 'writev\(99, (\[|0x)'
	line 'writev\(99, 0x8, (-1|4294967295)\) = -1 E'
	line 'write\(99, "x+"\.\.\., 5000\) = -1 EBADF'
	line 'execve\(0x10, '
	line 'ioctl\(99, '
	line 'exit_group\(7\) = \?$'
}

@test "what strace's readers look for is where they look" {
	cloche trace -o lines -- sh -c 'cd /etc/apt && /bin/pwd; ls; sh -c "kill -TERM \$\$"; true'
	succeeds
	# Entries are counted, and a directory that is opened has no mode.
	line 'getdents64\(3</etc/apt>, 0x[0-9a-f]+ /\* [1-9][0-9]* entries \*/, [0-9]+\) = [1-9]'
	line 'getdents64\(3</etc/apt>, 0x[0-9a-f]+ /\* 0 entries \*/, [0-9]+\) = 0'
	line 'openat\(AT_FDCWD, "[^"]*", [A-Z_|]*O_DIRECTORY\) = 3</etc/apt>'
	line 'getcwd\("/etc/apt", [0-9]+\) = 9'
	line 'mmap\(0x[0-9a-f]+, [0-9]+, [A-Z_|]*, [A-Z_|]*MAP_FIXED[A-Z_|]*, [0-9]+<[^>]*>, 0x[0-9a-f]+\) = 0x'
}

shows_spellings() {
	trace "$1" spelled
	fails_with 7
	line 'poll\(\[\{fd=-1, events=0\}\], 1, 1\) = 0 \(Timeout\)$'
	line 'select(6|6_time64)?\(0, .*\) = 0 \(Timeout\)$'
	# The library of i386 asks by statx.
	line '"/dev/null", (\{st_mode=S_IFCHR\|0666, st_rdev=makedev\(0x1, 0x3\), \.\.\.\}|.*stx_mode=)'
	line '"/", (\{st_mode=S_IFDIR\|0[0-7]+, st_size=[0-9]+, \.\.\.\}|.*stx_mode=)'
	line 'getsockname\(3<.*>, \{sa_family=AF_UNIX\}, \[128 => 2\]\) = 0$'
	line 'getsockname\(3<.*>, \{sa_family=AF_UNIX\}, \[2\]\) = 0$'
	line 'waitid\(P_PID, .*si_code=CLD_KILLED, .*si_status=SIGKILL[,}]'
	line 'waitid\(P_PID, .*si_code=CLD_EXITED, .*si_status=9[,}]'
}

@test "times that are over, devices, lengths that change and ends of children are spelled as strace does" {
	for_each_abi shows_spellings
}

@test "pointers to nowhere are shown as they are" {
	for_each_abi shows_wild
}

shows_threads() {
	trace "$1" threads
	fails_with 7
	[ "$(grep -c 'chdir("/no/such/thread") = -1 ENOENT (No such file or directory)$' lines)" = 3 ]
	[ "$(cut -d ' ' -f 1 lines | sort -u | wc -l)" = 4 ]
	[ "$(grep -c '+++ exited with [07] +++' lines)" = 4 ]
}

@test "threads" {
	for_each_abi shows_threads
}

shows_children() {
	trace "$1" children
	fails_with 7
	line '^3 +chdir\("/no/such/child"\) = -1 ENOENT \(No such file or directory\)$'
	line '^3 +exit_group\(3\) = \?$'
	line '^3 +\+\+\+ exited with 3 \+\+\+$'
	line '^2 +--- SIGCHLD \{si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=3, .*si_status=3'
	line '^2 +wait'
}

@test "children" {
	for_each_abi shows_children
}

@test "who calls is told where there are several" {
	cloche trace -e chdir --read "$GUEST_DIR" -- "$GUEST_DIR/g_traced" children
	fails_with 7
	complains '[pid     3] chdir("/no/such/child") = -1 ENOENT (No such file or directory)'
	complains $'\n+++ exited with 7 +++'
}

shows_killed() {
	trace "$1" killed
	fails_with 7
	line '^3 +(pause\(|rt_sigsuspend|ppoll).* <unfinished \.\.\.>\) = \?$|^3 +\+\+\+ killed by SIGKILL'
	line '^3 +\+\+\+ killed by SIGKILL \+\+\+$'
}

@test "a call that its caller's end ends" {
	for_each_abi shows_killed
}

shows_signalled() {
	trace "$1" signalled
	fails_with 7
	line '^2 +--- SIGUSR1 \{si_signo=SIGUSR1, si_code=SI_TKILL, si_pid=2, si_uid=[0-9]+\} ---$'
	line '(rt_)?sigreturn\('
}

@test "signals" {
	for_each_abi shows_signalled
}

shows_take_over() {
	trace "$1" take-over
	fails_with 7
	line '^2 +\+\+\+ superseded by execve in pid [0-9]+ \+\+\+$'
	line '^2 +(execve\(.*"nothing"\].*|<\.\.\. execve resumed>\)) = 0$'
	line '^2 +exit_group\(7\) = \?$'
}

@test "a thread that executes a program" {
	for_each_abi shows_take_over
}

shows_network() {
	trace "$1" -e '%net' network
	fails_with 7
	line 'socket\(AF_INET, SOCK_STREAM, (IPPROTO_IP|0)\) = [0-9]+<socket:\[[0-9]+\]>$'
	line 'connect\([0-9]+<socket:\[[0-9]+\]>, \{sa_family=AF_INET, sin_port=htons\(9\), sin_addr=inet_addr\("127.0.0.1"\)\}, 16\) = -1 ECONNREFUSED'
	no_line 'socketcall'
	trace "$1" -e 'connect' network
	[ "$(grep -vc '+++' lines)" = 1 ]
}

@test "addresses, also behind socketcall" {
	for_each_abi shows_network
}

shows_refused() {
	trace "$1" refused
	fails_with 7
	line 'mount\("none", "/mnt", "tmpfs", 0, NULL\) = -1 EPERM \(Operation not permitted\) \[refused: table\]$'
	trace "$1" -e mount --json refused
	python3 -c '
import json
lines = [json.loads(line) for line in open("lines")]
assert lines[0]["call"] == "mount" and lines[0]["refused"] == "table", lines
assert lines[0]["error"] == "EPERM" and lines[0]["pid"] == 2, lines'
}

@test "a refused call has the rule that refused it" {
	for_each_abi shows_refused
}

@test "what a policy refuses, too" {
	echo 'extends "default" calls { refuse = { "getcwd" } }' >p.lua
	cloche trace -o lines -p p.lua -e getcwd -- python3 -c '
import os
try: os.getcwd()
except OSError: print("refused")'
	succeeds
	prints refused
	line 'getcwd\(.*\[refused: .*p\.lua'
}

@test "-e: families, lists, everything but" {
	cloche trace -o lines -e '%file' -- cat /etc/hostname
	line 'openat\('
	line 'execve\('
	no_line 'read\(|mmap\(|brk\('
	cloche trace -o lines -e trace=openat,close -- cat /etc/hostname
	line 'openat\('
	line 'close\('
	no_line 'read\(|mmap\(|execve\('
	cloche trace -o lines -e '!%mem,%desc' -- cat /etc/hostname
	line 'execve\('
	no_line 'mmap\(|read\(|brk\('
	cloche trace -o lines -e '/^(read|write)$' -- cat /etc/hostname
	line 'read\('
	no_line 'openat'
	cloche trace -o lines -e none -- true
	[ "$(grep -vc '+++' lines)" = 0 ]
	cloche trace -o lines -e '?no_such_call,brk' -- true
	succeeds
	line 'brk'
}

@test "-e: what is no call" {
	cloche trace -e opnat -- true
	fails_with 125
	complains "is it 'openat'?"
	cloche trace -e '%fil' -- true
	fails_with 125
	complains "%file"
	cloche trace -e 'open,' -- true
	fails_with 125
	complains "a name is missing"
	cloche trace -e 'signal=SIGTERM' -- true
	fails_with 125
	complains "trace="
	cloche trace -e '/(' -- true
	fails_with 125
	complains "'/('"
}

@test "wrong options" {
	cloche trace
	fails_with 125
	complains "which program?"
	cloche trace -s no -- true
	fails_with 125
	cloche trace -s 5000 -- true
	fails_with 125
	cloche trace -o /no/such/dir/file -- true
	fails_with 125
	complains "/no/such/dir/file"
}

@test "-o to a full disk is an error" {
	[ -w /dev/full ] || skip "no /dev/full"
	cloche trace -o /dev/full -- true
	fails_with 125
	complains "No space left"
}

@test "-c: a table" {
	cloche trace -c -o lines -- sh -c 'cat /no/such; cat /etc/hostname'
	succeeds
	line '^% time     seconds  usecs/call     calls    errors syscall$'
	line '^ *[0-9.]+ +[0-9.]+ +[0-9]+ +[0-9]+ +[0-9]+ openat$'
	line '^ *[0-9.]+ +[0-9.]+ +[0-9]+ +3 +execve$'
	line '^100.00 .* total$'
	no_line 'openat\(|\+\+\+'
	cloche trace -c --json -o lines -e execve -- sh -c 'true; /bin/true'
	python3 -c '
import json
[row] = [json.loads(line) for line in open("lines")]
assert row["call"] == "execve" and row["calls"] == 2 and row["errors"] == 0, row'
}

@test "-s: longer strings" {
	cloche trace -o lines -e write -- echo 0123456789012345678901234567890123456789
	line '"01234567890123456789012345678901"\.\.\., 41\)'
	cloche trace -o lines -s 100 -e write -- echo 0123456789012345678901234567890123456789
	line '"0123456789012345678901234567890123456789\\n", 41\)'
}

@test "--json: every line is an object" {
	cloche trace --json -o lines -- sh -c 'cat /no/such & wait; kill -9 $$'
	fails_with 137
	python3 -c '
import json
lines = [json.loads(line) for line in open("lines")]
assert lines[0]["call"] == "execve" and lines[0]["args"]["argv"][0] == "sh", lines[0]
assert lines[0]["result"] == 0
assert any(l.get("error") == "ENOENT" and l["args"]["path"] == "/no/such" for l in lines)
assert any(l.get("event") == "exited" and l["status"] == 1 for l in lines)
assert any(l.get("event") == "signal" and l["signal"] == "SIGCHLD" for l in lines)
assert lines[-1] == {"pid": 2, "event": "killed", "signal": "SIGKILL"}, lines[-1]
assert all(isinstance(l["pid"], int) for l in lines)'
}

json_wild() {
	trace "$1" --json wild
	python3 -c '
import json
for line in open("lines"): json.loads(line)'
}

@test "--json: of pointers to nowhere, too" {
	for_each_abi json_wild
}

@test "what a guest says cannot reach the terminal" {
	cloche trace -- cat $'/no/\e]0;x\a/\xff/\n[pid 1] forged'
	fails_with 1
	complains '"/no/\33]0;x\7/\377/\n[pid 1] forged"'
	! grep -q $'\e' <<<"$(grep openat <<<"$stderr")"
}

@test "extended attributes are still looked at" {
	cloche trace -o lines -- python3 -c '
import os
open("f", "w").close()
try: os.setxattr("f", "user.overlay.opaque", b"y")
except OSError as e: print(e.errno)
try: os.setxattr("f", "user.mine", b"y"); print(os.getxattr("f", "user.mine"))
except OSError as e: print(e.errno)'
	succeeds
	[[ $output == $'1\n'* ]] || tell "not refused"
	line 'setxattr\("f", "user.overlay.opaque".* = -1 EPERM'
	line 'setxattr\("f", "user.mine", .* = (0|-1 EOPNOTSUPP)'
}

@test "guests see the processors that they have" {
	want=$(box -- nproc; echo "$output")
	cloche trace -o lines -- nproc
	prints "$want"
	cloche trace -o lines -- grep Cpus_allowed: /proc/self/status
	got=$output
	box -- grep Cpus_allowed: /proc/self/status
	prints "$got"
	need_command taskset
	[ "$(nproc)" -gt 1 ] || skip "one processor"
	cloche trace -o lines -- sh -c 'taskset -p -c 0 $$ >/dev/null; nproc; /bin/true; nproc'
	prints $'1\n1'
}

@test "many processes and threads at once" {
	cloche trace -o lines -- sh -c '
		for i in 1 2 3 4 5 6 7 8; do (for j in 1 2 3 4 5; do /bin/true; done) & done; wait; echo done'
	succeeds
	prints "done"
	[ "$(grep -cE 'execve\("/bin/true".*( = 0|<unfinished \.\.\.>)$' lines)" = 40 ]
	[ "$(grep -c '+++ exited with 0 +++' lines)" = 49 ]
}

# until_line EXPRESSION FILE: waits for it.
until_line() {
	local end=$((SECONDS + 30))
	until grep -qE -- "$1" "$2"; do
		[ "$SECONDS" -lt "$end" ] || {
			cat "$2"
			tell "no such line: $1"
		}
	done
}

@test "a call that waits is shown while it waits, and then how it went on" {
	mkfifo in
	exec 4<>in
	"$CLOCHE" trace -o lines -e read,wait4,exit_group -- sh -c 'cat; exit 3' \
		<in >out 3>&- 4>&- &
	pid=$!
	until_line '^3 +read\(0<[^>]*>, $|^3 +read\(0<[^>]*>,  <unfinished \.\.\.>$' lines
	until_line '^2 +wait4\(-1,  ?(<unfinished \.\.\.>)?$' lines
	echo hello >&4
	until_line hello out
	exec 4>&-
	status=0
	wait "$pid" || status=$?
	[ "$status" = 3 ]
	line '^3 +(<\.\.\. read resumed>|read\(0<[^>]*>, )"hello\\n", [0-9]+\) = 6$'
	line '^2 +(<\.\.\. wait4 resumed>|wait4\(-1, ).* = 3$'
	line ' <unfinished \.\.\.>$'
	line '<\.\.\. [a-z0-9]+ resumed>'
	line '^2 +exit_group\(3\) = \?$'
	[ "$(grep -c 'exited with' lines)" = 2 ]
}

@test "a call that waits alone is one line" {
	mkfifo in
	exec 4<>in
	"$CLOCHE" trace -o lines -e read -- cat <in >out 3>&- 4>&- &
	pid=$!
	until_line '^2 +read\(0<[^>]*>, $' lines
	echo hello >&4
	exec 4>&-
	wait "$pid"
	line '^2 +read\(0<[^>]*>, "hello\\n", [0-9]+\) = 6$'
}

@test "--json: that a call waits is an event, and it comes whole later" {
	mkfifo in
	exec 4<>in
	"$CLOCHE" trace --json -o lines -e read -- cat <in >out 3>&- 4>&- &
	pid=$!
	until_line '"event": "waiting"' lines
	echo hello >&4
	exec 4>&-
	wait "$pid"
	python3 -c '
import json
lines = [json.loads(line) for line in open("lines")]
at = next(i for i, l in enumerate(lines) if l.get("event") == "waiting")
assert lines[at]["call"] == "read" and lines[at]["pid"] == 2 and "result" not in lines[at]
assert lines[at + 1]["call"] == "read" and lines[at + 1]["result"] == 6, lines[at + 1]'
}

@test "when the time is over, what was under way is unfinished and who is left is killed" {
	cloche trace -o lines --wall "${CLOCHE_SLOW:-1}s" -- sh -c '(exec sleep 987) & read x; wait'
	fails_with 124
	line '^2 +(<\.\.\. )?(wait4|rt_sigsuspend|read).* <unfinished \.\.\.>\) = \?$'
	line '^3 +(<\.\.\. )?clock_nanosleep.* <unfinished \.\.\.>\) = \?$'
	[ "$(grep -c '+++ killed by SIGKILL +++$' lines)" = 2 ]
	cloche trace -o lines --wall "${CLOCHE_SLOW:-1}s" -- sh -c 'while :; do kill -0 $$; done'
	fails_with 124
	[ "$(tail -n 1 lines | cut -c 7-)" = '+++ killed by SIGKILL +++' ]
	cloche trace -c -o lines -e kill --wall "${CLOCHE_SLOW:-1}s" -- sh -c 'while :; do kill -0 $$; done'
	fails_with 124
	line ' kill$'
}

@test "what goes on is shown at once" {
	mkfifo lines
	exec 4<>lines # Who writes to a pipe that nobody reads is told so at once.
	"$CLOCHE" trace -o lines -e write -- sh -c 'echo one; read x' <&- >/dev/null 2>&1 3>&- &
	pid=$!
	read -r -t $((30 * ${CLOCHE_SLOW:-1})) first <&4
	exec 4>&-
	wait "$pid" || true
	[[ $first == *'write(1'* ]]
}

@test "a guest's own programs under the guest tests' eyes" {
	for name in g_files g_signals g_processes; do
		run --separate-stderr "$CLOCHE" trace -o lines --read "$GUEST_DIR" -- "$GUEST_DIR/$name" </dev/null
		all_ok
	done
}
