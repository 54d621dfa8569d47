#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""unanswered.py DIR SOCKET ASKED: a file system (FUSE) on DIR, in this process's own mount namespace, with one
file. Hands that to who comes to SOCKET, answers everything but reading it, and makes the file ASKED when
somebody wants to read. Exit status 77: there is no FUSE here.
"""

import ctypes
import os
import socket
import struct
import sys
import threading

LOOKUP, GETATTR, OPEN, READ, INIT = 1, 3, 14, 15, 26
UNANSWERED = (2, 36, 42)  # FORGET, INTERRUPT, BATCH_FORGET
ROOT, FILE = 1, 2


def attributes(node):
    mode = 0o40755 if node == ROOT else 0o100644
    return struct.pack("<QQQQQQ10I", node, 4096, 1, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def answer(operation, node):
    if operation == INIT:
        return struct.pack("<4I2H2I2H8I", 7, 31, 65536, 0, 12, 12, 4096, 1, 0, 0, *[0] * 8)
    if operation == LOOKUP:
        return struct.pack("<QQQQII", FILE, 0, 100, 100, 0, 0) + attributes(FILE)
    if operation == GETATTR:
        return struct.pack("<QII", 100, 0, 0) + attributes(node)
    if operation == OPEN:
        return struct.pack("<QII", 1, 0, 0)
    return None


def serve(fuse, asked):
    while True:
        _, operation, unique, node = struct.unpack_from("<IIQQ", os.read(fuse, 1 << 20))
        if operation == READ:
            open(asked, "w", encoding="utf-8").close()
        elif operation not in UNANSWERED:
            body = answer(operation, node)
            code, body = (0, body) if body is not None else (-38, b"")
            os.write(fuse, struct.pack("<IiQ", 16 + len(body), code, unique) + body)


def main():
    folder, path, asked = sys.argv[1:]
    libc = ctypes.CDLL(None)
    try:
        fuse = os.open("/dev/fuse", os.O_RDWR)
    except OSError:
        sys.exit(77)
    options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0,allow_other"
    if libc.mount(b"unanswered", folder.encode(), b"fuse", 0, options.encode()) != 0:
        sys.exit(77)
    threading.Thread(target=serve, args=(fuse, asked), daemon=True).start()
    file = os.open(f"{folder}/file", os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        os.chmod(path, 0o666)
        listener.listen()
        peer, _ = listener.accept()
        socket.send_fds(peer, [b"x"], [file])
        threading.Event().wait()


main()
