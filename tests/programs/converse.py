#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""converse.py [PATTERN TEXT]... -- COMMAND...: runs the command on a terminal of its own, waits for
each pattern in what it printed since the last one, then types the text (with a return, unless it is
one control character). Prints all that was said and ends as the command ended."""

import os
import pty
import re
import sys


def read(terminal):
    try:
        return os.read(terminal, 4096).decode("utf-8", "replace")
    except OSError:  # the other side is closed
        return ""


def main():
    split = sys.argv.index("--")
    script, command = sys.argv[1:split], sys.argv[split + 1:]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    heard, said = "", ""
    for pattern, text in zip(script[::2], script[1::2]):
        while not re.search(pattern, heard, re.S):
            more = read(terminal)
            if not more:
                sys.exit(f"{said}{heard}\nended while waiting for: {pattern}")
            heard += more
        said, heard = said + heard, ""
        text = re.sub(r"\\x([0-9a-f]{2})", lambda hex: chr(int(hex[1], 16)), text)
        os.write(terminal, (text if text < " " else text + "\n").encode())
    while more := read(terminal):
        heard += more
    print(said + heard)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) % 256)


main()
