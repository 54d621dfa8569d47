#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""boxes-model.py BOX SEED STEPS: random changes of a tree over the host and of a private one, with
snapshots, rollbacks, drops, clones and prunes between them. What is looked at in the box after each
must be what was seen when that state was made. A seed that fails says so."""

import os
import random
import subprocess
import sys

CLOCHE = os.environ["CLOCHE"]
BOX, SEED, STEPS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

# Carries out one line of operations in the box; what cannot be done is not done.
GUEST = r"""
import os, shutil, stat, sys
def rm(p):
    if os.path.isdir(p) and not os.path.islink(p): shutil.rmtree(p)
    else: os.unlink(p)
work = os.getcwd()
for line in sys.stdin.read().splitlines():
    top, op, a, b = line.split()
    os.chdir(work if top == "w" else os.path.expanduser("~"))
    try:
        if os.path.exists(a) and stat.S_ISFIFO(os.stat(a).st_mode) and op not in ("rm", "again", "rename"): continue
        if op == "write": open(a, "w").write(b)
        elif op == "append": open(a, "a").write(b)
        elif op == "truncate": os.truncate(a, 1)
        elif op == "mkdir": os.mkdir(a)
        elif op == "rm": rm(a)
        elif op == "again": rm(a); os.mkdir(a)
        elif op == "rename": os.rename(a, b)
        elif op == "move": shutil.move(a, b)
        elif op == "link": os.link(a, b)
        elif op == "symlink": os.symlink(b, a)
        elif op == "chmod": os.chmod(a, 0o700 | ord(b[0]) % 64)
        elif op == "fifo": os.mkfifo(a)
        elif op == "xattr": os.setxattr(a, "user." + b, b.encode())
        elif op == "time": os.utime(a, (1, ord(b[0])))
    except OSError: pass
"""

SHOW = r"""
import os, stat
for top in (os.getcwd(), os.path.expanduser("~")):
    os.chdir(top)
    links = {}
    for path, dirs, files in os.walk("."):
        dirs.sort()
        for name in [""] + sorted(files + [d for d in dirs if os.path.islink(os.path.join(path, d))]):
            p = os.path.join(path, name) if name else path
            s = os.lstat(p)
            what = ""
            if stat.S_ISREG(s.st_mode): what = open(p).read()
            if stat.S_ISLNK(s.st_mode): what = os.readlink(p)
            attrs = [] if stat.S_ISLNK(s.st_mode) or stat.S_ISFIFO(s.st_mode) else sorted(
                (a, os.getxattr(p, a)) for a in os.listxattr(p) if a.startswith("user."))
            when = s.st_mtime if stat.S_ISREG(s.st_mode) else 0
            same = links.setdefault((s.st_dev, s.st_ino), p) if s.st_nlink > 1 and name else ""
            print(p, oct(s.st_mode), s.st_uid, s.st_gid, what, attrs, when, same)
