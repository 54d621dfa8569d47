#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""canary.py DIR: something outside of the box that notices when it is touched.

Listens on a TCP and a UDP port of the host's loopback, on a unix socket in DIR and on an abstract
one, and catches every signal that can be caught. DIR/state has its coordinates as shell variables;
each touch becomes a line in DIR/touched. Lives as long as its parent: who wants to stop it sooner
kills it (SIGKILL, after looking whether it is still alive).
"""

import os
import secrets
import selectors
import signal
import socket
import sys


def listen(family, kind, address):
    sock = socket.socket(family, kind)
    sock.bind(address)
    if kind == socket.SOCK_STREAM:
        sock.listen()
    sock.setblocking(False)
    return sock


def main():
    folder, parent = sys.argv[1], os.getppid()
    with open(f"{folder}/touched", "a", buffering=1, encoding="utf-8") as touched:
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
            signal.signal(number, lambda got, _: touched.write(f"signal {got}\n"))
        abstract = f"cloche-canary-{secrets.token_hex(8)}"
        loopback = ("127.0.0.1", 0)
        socks = {
            "tcp": listen(socket.AF_INET, socket.SOCK_STREAM, loopback),
            "udp": listen(socket.AF_INET, socket.SOCK_DGRAM, loopback),
            "unix": listen(socket.AF_UNIX, socket.SOCK_STREAM, f"{folder}/socket"),
            "abstract": listen(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + abstract),
        }
        os.chmod(f"{folder}/socket", 0o666)
        with open(f"{folder}/state.new", "w", encoding="utf-8") as state:
            state.write(f"CANARY_PID={os.getpid()}\n"
                        f"CANARY_TCP={socks['tcp'].getsockname()[1]}\n"
                        f"CANARY_UDP={socks['udp'].getsockname()[1]}\n"
                        f"CANARY_SOCKET={folder}/socket\n"
                        f"CANARY_ABSTRACT={abstract}\n")
        os.rename(f"{folder}/state.new", f"{folder}/state")
        selector = selectors.DefaultSelector()
        for name, sock in socks.items():
            selector.register(sock, selectors.EVENT_READ, name)
        while os.getppid() == parent:
            for key, _ in selector.select(timeout=1):
                touched.write(f"{key.data} {touch(key.fileobj)}\n")


def touch(sock):
    """Takes what came and says what it was."""
    if sock.type == socket.SOCK_DGRAM:
        return f"datagram {sock.recv(200)!r}"
    peer, _ = sock.accept()
    with peer:
        peer.settimeout(0.2)
        try:
            return f"connection {peer.recv(200)!r}"
        except OSError:
            return "connection"


if __name__ == "__main__":
    main()
