#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""display.py NUMBER FILE WORD...: somebody in front of an X server that draws into FILE (Xvfb -fbdir).

X,Y=R,G,B  waits until the pixel is so
X,Y        moves the pointer there
click      presses the first button, and lets go
K          a key of this code (24 is the Q of most keyboards)
close      asks the largest window to close, as a window manager does
"""

import socket
import struct
import sys
import time


class Display:
    def __init__(self, number):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(f"/tmp/.X11-unix/X{number}")
        self.sock.sendall(struct.pack("<BxHHHHxx", ord("l"), 11, 0, 0, 0))
        head = self.read(8)
        setup = self.read(4 * struct.unpack_from("<H", head, 6)[0])
        vendor = (struct.unpack_from("<H", setup, 16)[0] + 3) // 4 * 4
        (self.root,) = struct.unpack_from("<I", setup, 32 + vendor + 8 * setup[21])
        reply = self.ask(98, 0, struct.pack("<Hxx", 5) + b"XTEST\0\0\0")
        self.xtest = reply[9]

    def read(self, length):
        data = b""
        while len(data) < length:
            part = self.sock.recv(length - len(data))
            if not part:
                sys.exit("the display has gone")
            data += part
        return data

    def send(self, opcode, detail, body):
        self.sock.sendall(struct.pack("<BBH", opcode, detail, 1 + len(body) // 4) + body)

    def ask(self, opcode, detail, body):
        self.send(opcode, detail, body)
        head = self.read(32)
        while head[0] > 1:  # an event that everybody is told of
            head = self.read(32)
        if head[0] != 1:
            sys.exit(f"request {opcode}: error {head[1]}")
        return head + self.read(4 * struct.unpack_from("<I", head, 4)[0])

    def fake(self, kind, code, x=0, y=0):
        body = struct.pack("<BBxxII8xHH7xB", kind, code, 0, self.root, x, y, 0)
        self.send(self.xtest, 2, body)
        self.ask(43, 0, b"")  # GetInputFocus: all before it is done

    def atom(self, name):
        body = struct.pack("<Hxx", len(name)) + name.encode().ljust((len(name) + 3) // 4 * 4, b"\0")
        return struct.unpack_from("<I", self.ask(16, 0, body), 8)[0]

    def close_largest(self):
        tree = self.ask(15, 0, struct.pack("<I", self.root))
        (count,) = struct.unpack_from("<H", tree, 16)
        sizes = {}
        for window in struct.unpack_from(f"<{count}I", tree, 32):
            place = self.ask(14, 0, struct.pack("<I", window))
            width, height = struct.unpack_from("<HH", place, 16)
            sizes[window] = width * height
        window = max(sizes, key=sizes.get)
        event = struct.pack("<BBHIIII12x", 33, 32, 0, window, self.atom("WM_PROTOCOLS"),
                            self.atom("WM_DELETE_WINDOW"), 0)
        self.send(25, 0, struct.pack("<II", window, 0) + event)
        self.ask(43, 0, b"")


def pixel(path, x, y):
    with open(path, "rb") as file:
        data = file.read()
    head = struct.unpack(">25I", data[:100])
    at = head[0] + 12 * head[19] + y * head[12] + 4 * x
    return data[at + 2], data[at + 1], data[at]


def main():
    display = Display(sys.argv[1])
    for word in sys.argv[3:]:
        if "=" in word:
            place, color = ([int(n) for n in part.split(",")] for part in word.split("="))
            end = time.monotonic() + 60
            while pixel(sys.argv[2], *place) != tuple(color):
                if time.monotonic() > end:
                    sys.exit(f"still not {word}: {pixel(sys.argv[2], *place)}")
                time.sleep(0.05)
        elif "," in word:
            display.fake(6, 0, *map(int, word.split(",")))
        elif word == "click":
            display.fake(4, 1)
            display.fake(5, 1)
        elif word == "close":
            display.close_largest()
        else:
            display.fake(2, int(word))
            display.fake(3, int(word))


main()
