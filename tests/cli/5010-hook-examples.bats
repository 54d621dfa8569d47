#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The worked hooks of examples/policies do what they say, with real programs.

load ../helpers

# hooked NAME [OPTION...] -- PROGRAM ...: in a box with examples/policies/hook-NAME.lua.
hooked() {
	local file=${CLOCHE_SOURCE:-${BATS_TEST_DIRNAME%/tests/cli}}/examples/policies/hook-$1.lua
	[ -r "$file" ] || skip "the examples are not here to be read"
	box -p "$file" "${@:2}"
}

@test "log-programs: every program is logged with its arguments" {
	hooked log-programs -- sh -c 'ls / | head -n 1; /bin/echo done'
	succeeds
	complains "ls [ls /]"
	complains "head [head -n 1]"
	complains "/bin/echo [/bin/echo done]"
	says "done"
}

@test "redirect-file: another file is shown in the place of one" {
	hooked redirect-file -- sh -c 'cat /etc/hostname; wc -c </etc/hostname; stat -c %s /etc/hostname'
	succeeds
	prints "$(cat /etc/debian_version)"$'\n'"$(wc -c </etc/debian_version)"$'\n'"$(stat -c %s /etc/debian_version)"
	need_command python3
	hooked redirect-file -- /usr/bin/python3 -c 'print(open("/etc/hostname").read().strip())'
	prints "$(cat /etc/debian_version)"
}

@test "hide-files: hidden names cannot be opened, made or listed" {
	echo secret >server.key
	echo plain >plain
	hooked hide-files -- sh -c 'ls; cat server.key; cat ./server.key; mv plain other.pem; ln -s server.key link; cat plain'
	succeeds
	prints $'plain\nplain'
	complains "server.key: No such file or directory"
	[[ $stderr != *secret* ]] || tell "it came out"
	# A program cannot be run by such a name either.
	cp /bin/true run.key
	hooked hide-files -- sh -c './run.key'
	fails_with 127
}

@test "hide-files: directories with nothing else than hidden files, and many files" {
	mkdir only many
	touch only/{1..400}.key many/{1..2000} many/{1..2000}.pem
	hooked hide-files -- sh -c 'ls only | wc -l; ls many | wc -l; find many -name "*.pem" | wc -l'
	prints $'0\n2000\n0'
	need_command python3
	hooked hide-files -- /usr/bin/python3 -c 'import os; print(len(os.listdir("many")), os.path.exists("many/1.pem"))'
	prints "2000 False"
}

@test "deletes-inside: nothing outside of the directory is deleted or renamed" {
	mkdir -p project/sub
	echo x | tee project/a project/sub/b outside >/dev/null
	ln -s .. project/up
	cd project
	hooked deletes-inside --copy .. -- sh -c '
		rm ../outside; rm up/outside; rm /etc/hostname; mv /etc/hostname .; mv ../outside gone; mv a ..
		ls -d ../outside /etc/hostname a
		rm a; rm -r sub; rm up; ls'
	succeeds
	prints $'../outside\n/etc/hostname\na'
	complains "refused: unlinkat up/outside"
	[ "$(grep -c 'refused:' <<<"$stderr")" -ge 6 ] || tell "wanted six refusals"
	need_command python3
	hooked deletes-inside --copy .. -- /usr/bin/python3 -c '
import os
for path in "/etc/hostname", "up/outside", "a":
    try:
        os.unlink(path)
        print(path)
    except PermissionError:
        pass'
	prints a
}

@test "answer-machine: uname, time and processors are the chosen ones" {
	hooked answer-machine -- sh -c 'uname -r; uname -n; nproc'
	succeeds
	prints $'6.0.0-chosen\nchosen\n3'
	need_command perl
	# time, clock_gettime and gettimeofday as calls: the vDSO is not asked.
	hooked answer-machine -- perl -e '
		my $t = "\0" x 16;
		print syscall(201, 0), "\n";
		syscall(228, 0, $t); print join(" ", unpack("qq", $t)), "\n";
		syscall(96, $t, 0); print join(" ", unpack("qq", $t)), "\n";
		syscall(228, 1, $t); print 0 + (unpack("qq", $t))[0] == 1000000000 ? "wrong" : "monotonic is left", "\n"'
	prints $'1000000000\n1000000000 0\n1000000000 0\nmonotonic is left'
}

@test "answer-machine: the files that say it otherwise are not there, and the library counts the same" {
	hooked answer-machine -- sh -c 'nproc --all; getconf _NPROCESSORS_ONLN; cd /proc/self; cat ../stat /proc/cpuinfo ./../../proc/version; hostname'
	says $'3\n3\nchosen'
	complains "../stat: No such file or directory"
	complains "/proc/cpuinfo: No such file or directory"
	complains "version: No such file or directory"
	need_command python3
	hooked answer-machine -- /usr/bin/python3 -c '
import os, platform
print(os.cpu_count(), len(os.sched_getaffinity(0)), os.sysconf("SC_NPROCESSORS_CONF"), platform.release())'
	prints "3 3 3 6.0.0-chosen"
}

