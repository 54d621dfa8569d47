# SPDX-License-Identifier: Apache-2.0
"""A terminal for tests: types, reads, waits for a text. For 2020-terminal.bats."""

import fcntl
import os
import select
import signal
import struct
import termios
import time

CLOCHE = os.environ["CLOCHE"]
TIMEOUT = 30 * int(os.environ.get("CLOCHE_SLOW", "1"))


class Terminal:
    def __init__(self, command, rows=24, columns=80, env=None):
        self.seen = ""
        self.at = 0  # up to where `seen` was expected
        self.status = None
        self.master, slave = os.openpty()
        self.slave = os.dup(slave)  # keeps the terminal there when all programs are gone
        self.resize(rows, columns)
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            for fd in (0, 1, 2):
                os.dup2(slave, fd)
            os.closerange(3, 100)
            os.execvpe(command[0], command, {**os.environ, "TERM": "dumb", **(env or {})})
        os.close(slave)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def modes(self):
        return termios.tcgetattr(self.slave)

    def send(self, text):
        os.write(self.master, text.encode())

    def read(self, seconds):
        if select.select([self.master], [], [], seconds)[0]:
            self.seen += os.read(self.master, 65536).decode(errors="replace")

    def expect(self, text):
        end = time.monotonic() + TIMEOUT
        while text not in self.seen[self.at:]:
            assert time.monotonic() < end, f"wanted {text!r} after {self.at} in {self.seen!r}"
            self.read(0.1)
        self.at = self.seen.index(text, self.at) + len(text)

    def hang_up(self):
        os.close(self.slave)
        os.close(self.master)
        self.master = None

    def wait(self):
        end = time.monotonic() + TIMEOUT
        while self.status is None:
            assert time.monotonic() < end, f"does not end; it said {self.seen!r}"
            if self.master is not None:
                self.read(0.02)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        while self.master is not None and select.select([self.master], [], [], 0)[0]:
            self.read(0)
        return self.status


__all__ = ["CLOCHE", "TIMEOUT", "Terminal", "os", "signal"]
