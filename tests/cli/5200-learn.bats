#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
#
# cloche learn: what a program did becomes a policy, under which it does the same again, and
# nothing else.

load ../helpers

# learned NAME -- PROGRAM...: learns, runs again under the policy, and both say the same.
learned() {
	local name=$1 first
	shift 2
	cloche learn -o "$SCRATCH/$name.lua" -- "$@"
	succeeds
	first=$output
	POLICY=$SCRATCH/$name.lua
	box -p "$POLICY" -- "$@"
	succeeds
	prints "$first"
	[ -z "$stderr" ] || tell "wanted nothing on stderr"
	! grep -q extends "$POLICY" || tell "it stands on a preset"
}

# What the policy's files are.
has() { # TEXT
	grep -qF -- "$1" "$POLICY" || tell "wanted in the policy: $1
$(cat "$POLICY")"
}

has_not() {
	! grep -qF -- "$1" "$POLICY" || tell "not wanted in the policy: $1
$(cat "$POLICY")"
}

# Does what it is told: plain, read FILE, socket, ptrace.
chameleon() {
	need_command python3
	cat >chameleon.py <<-'END'
		import sys
		what = sys.argv[1]
		try:
		    if what == "read":
		        print(open(sys.argv[2]).read().strip())
		    elif what == "socket":
		        import socket
		        socket.socket(socket.AF_UNIX).close()
		        print("made")
		    elif what == "ptrace":
		        import ctypes, os
		        libc = ctypes.CDLL(None, use_errno=True)
		        if os.fork() == 0:
		            print("ptrace", libc.ptrace(0, 0, 0, 0), ctypes.get_errno(), flush=True)
		            os._exit(0)
		        os.wait()
		    else:
		        import ctypes, os, _socket
		        if os.fork() == 0:
		            os._exit(0)
		        os.wait()
		        print("plain")
		except OSError as error:
		    print("refused", error.errno)
	END
}

@test "a simple program runs again, and sees no other file" {
	echo one >one
	echo two >two
	learned cat -- cat one
	box -p "$POLICY" -- cat two
	fails_with 1
	complains "No such file"
	has '-- read'
	has 'net "none"'
}

@test "git status in a repository" {
	need_command git
	git init -q .
	echo a >a
	git add a
	git -c user.name=x -c user.email=x@example.com commit -qm one
	echo b >b
	learned git -- git status --short
	says "?? b"
}

@test "a python script, and none of what it did not do" {
	chameleon
	learned python -- python3 chameleon.py plain
	prints plain
	echo secret >"$HOME/secret-$BATS_TEST_NUMBER"
	box -p "$POLICY" -- python3 chameleon.py read "$HOME/secret-$BATS_TEST_NUMBER"
	rm "$HOME/secret-$BATS_TEST_NUMBER"
	prints "refused 2"
	box -p "$POLICY" -- python3 chameleon.py socket
	prints "refused 97"
	box -p "$POLICY" -- python3 chameleon.py ptrace
	prints "ptrace -1 1"
	has '"%net"'
	has '"ptrace"'
}

@test "the same script may do what it did" {
	chameleon
	learned socket -- python3 chameleon.py socket
	prints made
	has_not '"%net"'
	# While it is watched a process with signal handlers may be traced already.
	cloche learn -o "$SCRATCH/ptrace.lua" -- python3 chameleon.py ptrace
	succeeds
	box -p "$SCRATCH/ptrace.lua" -- python3 chameleon.py ptrace
	prints "ptrace 0 0"
	echo "the secret" >"$SCRATCH/seen"
	learned read -- python3 chameleon.py read "$SCRATCH/seen"
	prints "the secret"
}

@test "a compiler, and running what it has made" {
	need_command gcc
	printf '#include <stdio.h>\nint main(void) { puts("made"); return 0; }\n' >x.c
	learned gcc -- sh -c 'gcc -O1 x.c -o x && ./x'
	prints made
	has '"/usr/include"'
	has '"/tmp"'
	[ ! -e x ] || tell "it was made outside"
}

@test "a pipeline of the shell" {
	printf 'b\na\nb\n' >in
	learned shell -- sh -c 'sort in | uniq -c | awk "{ print \$2 }" >out; cat out'
	prints $'a\nb'
	box -p "$POLICY" -- sh -c 'tail -n 1 in'
	fails_with 127
}

@test "what the program writes stays in the box, also while it is learned" {
	echo old >kept
	learned write -- sh -c 'echo new >kept; echo x >made; cat kept made'
	prints $'new\nx'
	[ "$(cat kept)" = old ] || tell "it was changed"
	[ ! -e made ] || tell "it was made"
}

@test "the home directory is never shown as a whole" {
	mkdir "$HOME/learn-$BATS_TEST_NUMBER"
	echo a >"$HOME/learn-$BATS_TEST_NUMBER/a"
	cloche learn -o "$SCRATCH/home.lua" -- sh -c "ls ~ >/dev/null; cat ~/learn-$BATS_TEST_NUMBER/a"
	box -p "$SCRATCH/home.lua" -- sh -c "ls ~; cat ~/learn-$BATS_TEST_NUMBER/a"
	rm -r "$HOME/learn-$BATS_TEST_NUMBER"
	prints "learn-$BATS_TEST_NUMBER"$'\n'a
}

