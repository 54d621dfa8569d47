#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# gdb and strace on another program of the same box.
load '../helpers'
load 'programs'

program() {
	need_command gcc
	cat >p.c <<-'EOF'
		#include <stdio.h>
		#include <unistd.h>
		static int twice(int x) { return x * 2; }
		int main(void)
		{
			int y = twice(21);
			printf("%d\n", y);
			fflush(stdout);
			return read(0, &y, 1) == 1;
		}
	EOF
	gcc -g -O0 "$@" p.c -o p
}

@test "gdb stops at a breakpoint, shows the stack, changes a variable" {
	need_command gdb
	program
	box -- gdb -q -batch -ex 'break twice' -ex run -ex backtrace -ex 'print x' -ex 'set var x = 50' \
		-ex 'info proc' -ex continue ./p
	succeeds
	says 'twice (x=21) at p.c:3'
	says '#1 '
	says 'main () at p.c:6'
	says '$1 = 21'
	says $'\n100\n'
	says 'exited normally'
	[[ $stderr$output != *'Error disabling address space'* ]]
}

@test "gdb attaches to a running program of the box and finds its threads" {
	need_command gdb
	program
	box -- bash -ec 'mkfifo in; ./p <in >said & exec 9>in
		until [ -s said ]; do :; done
		gdb -q -batch -p $! -ex "backtrace" -ex "info threads" -ex "detach" 2>&1
		echo go >&9; wait $! || echo "ended $?"'
	succeeds
	says ' main () at p.c:9'
	says 'ended 1'
}

@test "gdb debugs an i386 program" {
	need_command gdb
	program
	need_multilib
	program -m32
	box -- gdb -q -batch -ex 'break twice' -ex run -ex 'print sizeof(long)' -ex 'print $esp != 0' ./p
	succeeds
	says 'twice (x=21)'
	says '$1 = 4'
	says '$2 = 1'
}

@test "strace shows the calls of a program and of its children" {
	need_command strace
	box -- strace -f -o log -e trace=openat,execve,exit_group sh -c 'cat /etc/hostname; exit 5'
	fails_with 5
	box -- sh -c 'strace -f -o log sh -c "cat /etc/hostname; true" >/dev/null && cat log'
	succeeds
	says 'openat(AT_FDCWD, "/etc/hostname", O_RDONLY)'
	says 'execve("/usr/bin/cat", ["cat", "/etc/hostname"]'
	says '+++ exited with 0 +++'
}

@test "strace attaches to a running program, counts, and changes a result" {
	need_command strace
	box -- bash -ec 'sleep 1000 & pid=$!
		strace -o log -p $pid & tracer=$!
		until grep -q "^TracerPid:.[1-9]" /proc/$pid/status; do :; done
		kill $pid; wait $tracer || true; grep -o "SIGTERM {" log
		strace -qq -o /dev/null -e inject=openat:error=EMFILE:when=3+ cat /etc/hostname 2>&1 || true
		strace -c -o count true; grep -c execve count'
	succeeds
	says 'SIGTERM {'
	says 'cat: /etc/hostname: Too many open files'
}

@test "nothing outside of the box can be traced, its parent least of all" {
	need_command strace
	box -- sh -c "strace -p $$ 2>&1; strace -p \$PPID 2>&1"
	[ "$status" != 0 ] || tell "something outside was traced"
	says_not 'attached'
}