"""


def cloche(*arguments, text=None):
    done = subprocess.run([CLOCHE, *arguments], input=text or "", capture_output=True, text=True,
                          check=False, timeout=60)
    if done.returncode != 0:
        fail(f"cloche {' '.join(arguments)}: {done.returncode} {done.stderr}")
    return done.stdout


history = []


def fail(why):
    print(f"seed {SEED}: {why}")
    print("\n".join(history[-60:]))
    sys.exit(1)


def show(box):
    return cloche("run", "-b", box, "--", "/usr/bin/python3", "-c", SHOW)


def compare(box, wanted, why):
    seen = show(box)
    if seen != wanted:
        old, new = wanted.splitlines(), seen.splitlines()
        lost = "\n".join("- " + line for line in old if line not in new)
        more = "\n".join("+ " + line for line in new if line not in old)
        fail(f"{why}: {box} shows something else\n{lost}\n{more}")


def name(rng):
    return "/".join(rng.choice("abcd") for _ in range(rng.randint(1, 3)))


def change(rng, box):
    ops = ["write"] * 4 + ["mkdir"] * 5 + ["rm"] * 3 + ["again"] * 2 + [
        "append", "truncate", "rename", "rename", "move", "link", "symlink", "chmod", "fifo", "xattr",
        "time"]
    lines = []
    for _ in range(rng.randint(1, 25)):
        op = rng.choice(ops)
        other = name(rng) if op in ("rename", "move", "link", "symlink") else rng.choice("pqrst")
        lines.append(f"{rng.choice('wh')} {op} {name(rng)} {other}")
    history.append(f"{box}: " + "; ".join(lines))
    cloche("run", "-b", box, "--", "/usr/bin/python3", "-c", GUEST, text="\n".join(lines))


def host(rng):
    for top in "abcd":
        for _ in range(rng.randint(0, 4)):
            path = os.path.join(top, *[rng.choice("abcd") for _ in range(rng.randint(0, 2))])
            file = os.path.join(path, rng.choice("abcd"))
            try:
                os.makedirs(path, exist_ok=True)
                with open(file, "x", encoding="utf-8") as made:
                    made.write("host")
            except OSError:
                pass  # A file is where a directory was to be, or the other way round.


def main():
    rng = random.Random(SEED)
    host(rng)
    before = subprocess.run(["find", ".", "-ls"], capture_output=True, text=True, check=True).stdout
    boxes = {BOX: [None, {}]}  # what it shows now, and each of its snapshots
    cloche("box", "create", BOX)
    boxes[BOX][0] = show(BOX)
    clones = 0
    for _ in range(STEPS):
        box = rng.choice(list(boxes))
        now, snapshots = boxes[box]
        deed = rng.choice(["change"] * 5 + ["snapshot"] * 3 + ["rollback"] * 2 + ["drop"] * 3 +
                          ["clone", "remove", "prune"])
        if deed == "change":
            change(rng, box)
            boxes[box][0] = show(box)
        elif deed == "snapshot":
            snapshot = cloche("box", "snapshot", box).strip()
            history.append(f"snapshot {box} {snapshot}")
            snapshots[snapshot] = now
            compare(box, now, "after a snapshot")
        elif deed == "rollback" and snapshots:
            snapshot = rng.choice(sorted(snapshots))
            history.append(f"rollback {box} {snapshot}")
            cloche("box", "rollback", box, snapshot)
            boxes[box][0] = snapshots[snapshot]
            compare(box, snapshots[snapshot], f"back at {snapshot}")
        elif deed == "drop" and snapshots:
            snapshot = rng.choice(sorted(snapshots))
            history.append(f"drop {box} {snapshot}")
            cloche("box", "drop", box, snapshot)
            del snapshots[snapshot]
            compare(box, now, f"without {snapshot}")
        elif deed == "clone" and len(boxes) < 4:
            clones += 1
            other = f"{BOX}-{clones}"
            history.append(f"clone {box} {other}")
            cloche("box", "clone", box, other)
            boxes[other] = [now, dict(snapshots)]
            compare(other, now, "a clone")
        elif deed == "remove" and len(boxes) > 1:
            history.append(f"remove {box}")
            cloche("box", "remove", box)
            del boxes[box]
        elif deed == "prune":
            history.append("prune")
            cloche("box", "prune")
            for one, (wanted, _) in boxes.items():
                compare(one, wanted, "after a prune")
    for box, (_, snapshots) in boxes.items():
        for snapshot, wanted in snapshots.items():
            cloche("box", "rollback", box, snapshot)
            compare(box, wanted, f"in the end, back at {snapshot}")
    after = subprocess.run(["find", ".", "-ls"], capture_output=True, text=True, check=True).stdout
    if after != before:
        fail("the host has changed")
    print(f"seed {SEED}: {STEPS} steps, {len(boxes)} boxes")


main()