@test "secrets stay hidden while it is learned, and in what is learned" {
	mkdir -p "$HOME/.ssh"
	echo key >"$HOME/.ssh/key-$BATS_TEST_NUMBER"
	cloche learn -o "$SCRATCH/key.lua" -- cat "$HOME/.ssh/key-$BATS_TEST_NUMBER"
	fails_with 1
	complains "ended with 1"
	box -p "$SCRATCH/key.lua" -- cat "$HOME/.ssh/key-$BATS_TEST_NUMBER"
	rm "$HOME/.ssh/key-$BATS_TEST_NUMBER"
	fails_with 1
	POLICY=$SCRATCH/key.lua
	has_not .ssh/key-$BATS_TEST_NUMBER\"
}

@test "one secret that is shown on purpose shows no other" {
	mkdir -p "$HOME/.ssh"
	echo one >"$HOME/.ssh/one-$BATS_TEST_NUMBER"
	echo two >"$HOME/.ssh/two-$BATS_TEST_NUMBER"
	cloche learn -p open --read "$HOME/.ssh/one-$BATS_TEST_NUMBER" -o "$SCRATCH/one.lua" -- \
		cat "$HOME/.ssh/one-$BATS_TEST_NUMBER"
	prints one
	box -p "$SCRATCH/one.lua" -- sh -c : 2>/dev/null || true
	box -p "$SCRATCH/one.lua" -- cat "$HOME/.ssh/one-$BATS_TEST_NUMBER"
	prints one
	box -p "$SCRATCH/one.lua" -- cat "$HOME/.ssh/two-$BATS_TEST_NUMBER"
	fails_with 1
	rm "$HOME/.ssh/one-$BATS_TEST_NUMBER" "$HOME/.ssh/two-$BATS_TEST_NUMBER"
}

@test "programs are known with their loader and their interpreters" {
	printf '#!/bin/sh\necho script\n' >script
	chmod 755 script
	learned script -- ./script
	prints script
}

@test "a 32-bit program is learned as well" {
	[ -x "$GUEST_DIR/g_files_32" ] || skip "no 32-bit programs here"
	learned files -- "$GUEST_DIR/g_files_32"
}

@test "a directory of strange names is a policy all the same" {
	mkdir $'odd "\n\\ name'
	echo x >$'odd "\n\\ name/a:b'
	learned odd -- cat $'odd "\n\\ name/a:b'
	prints x
}

@test "the same run gives the same policy" {
	echo x >x
	cloche learn -o one.lua -- sh -c 'cat x; for i in 1 2 3; do (ls >/dev/null) & done; wait'
	rm -f two.lua
	mv one.lua "$SCRATCH"
	cloche learn -o two.lua -- sh -c 'cat x; for i in 1 2 3; do (ls >/dev/null) & done; wait'
	cmp "$SCRATCH/one.lua" two.lua || tell "$(diff "$SCRATCH/one.lua" two.lua)"
}

@test "variables and limits are taken over, and no variable that was not given" {
	export LC_TIME=C OTHER=1
	cloche learn -o v.lua --env 'VALUE=a b' --wall 60s --hostname there -- sh -c 'hostname; echo $VALUE'
	succeeds
	POLICY=v.lua
	has 'VALUE = "a b"'
	has_not LC_TIME
	has 'wall = "60000ms"'
	has_not OTHER
	box -p v.lua -- sh -c 'hostname; echo $VALUE'
	prints $'there\na b'
}

@test "the network beyond the box is told" {
	chameleon
	cat >net.py <<-'END'
		import socket
		s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
		try:
		    s.connect(("192.0.2.1", 443))
		except OSError as error:
		    print("failed")
	END
	cloche learn -o n.lua -- python3 net.py
	prints failed
	complains "learn with --net host"
	POLICY=n.lua
	has 'connect 192.0.2.1 port 443'
	has 'net "own"'
}

# listening: three host ports of this machine, in $PORTS.
listening() {
	need_command python3
	python3 -c '
import socket, sys
kept = [socket.create_server(("127.0.0.1", 0), backlog=64) for _ in range(2)]
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("127.0.0.1", 0))
# Below the ports that are handed out, which are not told apart on a loopback.
for low in range(20000, 32000):
    try:
        kept.append(socket.create_server(("127.0.0.1", low), backlog=64))
    except OSError:
        continue
    if len(kept) == 4:
        break
print(*(s.getsockname()[1] for s in kept[2:]), flush=True)
sys.stdin.read()' <in >ports 3>&- 5>&- &
	until [ -s ports ]; do :; done
	read -r -a PORTS <ports
}

