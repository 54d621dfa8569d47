#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A commit, interfered with at every one of its system calls in turn: killed before it, killed
after it, the call failed. Afterwards, and after the next cloche command, the host is exactly what
it was or exactly what the box shows, which is what it showed, and nothing lies about.

    faults.py CLOCHE AT_CALL before|after|ENOSPC|EIO [FIRST [LAST]]    in an empty directory

With THROUGH in the environment (a program like plain_renames) the commit and what goes on with it
is run by that. Prints what went wrong, and the call's number; status 1 then.
"""

import datetime
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../model"))
import model  # noqa: E402

BOX = "faults-%d" % os.getpid()
BEFORE = """
mkdir d e gone gone/deep turned; echo 8 >turned/in; echo 1 >d/changed; echo 2 >d/removed; echo 3 >e/mode; echo 4 >gone/x
echo 5 >gone/deep/y; echo 6 >kind; ln -s d link; echo 7 >moved; chmod 600 e/mode
"""
CHANGES = """
echo new >>d/changed; rm d/removed; chmod 640 e/mode; chmod 700 e; rm -r gone; rm kind; mkdir kind
echo in >kind/in; rm link; ln -s e link; mv moved e/moved; mkdir -p new/deep; echo f >new/deep/file
ln new/deep/file new/twin; mkfifo pipe; echo other >top; rm -rf d/again; mkdir d/again
rm -r turned; echo a file >turned
"""


# One call in so many is tried, others each day; CLOCHE_FAULT_STEP=1 tries them all.
STEP = int(os.environ.get("CLOCHE_FAULT_STEP", "40"))
TODAY = datetime.date.today().toordinal() % STEP
THROUGH = os.environ.get("THROUGH", "").split()


def run(*words, status=(0,)):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, text=True, errors="replace")
    if status is not None and done.returncode not in status:
        raise AssertionError("%s: status %d\n%s" % (" ".join(words), done.returncode, done.stdout))
    return done


def store():
    return "/var/lib/cloche" if os.geteuid() == 0 else os.environ["XDG_DATA_HOME"] + "/cloche"


def host():
    """Also the directory's own time: a commit that is taken back has never been."""
    return model.dump("host"), os.stat("host").st_mtime_ns


def left_over():
    found = [name for _, dirs, files in os.walk("host") for name in dirs + files
             if name.startswith(".cloche-")]
    return found + [name for name in os.listdir(store() + "/commits") if name == BOX]


def restore_host():
    shutil.rmtree("host")
    run("cp", "-a", "saved", "host")


def make_box(cloche):
    """What was committed has left the box's layer. Returns what the box shows."""
    restore_host()
    os.chdir("host")
    run(cloche, "box", "remove", BOX, status=None)
    run(cloche, "run", "-b", BOX, "--", "sh", "-ec", CHANGES)
    os.chdir("..")
    return shown(cloche)


def shown(cloche):
    """What the box has of the directory."""
    me = os.path.abspath(model.__file__)
    os.chdir("host")
    done = run(cloche, "run", "-b", BOX, "--read", os.path.dirname(me), "--", sys.executable, "-I",
               me, "dump", os.getcwd())
    os.chdir("..")
    return model.json.loads(done.stdout)[0]


def tell(before, after, now):
    print("times of the root: %d %d" % (before[1], now[1]))
    for path in sorted(set(before[0]) | set(after) | set(now[0])):
        states = [tree.get(path) for tree in (before[0], after, now[0])]
        if states[2] != states[0]:
            print("%r\n  before %s\n  after  %s\n  now    %s" % (path, *states))


def one(cloche, at_call, how, number, after):
    """1: it was committed; 0: it was not; -1: there is no such call any more."""
    restore_host()
    before = host()
    done = run(at_call, str(number), how, "--", *THROUGH, cloche, "commit", "--force-conflict", "host",
               "--accept-risk", "permission", BOX, status=None)
    if how in ("ENOSPC", "EIO") and done.returncode == 125 and "next cloche" not in done.stdout:
        assert host() == before, "failed, and not as before:\n%s" % done.stdout
    told = run(*THROUGH, cloche, "diff", BOX)
    now = host()
    same = now == before or now[0] == after
    if not same:
        tell(before, after, now)
    assert same, "neither before nor after\n%s\n%s" % (done.stdout, told.stdout)
    if done.returncode in (0, 99):
        assert now[0] == after, "succeeded, and not as after\n%s" % done.stdout
    assert not left_over(), "left: %s" % left_over()
    boxed = shown(cloche)
    if boxed != after:
        tell(before, after, (boxed, 0))
    assert boxed == after, "the box shows something else\n%s" % done.stdout
    assert not os.path.exists(store() + "/boxes/" + BOX + "/leaving"), "it has not left"
    return -1 if done.returncode == 99 else now[0] == after


def main():
    cloche, at_call, how = sys.argv[1:4]
    first = int(sys.argv[4]) if len(sys.argv) > 4 else 1 + TODAY
    last = int(sys.argv[5]) if len(sys.argv) > 5 else 100000
    os.mkdir("host")
    run("sh", "-ec", "cd host; %s" % BEFORE)
    run("cp", "-a", "host", "saved")
    failed = 0
    number = first
    committed = 1
    after = None
    try:
        while number <= last and committed >= 0:
            if committed:
                after = make_box(cloche)
            committed = one(cloche, at_call, how, number, after)
            number += STEP
        print("%d calls, one in %d tried" % (number - 1, STEP))
    except AssertionError as error:
        print("at call %d (%s): %s" % (number, how, error))
        failed = 1
    run(cloche, "box", "remove", BOX, status=None)
    return failed


if __name__ == "__main__":
    sys.exit(main())
