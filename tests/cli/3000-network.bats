#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Three networks: own (the default), none, host.

load ../helpers

# Something of the host that listens on its loopback: PORT, and an abstract name: ABSTRACT.
listener() {
	ABSTRACT=cloche-test-$$-$RANDOM
	python3 - "$SCRATCH/port" "$SCRATCH/touched" "$ABSTRACT" <<-'END' 3>&- &
		import os, select, socket, sys
		tcp = socket.create_server(("127.0.0.1", 0))
		local = socket.socket(socket.AF_UNIX)
		local.bind("\0" + sys.argv[3])
		local.listen()
		with open(sys.argv[1] + ".new", "w") as file:
		    file.write(str(tcp.getsockname()[1]))
		os.rename(sys.argv[1] + ".new", sys.argv[1])
		while True:
		    for server in select.select([tcp, local], [], [])[0]:
		        server.accept()[0].close()
		        open(sys.argv[2], "w").close()
	END
	LISTENER=$!
	eventually 10 test -e "$SCRATCH/port"
	PORT=$(cat "$SCRATCH/port")
}

teardown() {
	[ -z "${LISTENER:-}" ] || kill "$LISTENER"
	scratch_done
}

connect='
import socket, sys
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
    print("tcp")
except OSError as error:
    print("no tcp", error.errno)
try:
    socket.socket(socket.AF_UNIX).connect("\0" + sys.argv[2])
    print("abstract")
except OSError as error:
    print("no abstract", error.errno)'

loopback='
import socket, threading
server = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=lambda: server.accept()[0].sendall(b"hello"), daemon=True).start()
print(socket.create_connection(server.getsockname()[:2], 5).recv(5).decode())'

unix='
import socket
a, b = socket.socketpair()
a.sendall(b"pair")
print(b.recv(4).decode())
server = socket.socket(socket.AF_UNIX)
server.bind("/tmp/socket")
server.listen()
client = socket.socket(socket.AF_UNIX)
client.connect("/tmp/socket")
client.sendall(b"path")
print(server.accept()[0].recv(4).decode())'

@test "own: the box's loopback works, and the host's is another" {
	listener
	box -- python3 -c "$loopback"
	succeeds
	prints hello
	box -- python3 -c "$connect" "$PORT" "$ABSTRACT"
	succeeds
	says "no tcp 111"
	says "no abstract 111"
	[ ! -e "$SCRATCH/touched" ]
	box --net own -- python3 -c "$connect" "$PORT" "$ABSTRACT"
	says "no tcp"
}

@test "own: there is one interface, and no way out" {
	box -- python3 -c 'import socket; print([name for _, name in socket.if_nameindex()])'
	succeeds
	prints "['lo']"
	box -- python3 -c '
import socket
try:
    socket.create_connection(("192.0.2.1", 80), 2)
except OSError as error:
    print(error.errno)'
	prints 101
}

@test "own: IPv6 loopback works where the host has it" {
	[ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6 || skip "no IPv6 here"
	local script=${loopback/127.0.0.1/::1}
	box -- python3 -c "${script/0))/0), family=socket.AF_INET6)}"
	succeeds
	prints hello
}

@test "none: only Unix sockets within the box" {
	listener
	box --net none -- python3 -c "$unix"
	succeeds
	prints $'pair\npath'
	box --net none -- python3 -c "$connect" "$PORT" "$ABSTRACT"
	succeeds
	says "no tcp"
	says "no abstract"
	[ ! -e "$SCRATCH/touched" ]
}

@test "none: no interface of any use, not even a loopback" {
	box --net none -- python3 -c "$loopback"
	[ "$status" != 0 ] || tell "wanted no loopback"
}

@test "own: Unix sockets within the box work" {
	box -- python3 -c "$unix"
	succeeds
	prints $'pair\npath'
}

@test "host: the host's network, by explicit wish" {
	listener
	box --net host -- python3 -c "$connect" "$PORT" "$ABSTRACT"
	succeeds
	[[ $output =~ (^|$'\n')tcp ]] || tell "wanted a connection"
	[ -e "$SCRATCH/touched" ]
}

@test "two boxes do not see each other's loopback" {
	"$CLOCHE" run -- python3 -c '
import socket
server = socket.create_server(("127.0.0.1", 34567))
print("ready", flush=True)
server.accept()' </dev/null >out 2>&1 3>&- &
	local launcher=$!
	eventually 10 grep -q ready out
	box -- python3 -c "$connect" 34567 none
	kill -TERM "$launcher"
	wait "$launcher" || true
	says "no tcp 111"
}

@test "a policy file can say it too" {
	echo 'extends "default" net "none"' >p.lua
	box -p ./p.lua -- python3 -c "$loopback"
	[ "$status" != 0 ] || tell "wanted no loopback"
}