@test "with the host's network it may reach what it reached, and no more" {
	mkfifo in
	exec 5<>in
	listening
	cat >net.py <<-'END'
		import ctypes, socket, struct, sys
		port = int(sys.argv[2])
		socket.getaddrinfo("localhost", 1)
		def tried(what):
		    try:
		        what()
		        print("done")
		    except OSError as error:
		        print("refused", error.errno)
		def many():
		    libc = ctypes.CDLL(None, use_errno=True)
		    name = struct.pack("!2sH4s8x", struct.pack("=H", 2), port, socket.inet_aton("127.0.0.1"))
		    name = ctypes.create_string_buffer(name, 16)
		    message = struct.pack("PI4xPNPNi4xI4x", ctypes.addressof(name), 16, 0, 0, 0, 0, 0, 0)
		    message = ctypes.create_string_buffer(message, 64)
		    if libc.sendmmsg(udp.fileno(), message, 1, 0) != 1:
		        raise OSError(ctypes.get_errno(), "sendmmsg")
		udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		at = ("127.0.0.1", port)
		own = socket.create_server(("127.0.0.1", 0))
		tried({
		    "connect": lambda: socket.create_connection(at).close(),
		    "send": lambda: udp.sendto(b"x", at),
		    "message": lambda: udp.sendmsg([b"x"], [], 0, at),
		    "many": many,
		    "bind": lambda: socket.create_server(("127.0.0.1", port + 1000)),
		    "self": lambda: socket.create_connection(own.getsockname()).close(),
		}[sys.argv[1]])
	END
	for how in connect send message many bind self; do
		rm -f n.lua
		cloche learn -o n.lua --net host -- python3 -B net.py "$how" "${PORTS[0]}"
		prints "done"
		box -p n.lua -- python3 -B net.py "$how" "${PORTS[0]}"
		prints "done"
		[ "$how" != self ] || continue
		box -p n.lua -- python3 -B net.py "$how" "${PORTS[1]}"
		prints "refused 13"
		complains "refused: "
	done
	exec 5>&-
}

@test "without -o the policy is PROGRAM.lua, and nothing is overwritten" {
	cloche learn -- true
	succeeds
	[ -s true.lua ]
	echo mine >true.lua
	cloche learn -- true
	fails_with 125
	complains "-o true.lua"
	[ "$(cat true.lua)" = mine ]
	cloche learn -o true.lua -- true
	succeeds
	[ "$(cat true.lua)" != mine ]
	cloche learn -o - -- echo hello
	says hello
	says 'files {'
}

@test "a program that cannot be run leaves no policy" {
	cloche learn -o no.lua -- ./missing
	fails_with 127
	[ ! -e no.lua ] || tell "$(cat no.lua)"
	cloche learn -o /nonexistent/x.lua -- true
	fails_with 125
	complains "/nonexistent/x.lua"
	cloche learn
	fails_with 125
}

@test "the status is the program's, and said to be a part only" {
	cloche learn -o s.lua -- sh -c 'exit 7'
	fails_with 7
	complains "ended with 7"
	[ -s s.lua ]
}

@test "a repository that is cloned and built, and nothing beside it" {
	need_command git make cc
	mkdir src
	(
		cd src
		git init -q .
		printf 'prog: a.o b.o\n\tcc -o prog a.o b.o\n%%.o: %%.c\n\tcc -c $<\n' >Makefile
		echo 'int f(void); int main(void) { return f(); }' >a.c
		echo 'int f(void) { return 0; }' >b.c
		git add .
		git -c user.name=a -c user.email=a@b commit -q -m first
	)
	echo beside >beside
	mkdir work
	cd work
	cloche learn -o "$SCRATCH/build.lua" -- sh -c 'git clone -q --no-hardlinks ../src c && make -s -C c && c/prog && echo built'
	succeeds
	prints built
	[ ! -e c ] || tell "it was made outside"
	box -p "$SCRATCH/build.lua" -- sh -c 'git clone -q --no-hardlinks ../src c && make -s -C c && c/prog && echo built'
	succeeds
	prints built
	box -p "$SCRATCH/build.lua" -- sh -c '(read line <../beside) || echo none; (read line </etc/debian_version) || echo none; (echo x >../src/a.c) || echo kept'
	prints $'none\nnone\nkept'
	[ "$(grep -c main ../src/a.c)" = 1 ] || tell "the source was changed"
}

@test "node with a server of its own" {
	need_command node
	cat >server.js <<-'END'
		const http = require("http"), fs = require("fs");
		const s = http.createServer((q, r) => r.end("got " + q.url)).listen(0, "127.0.0.1", () =>
		    http.get({ port: s.address().port, host: "127.0.0.1", path: "/x" }, r => {
		        let text = "";
		        r.on("data", d => text += d);
		        r.on("end", () => { console.log(text); s.close(); });
		    }));
	END
	learned node -- node server.js
	prints "got /x"
	echo 'console.log(require("fs").existsSync("/etc/passwd"))' >other.js
	box -p "$POLICY" --read other.js -- node other.js
	prints false
}
