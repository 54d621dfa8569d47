#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""pixels.py FILE.png X,Y...: checks every part of the file, and prints size and pixels.

A reader of its own: it shares nothing with what writes the file, and takes no other kind.
"""

import struct
import sys
import zlib


def chunks(data):
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        sys.exit("no PNG")
    at = 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4:at + 8], data[at + 8:at + 8 + length]
        (crc,) = struct.unpack_from(">I", data, at + 8 + length)
        if len(body) != length or crc != zlib.crc32(kind + body):
            sys.exit(f"a broken {kind}")
        yield kind, body
        at += 12 + length


def main():
    with open(sys.argv[1], "rb") as file:
        parts = list(chunks(file.read()))
    if [kind for kind, _ in parts] != [b"IHDR", b"IDAT", b"IEND"] or parts[2][1]:
        sys.exit("other parts than wanted")
    width, height, *form = struct.unpack(">IIBBBBB", parts[0][1])
    raw = zlib.decompress(parts[1][1])
    stride = width * 3 + 1
    if form != [8, 2, 0, 0, 0] or len(raw) != stride * height:
        sys.exit("another form than wanted")
    rows, above = [], bytes(stride - 1)
    for y in range(height):
        row = raw[y * stride:(y + 1) * stride]
        if row[0] != 2:
            sys.exit("another filter than wanted")
        above = bytes((a + b) & 255 for a, b in zip(row[1:], above))
        rows.append(above)
    print(f"{width}x{height}")
    for place in sys.argv[2:]:
        x, y = map(int, place.split(","))
        print(place, *rows[y][3 * x:3 * x + 3])


main()
