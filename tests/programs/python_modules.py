#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs tests of Python's own test modules, prints "OUTCOME TEST" for each, sorted.

Arguments are names that unittest understands: test.test_os, test.test_os.FileTests.test_read ...
Every class of tests runs in a process and a folder of its own, several at a time; one that does
not end in time is killed, and the test that it was at says "hangs".
"""

import os
import signal
import sys
import tempfile
import time
import unittest

AT_A_TIME = 8
SECONDS = 120 * int(os.environ.get("CLOCHE_SLOW", "1"))


class Result(unittest.TestResult):
    def __init__(self, out):
        super().__init__()
        self.out = out

    def tell(self, outcome, test):
        self.out.write(f"{outcome} {test.id()}\n")

    def startTest(self, test):
        super().startTest(test)
        self.tell("hangs", test)  # until something else is said of it

    def addSuccess(self, test):
        self.tell("ok", test)

    def addError(self, test, err):
        self.tell("error", test)
        super().addError(test, err)

    def addFailure(self, test, err):
        self.tell("fails", test)
        super().addFailure(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.tell("fails", test)

    def addSkip(self, test, reason):
        self.tell("skips", test)

    def addExpectedFailure(self, test, err):
        self.tell("ok", test)

    def addUnexpectedSuccess(self, test):
        self.tell("fails", test)


def tests_in(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from tests_in(test)
        else:
            yield test


def start(tests, output):
    pid = os.fork()
    if pid:
        return pid
    os.setpgid(0, 0)
    with tempfile.TemporaryDirectory() as folder, open(output, "w", buffering=1) as out:
        os.chdir(folder)
        quiet = os.open(output + ".said", os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        result = Result(out)
        unittest.TestSuite(tests).run(result)
        for test, trace in result.errors + result.failures:
            print(f"== {test.id()}\n{trace}", flush=True)
        os.chdir("/")
    os._exit(0)


def stop(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def run(groups, folder):
    running = {}
    waiting = list(enumerate(groups))
    while waiting or running:
        while waiting and len(running) < AT_A_TIME:
            number, tests = waiting.pop(0)
            running[start(tests, f"{folder}/{number}")] = time.monotonic()
        ended = os.waitpid(-1, os.WNOHANG)[0]
        if ended:
            running.pop(ended, None)
            stop(ended)
            continue
        for pid, since in running.items():
            if time.monotonic() - since > SECONDS:
                stop(pid)
        time.sleep(0.02)


def main():
    suite = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:])
    groups = {}
    for test in tests_in(suite):
        groups.setdefault(type(test), []).append(test)
    outcome = {}
    with tempfile.TemporaryDirectory() as folder:
        run(groups.values(), folder)
        for number in range(len(groups)):
            with open(f"{folder}/{number}") as lines:
                for line in lines:
                    what, name = line.rstrip("\n").split(" ", 1)
                    if outcome.get(name, "hangs") in ("hangs", "ok"):
                        outcome[name] = what
            with open(f"{folder}/{number}.said", errors="replace") as said:
                sys.stderr.write(said.read())
    for name in sorted(outcome):
        print(outcome[name], name)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    main()