@test "disk-full: the third write to a file fails, and only that" {
	hooked disk-full -- bash -c 'for i in 1 2 3 4; do echo $i >>out; done; cat out'
	succeeds
	prints $'1\n2\n4'
	complains "No space left on device"
	complains "no space for write to $PWD/out"
	need_command python3
	hooked disk-full -- /usr/bin/python3 -c '
f = open("log", "wb", buffering=0)
for i in range(4):
    try:
        print(f.write(b"line\n"))
    except OSError as error:
        print(error.strerror)'
	prints $'5\n5\nNo space left on device\n5'
}

@test "one-port: other ports are refused, for streams and datagrams" {
	need_command python3
	cat >net.py <<-'PYTHON'
		import socket
		servers = [socket.create_server(("127.0.0.1", port)) for port in (443, 444)]
		def attempt(name, function, *arguments):
		    try:
		        function(*arguments)
		        print(name, "ok")
		    except OSError as error:
		        print(name, error.strerror)
		for port in 443, 444:
		    attempt(port, socket.create_connection, ("127.0.0.1", port))
		udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		attempt("sendto", udp.sendto, b"x", ("127.0.0.1", 53))
		attempt("sendmsg", udp.sendmsg, [b"x"], [], 0, ("127.0.0.1", 53))
		attempt("sendto 443", udp.sendto, b"x", ("127.0.0.1", 443))
		a, b = socket.socketpair()
		attempt("unix", a.sendall, b"x")
	PYTHON
	hooked one-port -- /usr/bin/python3 net.py
	succeeds
	prints $'443 ok\n444 Permission denied\nsendto Permission denied\nsendmsg Permission denied\nsendto 443 ok\nunix ok'
	complains "refused: connect to 127.0.0.1:444"
	need_command curl
	hooked one-port -- curl --silent --show-error http://127.0.0.1:81/
	complains "refused: connect to 127.0.0.1:81"
	# A datagram to "no family" goes to IPv4 all the same.
	need_command perl
	hooked one-port -- perl -e 'socket(S, 2, 2, 0); my $a = pack("SnNx8", 0, 53, 0x7f000001); my $b = "x";
		syscall(44, fileno(S), $b, 1, 0, $a, 16); print 0 + $!'
	prints 13
}

@test "approve-programs: each new program waits for a word at the terminal" {
	local file=${CLOCHE_SOURCE:-${BATS_TEST_DIRNAME%/tests/cli}}/examples/policies/hook-approve-programs.lua
	[ -r "$file" ] || skip "the examples are not here to be read"
	need_command python3
	POLICY=$file CLOCHE=$CLOCHE PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME \
		timeout $((50 * ${CLOCHE_SLOW:-1})) python3 -c '
from terminal import *
t = Terminal([CLOCHE, "run", "-p", os.environ["POLICY"], "--", "sh", "-c",
	"/bin/echo one; /bin/echo two; /usr/bin/id -u || echo refused; echo ended"])
t.expect("run /bin/echo? [y/N] ")
t.send("y\n")
t.expect("one")
t.expect("two")
t.expect("run /usr/bin/id? [y/N] ")
t.send("n\n")
t.expect("refused")
t.expect("ended")
assert t.wait() == 0'
}

@test "approve-programs: where nobody can be asked the answer is no" {
	need_command setsid
	local file=${CLOCHE_SOURCE:-${BATS_TEST_DIRNAME%/tests/cli}}/examples/policies/hook-approve-programs.lua
	[ -r "$file" ] || skip "the examples are not here to be read"
	run --separate-stderr setsid --wait "$CLOCHE" run -p "$file" -- sh -c '/bin/echo one; echo ended' </dev/null
	prints ended
	complains "run /bin/echo: no terminal to ask at, so it is denied"
}

@test "what the manual page shows is a policy" {
	local page=${CLOCHE_SOURCE:-${BATS_TEST_DIRNAME%/tests/cli}}/man/cloche-hooks.7.scd
	[ -r "$page" ] || skip "the manual page is not here to be read"
	awk '/^```/ { inside = !inside; if (inside) file = "block" ++n ".lua"; next } inside { print >file }' "$page"
	local file count=0
	for file in block*.lua; do
		grep -q '^on\|^watch\|^after' "$file" || continue
		"$CLOCHE" explain -p "./$file" >explained
		grep -q "seen by hooks" explained
		count=$((count + 1))
	done
	[ "$count" -ge 4 ]
}
