#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Standard input, output and error pass through as they are.

load ../helpers

@test "files pass through byte by byte" {
	head -c 3000000 /dev/urandom >in
	"$CLOCHE" run -- cat <in >out
	cmp in out
}

@test "pipes pass through byte by byte, in a pipeline of boxes" {
	head -c 3000000 /dev/urandom >in
	# shellcheck disable=SC2002
	cat in | "$CLOCHE" run -- cat | "$CLOCHE" run -- cat | cat >out
	cmp in out
}

@test "output and error stay apart" {
	box -- sh -c 'echo one; echo two >&2'
	succeeds
	prints one
	[ "$stderr" = two ] || tell "wanted two"
}

@test "100 MB of output" {
	[ "$("$CLOCHE" run -- head -c 100000000 /dev/zero | wc -c)" = 100000000 ]
}

@test "an output file is appended to, at its place" {
	echo first >out
	"$CLOCHE" run -- echo second >>out
	[ "$(cat out)" = $'first\nsecond' ]
}

@test "an input file keeps its place: the next reader goes on" {
	seq 1 1000 >in
	{
		"$CLOCHE" run -- sh -c 'read -r line; echo "$line"'
		cat
	} <in >out
	[ "$(head -n 2 out)" = $'1\n2' ] || tell "$(head -n 2 out)"
}

@test "an input file keeps its place for boxes, too, and however they end" {
	seq 1 1000 >in
	{
		"$CLOCHE" run -- sh -c 'read -r line; echo "$line"; kill -KILL $$' || true
		"$CLOCHE" run -- sh -c 'read -r line; echo "$line"'
		"$CLOCHE" run -- sh -c 'read -r line </dev/stdin; echo "$line"'
		cat
	} <in >out
	[ "$(head -n 4 out)" = $'1\n2\n1\n3' ] || tell "$(head -n 5 out)"
}

@test "an input file that has lost its name, and one of the kernel's, are input like any" {
	echo text >in
	exec 7<in
	rm in
	[ "$("$CLOCHE" run -- cat <&7)" = text ]
	exec 7<&-
	[ "$("$CLOCHE" run -- head -c 5 </proc/uptime | wc -c)" = 5 ]
}

@test "an input file that was renamed is input like any" {
	echo text >in
	exec 7<in
	mv in renamed
	echo another >in
	[ "$("$CLOCHE" run -- cat <&7)" = text ]
	exec 7<&-
}

@test "an input file that something else lies over is an error that says what to do" {
	need_root
	echo text >in
	echo another >other
	run --separate-stderr unshare --mount bash -c '
		exec 7<in
		mount --bind other in
		"$0" run -- cat <&7' "$CLOCHE"
	fails_with 125
	complains "pass it through a pipe"
}

@test "set-id bits can be had in a box, but beside an output file of the caller's own" {
	run bash -c '"$0" run -- sh -c "cp /bin/true . && chmod 4755 true && stat -c %a true" | cat' "$CLOCHE"
	prints 4755
	"$CLOCHE" run -- sh -c 'cp /bin/true . && chmod 4755 true; stat -c %a true' >out 2>/dev/null
	if [ "$(id -u)" = 0 ]; then
		[ "$(cat out)" = 4755 ]
	else
		[ "$(cat out)" != 4755 ]
	fi
}

@test "the end of input is seen" {
	run "$CLOCHE" run -- wc -c <<<"12345"
	succeeds
	prints 6
}

@test "a reader that goes away ends the writer" {
	run bash -c 'set -o pipefail; "$1" run -- yes | head -n 1; echo "${PIPESTATUS[0]}"' - "$CLOCHE"
	[ "${lines[0]}" = y ]
	[ "${lines[1]}" = 141 ] || tell "wanted SIGPIPE's status"
}

@test "closed streams stay harmless" {
	run bash -c '"$1" run -- sh -c "exit 6" <&- >&- 2>&-' - "$CLOCHE"
	fails_with 6
	run bash -c '"$1" run -- cat <&-' - "$CLOCHE"
	[ "$status" -le 1 ] || tell "wanted cat's own status"
}

@test "standard streams that are no terminals are none inside" {
	box -- sh -c 'for i in 0 1 2; do test -t $i && echo $i; done; tty'
	says_not 0
	says "not a tty"
}

@test "sockets pass through as streams" {
	python3 - "$CLOCHE" <<-'END'
		import socket, subprocess, sys
		ours, theirs = socket.socketpair()
		box = subprocess.Popen([sys.argv[1], "run", "--", "cat"], stdin=theirs, stdout=theirs)
		theirs.close()
		ours.sendall(b"hello")
		assert ours.recv(5, socket.MSG_WAITALL) == b"hello"
		ours.shutdown(socket.SHUT_WR)
		assert ours.recv(5) == b""
		assert box.wait(10) == 0
	END
}
