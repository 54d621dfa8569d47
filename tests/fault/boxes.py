#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""boxes.py STORE GOOD OPERATION: one operation on a kept box, once for each system call that it
makes: killed there, and failed there with ENOSPC and EIO. STORE is filled anew from GOOD each time.
Afterwards the box shows what it was before or what it was to be, and nothing is left over."""

import datetime
import collections
import glob
import os
import re
import shutil
import subprocess
import sys

CLOCHE = os.environ["CLOCHE"]
STORE, GOOD, OPERATION = sys.argv[1:4]
# One call in so many is tried, others each day; CLOCHE_FAULT_STEP=1 tries them all.
STEP = int(os.environ.get("CLOCHE_FAULT_STEP", "50"))
TODAY = datetime.date.today().toordinal() % STEP

OPERATIONS = {
    "snapshot": ["box", "snapshot", "box", "new"],
    "clone": ["box", "clone", "box", "other"],
    "base": ["box", "create", "--base", "box", "other"],
    "rollback": ["box", "rollback", "box", "one"],
    "drop": ["box", "drop", "box", "one"],
    "rename": ["box", "rename", "box", "other"],
    "remove": ["box", "remove", "box"],
}
# What changes nothing, or cannot fail.
QUIET = {"execve", "exit_group", "brk", "rt_sigprocmask", "rt_sigaction", "rt_sigreturn", "mprotect",
         "arch_prctl", "set_tid_address", "set_robust_list", "rseq", "prlimit64", "readlink",
         "getrandom", "geteuid", "getegid", "getuid", "getgid", "getpid", "umask", "uname", "sysinfo",
         "munmap", "mmap", "close", "lseek", "exit", "prctl", "futex", "poll", "getcwd"}
SHOW = ("work=$PWD; for d in \"$work\" ~; do cd \"$d\" || exit 1; find . -printf '%P %y %m\\n' | sort; "
        "find . -type f -readable | sort | xargs -r cat; done")



def run(*arguments):
    return subprocess.run([CLOCHE, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False)


def must(*arguments):
    done = run(*arguments)
    assert done.returncode == 0, f"cloche {arguments}: {done.stderr}"
    return done.stdout


def empty(directory):
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        if os.path.isdir(path) and not os.path.islink(path):
            subprocess.run(["chmod", "-R", "u+rwX", path], check=False)
            shutil.rmtree(path)
        else:
            os.unlink(path)


def copy(source, target):
    os.makedirs(target, mode=0o700, exist_ok=True)
    for path in glob.glob(os.path.join(source, "layers/*/w/*/work")):
        os.chmod(path, 0o700)  # overlayfs's own; it makes it anew
    empty(target)
    subprocess.run(["cp", "-a", source + "/.", target], check=True)


def prepare():
    must("run", "-b", "box", "--", "sh", "-c", "echo 1 >file; mkdir dir ~/p; echo 1 >dir/a; "
         "echo 1 >~/p/a; mkdir ~/p/d; echo 1 >~/p/d/x; mkdir gone; touch gone/x; echo 1 >b")
    must("box", "snapshot", "box", "one")
    must("run", "-b", "box", "--", "sh", "-c", "echo 2 >file; echo 2 >dir/b; rm dir/a; rm -r ~/p/d; "
         "echo 2 >~/p/d; rm ~/p/a; mkdir ~/q; rm -r gone; mkdir gone; rm b; mkdir b; touch b/c")
    must("box", "snapshot", "box", "two")
    must("run", "-b", "box", "--", "sh", "-c", "echo 3 >file; rm ~/p/d; mkdir ~/p/d; touch ~/p/d/y")
    os.sync()


def show(box):
    return run("run", "-b", box, "--", "sh", "-c", SHOW).stdout


def names():
    return [line.split()[0] for line in run("box", "list").stdout.splitlines()[1:]]


def state():
    """All that the boxes are; showing them changes nothing of it."""
    found = {}
    for box in names():
        lines = must("box", "snapshots", box).splitlines()[1:]
        found[box] = ([(line[0], line[2:].split()[0]) for line in lines], show(box))
    return found


def leftover():
    """What is on disk and nobody's, once the next command has run."""
    must("box", "prune")
    listed = set()
    for box in os.listdir(os.path.join(STORE, "boxes")):
        if box.startswith("."):
            continue
        with open(os.path.join(STORE, "boxes", box, "stack"), encoding="utf-8") as file:
            listed |= set(re.findall(r"^layer (\S+)", file.read(), re.M))
    layers = set(os.listdir(os.path.join(STORE, "layers"))) - listed
    trash = os.listdir(os.path.join(STORE, "trash"))
    return sorted(layers) + trash


def calls():
    """How often each system call is made, by any one process."""
    trace = os.path.join(os.path.dirname(GOOD), "trace")
    subprocess.run(["strace", "-f", "-qq", "-o", trace, CLOCHE, *OPERATIONS[OPERATION]], check=True,
                   stdin=subprocess.DEVNULL)
    count = collections.Counter()
    with open(trace, encoding="utf-8", errors="replace") as file:
        for line in file:
            match = re.match(r"(\d+) +(\w+)\(", line)
            if match and match[2] not in QUIET:
                count[match.groups()] += 1
    most = {}
    for (_, call), number in count.items():
        most[call] = max(number, most.get(call, 0))
    return most


def main():
    prepare()
    copy(STORE, GOOD)
    before = state()
    must(*OPERATIONS[OPERATION])
    after = state()
    copy(GOOD, STORE)
    most = calls()
    bad = tried = seen = 0
    for call, number in sorted(most.items()):
        for nth in range(1, number + 1):
            seen += 1
            if seen % STEP != TODAY:
                continue
            for what in ("signal=KILL", "error=ENOSPC", "error=EIO"):
                copy(GOOD, STORE)
                done = subprocess.run(
                    ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                     f"inject={call}:{what}:when={nth}", CLOCHE, *OPERATIONS[OPERATION]],
                    stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
                tried += 1
                try:
                    now = state()
                    left = leftover()
                    then = state()
                except AssertionError as error:
                    now, left, then = str(error), [], None
                wrong = now not in (before, after) or left or then != now
                # What says that it is done is done.
                if done.returncode == 0 and now != after:
                    wrong = True
                if wrong:
                    bad += 1
                    print(f"{call} {nth} {what}: status {done.returncode} {done.stderr}")
                    print(f"  shows {now}\n  left {left}\n  then {then}")
    print(f"{OPERATION}: {tried} times, {bad} wrong; calls {most}")
    if bad:
        print(f"before {before}\nafter {after}")
    sys.exit(1 if bad else 0)


main()
