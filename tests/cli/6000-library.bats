#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
#
# libcloche as a program sees it: header, what is exported, how it is linked, the programs in
# tests/lib, and the examples, each built by the command that its head comment shows.

load ../helpers

LIBRARY_FLAGS=(-Wall -Wextra -pedantic -Werror)

# Sets LIBRARY to the folder with the installed libraries, INCLUDE to that with the header.
installed() {
	local file
	file=$(find "${INSTALLED:-/nowhere}" -name libcloche.so.0 2>/dev/null | head -n 1)
	[ -n "$file" ] || skip "no installed library here"
	LIBRARY=${file%/*}
	INCLUDE=$(find "$INSTALLED" -path '*/cloche/cloche.h')
	INCLUDE=${INCLUDE%/cloche/cloche.h}
}

plain_library() {
	installed
	! nm -D "$LIBRARY/libcloche.so.0" | grep -q __asan || skip "a library with sanitizers"
}

# Builds example NAME by the line in its head comment: cc NAME.c ...
build_example() { # NAME
	local line
	plain_library
	need_command cc pkg-config
	cp "${BATS_TEST_DIRNAME%/tests/cli}/examples/$1.c" .
	line=$(sed -n "s/^ \*     \(cc $1\.c .*\)/\1/p" "$1.c")
	[ -n "$line" ] || tell "no command line in $1.c"
	export PKG_CONFIG_SYSROOT_DIR=$INSTALLED PKG_CONFIG_PATH=$LIBRARY/pkgconfig
	export LD_LIBRARY_PATH=$LIBRARY
	eval "$line"
}

@test "the header is C99, C11 and C++ on its own, without a warning" {
	local standard
	installed
	need_command cc
	for standard in c99 c11 c17; do
		cc -std=$standard "${LIBRARY_FLAGS[@]}" -I "$INCLUDE" -c -o /dev/null \
			"$BATS_TEST_DIRNAME/../lib/header.c"
	done
	need_command c++
	for standard in c++98 c++11 c++17 c++20; do
		c++ -std=$standard "${LIBRARY_FLAGS[@]}" -I "$INCLUDE" -x c++ -c -o /dev/null \
			"$BATS_TEST_DIRNAME/../lib/header.c"
	done
	if command -v clang >/dev/null; then
		clang -std=c99 "${LIBRARY_FLAGS[@]}" -I "$INCLUDE" -c -o /dev/null \
			"$BATS_TEST_DIRNAME/../lib/header.c"
	fi
}

@test "the manual page has what the header has, and nothing else" {
	local source=${CLOCHE_SOURCE:-${BATS_TEST_DIRNAME%/tests/cli}} name
	[ -r "$source/man/libcloche.3.scd" ] || skip "the manual pages are not here to be read"
	diff <(python3 "$source/tools/api-words" "$source/include/cloche/cloche.h") \
		<(awk '/^# REFERENCE/ { in_it = 1 } /^# RETURN/ { in_it = 0 }
			in_it && /^```/ { block = !block; next } in_it && block' \
			"$source/man/libcloche.3.scd")
	# Whatever is exported is in there.
	while read -r name; do
		grep -q "\<$name(" "$source/man/libcloche.3.scd" || tell "$name is not in libcloche(3)"
	done <"$source/tests/lib/symbols"
	# And its text names nothing that there is not.
	while read -r name; do
		grep -q "\<$name\>" "$source/include/cloche/cloche.h" || tell "there is no $name"
	done < <(grep -o '\<\(cloche_[a-z_]*[a-z]\|CLOCHE_[A-Z_]*[A-Z]\)\>' "$source/man/libcloche.3.scd" | sort -u)
}

@test "what is exported is what is listed" {
	installed
	need_command nm
	nm -D --defined-only "$LIBRARY/libcloche.so.0" |
		awk '$2 == "T" { sub("@.*", "", $3); print $3 }' | grep -v '^_' | sort >exported
	diff "$BATS_TEST_DIRNAME/../lib/symbols" exported
	# The header declares them, no more and no less.
	grep -o '\bcloche_[a-z_]*(' "$INCLUDE/cloche/cloche.h" | tr -d '(' | sort -u >declared
	diff declared exported
}

@test "the static library has no other names, either" {
	plain_library
	need_command nm
	nm -g --defined-only "$LIBRARY/libcloche.a" | awk 'NF == 3 { print $3 }' | sort >names
	diff "$BATS_TEST_DIRNAME/../lib/symbols" names
}

@test "the name of the shared library has its number" {
	installed
	need_command readelf
	readelf -d "$LIBRARY/libcloche.so.0" | grep SONAME | grep -qF '[libcloche.so.0]'
}

@test "hooks of every kind" {
	run --separate-stderr "$LIB_DIR/l_hooks" </dev/null
	all_ok
}

@test "nonsense, and what cannot be" {
	run --separate-stderr "$LIB_DIR/l_errors" </dev/null
	all_ok
}

@test "programs with threads, descriptors and children" {
	run --separate-stderr "$LIB_DIR/l_programs" </dev/null
	all_ok
}

@test "a program that is process 1" {
	need_root
	run --separate-stderr unshare --pid --fork --mount-proc "$LIB_DIR/l_programs" </dev/null
	all_ok
}

@test "a program linked with the static library as pkg-config says" {
	plain_library
	need_command cc pkg-config
	export PKG_CONFIG_SYSROOT_DIR=$INSTALLED PKG_CONFIG_PATH=$LIBRARY/pkgconfig
	cat >version.c <<-'END'
		#include <cloche/cloche.h>
		#include <stdio.h>
		int main(void) { return puts(cloche_version()) < 0; }
	END
	# shellcheck disable=SC2046
	cc version.c -o version $(pkg-config --cflags libcloche) -L "$LIBRARY" -Wl,-Bstatic -lcloche \
		-Wl,-Bdynamic $(pkg-config --static --libs libcloche | sed 's/-lcloche\b//g')
	run ./version
	prints 0.1.0
	run ldd version
	says_not libcloche
}

@test "examples/virtual-file.c" {
	build_example virtual-file
	run --separate-stderr ./virtual-file cat /virtual/hello
	succeeds
	prints "hello from a file that is nowhere"
	run --separate-stderr ./virtual-file sh -c 'cd /; wc -c <virtual/hello || cat /virtual/other'
	[ "$status" != 0 ]
	run --separate-stderr ./virtual-file python3 -c 'print(open("/virtual/hello").read(5))'
	prints hello
	[ ! -e /virtual ]
	# Only this account's: the other's run of this test can have its own file there now.
	[ -z "$(find /tmp -maxdepth 1 -name 'virtual-file.??????' -user "$(id -un)")" ] ||
		tell "its file is left"
}

judged() { # VERDICT STATUS [OPTION...] SUBMISSION...
	run --separate-stderr ./judge "${@:3}"
	[[ $output == "$1 cpu "*" ms, wall "*" ms, memory "*" KiB" ]] || tell "wanted $1"
	fails_with "$2"
}

@test "examples/judge.c" {
	build_example judge
	echo '17 25' >in
	echo 42 >expected
	cat >right <<-'END'
		#!/bin/bash
		read -r a b; echo "$((a + b)) "
	END
	cat >wrong <<-'END'
		#!/bin/bash
		read -r a b; echo $((a * b))
	END
	chmod +x right wrong
	judged AC 0 in expected ./right
	judged WA 1 in expected ./wrong
	judged TLE 1 -t 0.3 in expected bash -c 'while :; do :; done'
	judged TLE 1 -t 0.3 in expected bash -c 'read -r -t 1000 <> <(:)'
	# Without a cgroup an allocation fails, and what comes of that is the submission's matter.
	judged "$([ "$CLOCHE_AS" = root ] && echo MLE || echo RE)" 1 -m 60M in expected /usr/bin/python3 -c 'x = bytearray(400 << 20)
for i in range(0, len(x), 4096): x[i] = 1'
	judged RE 1 in expected bash -c 'exit 3'
	judged RE 1 in expected /usr/bin/python3 -c 'import os; os.abort()'
	judged 'forbidden (kill)' 1 in expected bash -c 'kill -SEGV $$'
	judged 'forbidden (execve)' 1 in expected bash -c '/bin/cat expected; echo 42'
	judged 'forbidden (socket)' 1 in expected bash -c 'exec 3<>/dev/tcp/127.0.0.1/80; echo 42'
	# It cannot read what is expected of it.
	judged WA 1 in expected bash -c 'read -r x <expected; echo $x'
	run --separate-stderr ./judge in expected ./nothing
	fails_with 125
	complains "No such file"
}

# A submission in Python: what it does to the machine, the answer, and the judge.
@test "examples/judge.c: hostile submissions" {
	need_command python3
	build_example judge
	echo '17 25' >in
	echo 42 >expected
	# As many processes as there may be; the judge goes on.
	judged AC 0 in expected /usr/bin/python3 -c '
import os, time
n = 0
try:
    while n < 200:
        if os.fork() == 0:
            time.sleep(100)
        n += 1
except OSError:
    pass
print(42 if n < 40 else n)'
	judged TLE 1 -t 1 in expected /usr/bin/python3 -c '
import os
while True:
    try:
        os.fork()
    except OSError:
        pass'
	# Output without an end, into the judge's own file.
	judged RE 1 -t 20s in expected /usr/bin/python3 -c '
import os
while True:
    os.write(1, b"x" * (1 << 20))'
	# It stops, ignores everything, closes everything.
	judged TLE 1 -t 1 in expected /usr/bin/python3 -c '
import os, signal, time
for s in range(1, 65):
    try:
        signal.signal(s, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
os.closerange(0, 100)
while True:
    time.sleep(1)'
	# Other ways to send signals, and to start programs.
	judged 'forbidden (pidfd_send_signal)' 1 in expected /usr/bin/python3 -c 'import os, signal
signal.pidfd_send_signal(os.pidfd_open(os.getpid()), 9)'
	judged 'forbidden (execveat)' 1 in expected /usr/bin/python3 -c '
import ctypes
ctypes.CDLL(None).syscall(322, -100, b"/bin/true", None, None, 0)'
	# The answer by way of /proc, of its folder, of every descriptor, and of what it was asked.
	judged WA 1 in expected /usr/bin/python3 -c '
import os
for path in ["expected", "./expected", "/proc/self/cwd/expected", "../work/expected"] + [
        f"/proc/{p}/fd/{n}" for p in ("self", 1, 2, os.getppid()) for n in range(20)] + [
        f"/proc/{p}/cwd/expected" for p in (1, os.getppid())]:
    try:
        if not os.path.isfile(path) or "/fd/" in path and os.path.samefile(path, "in"):
            continue
        text = open(path).read()
        if text:
            print(text)
            break
    except OSError:
        pass'
	# What it says beside the answer is no control of the judge's terminal.
	judged WA 1 in expected /usr/bin/python3 -c 'print("\033]0;owned\007AC cpu 1 ms")'
	[[ $output != *owned* ]] || tell "it came through"
}
