#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A box against a model of it: random operations on files in a box, then `cloche diff` must name
exactly what is different, and `cloche commit` must make the host what the box has shown.

    model.py test CLOCHE FIRST-SEED SEEDS    one line of TAP for each seed, in the current directory
    model.py change SEED COUNT DIR           the operations, in a box or outside
    model.py dump DIR                        everything that can be seen of a tree, as JSON

A seed that fails is printed with what was different; `model.py test CLOCHE SEED 1` does it again.
"""

import hashlib
import json
import os
import random
import shutil
import stat
import subprocess
import sys
import time

NAMES = [b"a", b"b", b"c d", b"new\nline", b"\xff\xfe", b"\xe2\x80\xaeright", b"tab\t", b"%41",
         b"back\\slash", b"-n", b"e", b"f", b"\x1b[31m", b"g", b"h"]
RENAME_EXCHANGE = 2
ROOT = os.geteuid() == 0


def exchange(a, b):
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(-100, a, -100, b, RENAME_EXCHANGE) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")


class Changer:
    """One random operation after the other; one that cannot be done is no matter."""

    def __init__(self, seed, top):
        self.random = random.Random(seed)
        self.top = os.fsencode(top)

    def paths(self):
        found, dirs = [], [self.top]
        for where, inner, files in os.walk(self.top):
            dirs += [os.path.join(where, name) for name in inner
                     if not os.path.islink(os.path.join(where, name))]
            found += [os.path.join(where, name) for name in inner + files]
        return sorted(found), sorted(dirs)

    def some(self):
        return self.random.choice(self.paths()[0])

    def fresh(self):
        return os.path.join(self.random.choice(self.paths()[1]), self.random.choice(NAMES))

    def file(self):
        return self.random.choice([path for path in self.paths()[0]
                                   if os.path.isfile(path) and not os.path.islink(path)])

    def text(self):
        return bytes(self.random.choice(b"abcdef\n") for _ in range(self.random.choice(
            [0, 1, 5, 100, 5000])))

    def create(self):
        with open(self.fresh(), "xb") as file:
            file.write(self.text())

    def write(self):
        with open(self.file(), "r+b") as file:
            file.seek(self.random.randrange(50))
            file.write(self.text())

    def append(self):
        with open(self.file(), "ab") as file:
            file.write(self.text())

    def truncate(self):
        os.truncate(self.file(), self.random.choice([0, 3, 4096, 200000]))

    def replace(self):
        """As editors save."""
        path = self.file()
        with open(path + b".tmp", "xb") as file:
            file.write(self.text())
        os.rename(path + b".tmp", path)

    def open_only(self):
        with open(self.file(), "r+b"):
            pass

    def rename(self):
        os.rename(self.some(), self.fresh())

    def rename_over(self):
        os.rename(self.some(), self.some())

    def exchange(self):
        exchange(self.some(), self.some())

    def link(self):
        os.link(self.file(), self.fresh(), follow_symlinks=False)

    def symlink(self):
        os.symlink(self.random.choice([b"a", b"../b", b"/etc/passwd", b"nowhere"]), self.fresh())

    def chmod(self):
        path = self.some()
        if os.path.islink(path):
            return
        modes = [0o755, 0o700, 0o777, 0o1777] if os.path.isdir(path) else \
            [0o644, 0o600, 0o755, 0o666] + ([0, 0o4755] if ROOT else [])
        os.chmod(path, self.random.choice(modes))

    def chown(self):
        if ROOT:
            os.chown(self.some(), self.random.choice([0, 1, 1000]),
                     self.random.choice([0, 7, 2000]), follow_symlinks=False)

    def xattr(self):
        os.setxattr(self.file(), b"user." + self.random.choice([b"x", b"y"]), self.text()[:50])

    def unxattr(self):
        os.removexattr(self.file(), b"user." + self.random.choice([b"x", b"y"]))

    def touch(self):
        when = self.random.randrange(10 ** 18, 2 * 10 ** 18)
        os.utime(self.some(), ns=(when, when), follow_symlinks=False)

    def mkdir(self):
        os.mkdir(self.fresh())

    def rmdir(self):
        os.rmdir(self.random.choice(self.paths()[1][1:]))

    def unlink(self):
        os.unlink(self.some())

    def remove_tree(self):
        shutil.rmtree(self.random.choice(self.paths()[1][1:]))

    def recreate(self):
        path = self.random.choice(self.paths()[1][1:])
        shutil.rmtree(path)
        os.mkdir(path)

    def move_tree(self):
        """As mv does where a directory cannot be renamed."""
        shutil.move(os.fsdecode(self.random.choice(self.paths()[1][1:])), os.fsdecode(self.fresh()))

    def fifo(self):
        os.mkfifo(self.fresh())

    def sparse(self):
        with open(self.fresh(), "xb") as file:
            file.seek(1 << 30)
            file.write(b"end")

    def run(self, count):
        common = [self.create, self.write, self.append, self.mkdir, self.unlink, self.rename]
        rare = [self.truncate, self.replace, self.open_only, self.rename_over, self.exchange,
                self.link, self.symlink, self.chmod, self.chown, self.xattr, self.unxattr,
                self.touch, self.rmdir, self.remove_tree, self.recreate, self.move_tree, self.fifo]
        for _ in range(count):
            chosen = self.random.choice(common if self.random.random() < 0.5 else rare)
            if self.random.random() < 0.005:
                chosen = self.sparse
            try:
                chosen()
            except (OSError, IndexError, shutil.Error):
                pass


def sum_of(path, size):
    """Of what is not zero: a hole and zeros are the same."""
    total = hashlib.sha256()
    with open(path, "rb") as file:
        at = 0
        while at < size:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA) & ~4095
            except OSError:
                break
            block = os.pread(file.fileno(), 4096, at)
            if block.strip(b"\0"):
                total.update(b"%d %s" % (at, block))
            at += 4096
    return total.hexdigest()


def dump(top):
    """By path, as text in which every byte comes back."""
    tree, groups = {}, {}
    BLOCKS.clear()
    top = os.fsencode(top)
    for where, inner, files in os.walk(top):
        inner.sort()
        for name in sorted(inner + files):
            path = os.path.join(where, name)
            key = path[len(top) + 1:].decode("latin-1")
            st = os.lstat(path)
            kind = stat.S_IFMT(st.st_mode)
            one = {"kind": kind, "mode": stat.S_IMODE(st.st_mode), "owner": [st.st_uid, st.st_gid],
                   "time": st.st_mtime_ns, "content": None, "attributes": {}}
            if stat.S_ISREG(kind):
                one["content"] = [st.st_size, sum_of(path, st.st_size)]
                if st.st_size > 1 << 20:
                    BLOCKS[key] = st.st_blocks
                one["attributes"] = {n: os.getxattr(path, n).hex() for n in os.listxattr(path)
                                     if n.startswith("user.")}
            elif stat.S_ISLNK(kind):
                one["content"] = os.readlink(path).decode("latin-1")
            if not stat.S_ISDIR(kind):
                groups.setdefault((st.st_dev, st.st_ino), []).append(key)
            tree[key] = one
    for names in groups.values():
        for name in names:
            tree[name]["links"] = sorted(names)
    return tree


BLOCKS = {}  # of large files, from the last dump
WHAT = ("content", "mode", "owner", "attributes", "time")


def expected(host, box):
    """What diff has to say: (path, change, what)."""
    result = set()
    for path in set(host) | set(box):
        old, new = host.get(path), box.get(path)
        parent = os.path.dirname(path)
        if old is None:
            result.add((path, "added", ()))
        elif new is None:
            above = box.get(parent) if parent else {"kind": stat.S_IFDIR}
            if above is not None and above["kind"] == stat.S_IFDIR:
                result.add((path, "deleted", ()))
        elif old["kind"] != new["kind"]:
            result.add((path, "changed", ("kind",)))
        else:
            what = tuple(sorted(name for name in WHAT if old[name] != new[name]))
            if what:
                result.add((path, "changed", what))
    return result


def unescape(text):
    out, data, i = bytearray(), text.encode(), 0
    while i < len(data):
        if data[i:i + 1] != b"\\":
            out += data[i:i + 1]
            i += 1
            continue
        letter = data[i + 1:i + 2]
        if letter == b"x":
            out.append(int(data[i + 2:i + 4], 16))
            i += 4
        else:
            out += {b"n": b"\n", b"t": b"\t", b"\\": b"\\", b"r": b"\r"}[letter]
            i += 2
    return bytes(out).decode("latin-1")


class Failure(Exception):
    pass


class Test:
    def __init__(self, cloche, seed):
        self.cloche, self.seed = cloche, seed
        self.random = random.Random("test %d" % seed)
        self.work = os.path.join(os.getcwd(), "model-%d" % seed)
        self.box = "model-%d-%d" % (os.getpid(), seed)
        self.rounds = 0
        self.taken = {}
        self.went_back = False

    def command(self, *words, status=(0,)):
        done = subprocess.run([self.cloche, *words], stdin=subprocess.DEVNULL, cwd=self.work,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode not in status:
            raise Failure("%s: status %d\n%s%s" % (" ".join(words), done.returncode,
                                                  done.stdout.decode(errors="replace")[-2000:],
                                                  done.stderr.decode(errors="replace")))
        return done.stdout

    def in_box(self, *words):
        me = os.path.abspath(__file__)
        return self.command("run", "-b", self.box, "--read", os.path.dirname(me), "--",
                            sys.executable, "-I", me, *words)

    def show(self):
        return json.loads(self.in_box("dump", self.work))[0]

    def said(self):
        prefix = self.work + "/"
        result = set()
        for line in self.command("diff", "--json", self.box).decode().splitlines():
            one = json.loads(line)
            if one["path"] == self.work:
                continue  # The root itself.
            path = unescape(one["path"])
            if not path.startswith(prefix):
                raise Failure("a change elsewhere: %s" % one["path"])
            what = tuple(sorted(set(one["what"]) - {"links"}))
            if one["change"] == "changed" and not what:
                continue
            result.add((path[len(prefix):], one["change"], what if one["change"] == "changed"
                        else ()))
            # What a commit has removed before it went back is gone.
            if "host" in one and (not self.went_back or one["host"] != "removed"):
                raise Failure("a conflict that is none: %s" % line)
        return result

    def differences(self, title, a, b):
        if a == b:
            return
        lines = [title]
        for path in sorted(set(a) | set(b)):
            if a.get(path) != b.get(path):
                lines.append("%r\n   %s\n   %s" % (path, a.get(path), b.get(path)))
        raise Failure("\n".join(lines[:20]))

    def snapshots(self):
        """Going back to a snapshot shows what was there then."""
        chance = self.random.random()
        if chance < 0.3:
            self.command("box", "snapshot", self.box, "s%d" % self.rounds)
            self.taken["s%d" % self.rounds] = self.show(), dump(self.work)
        elif chance < 0.4 and self.taken:
            name = self.random.choice(sorted(self.taken))
            self.command("box", "rollback", self.box, name)
            self.went_back = True
            box, host = self.taken[name]
            if host == dump(self.work):
                self.differences("after rollback: box, as it was", self.show(), box)
            for other in [key for key in self.taken if int(key[1:]) > int(name[1:])]:
                del self.taken[other]

    def one_round(self):
        self.rounds += 1
        if self.rounds > 1:
            self.snapshots()
        self.in_box("change", "%d.%d" % (self.seed, self.rounds), str(self.random.choice(
            [1, 5, 30, 100])), self.work)
        box, shown = json.loads(self.in_box("dump", self.work))
        host = dump(self.work)
        wanted, said = expected(host, box), self.said()
        if wanted != said:
            raise Failure("diff\n missing: %s\n too many: %s" % (sorted(wanted - said)[:10],
                                                              sorted(said - wanted)[:10]))
        if self.random.random() < 0.4:
            return
        accepted = [word for risk in ("set-id", "link", "permission", "git", "path")
                    for word in ("--accept-risk", risk)]
        if self.went_back:
            accepted += ["--force-conflict", self.work]
        self.command("commit", *accepted, self.box)
        self.differences("after commit: host, box", dump(self.work), box)
        for path, blocks in BLOCKS.items():
            if blocks > shown.get(path, blocks) + 1000:
                raise Failure("a hole was filled: %r" % path)
        # Where it has left the box's layer, the host's is seen through it.
        self.differences("after commit: box, before", self.show(), box)
        if any(name.startswith(".cloche-") for _, dirs, files in os.walk(self.work)
               for name in dirs + files):
            raise Failure("something was left")
        if self.said() - {x for x in self.said() if x[2] == ("time",)}:
            raise Failure("after commit there is a difference: %s" % self.said())

    def run(self):
        os.mkdir(self.work)
        Changer("host %d" % self.seed, self.work).run(self.random.choice([10, 100]))
        # What was written in the clock's same tick as the box's first look would be in conflict.
        time.sleep(0.02)
        try:
            for _ in range(self.random.choice([1, 3, 6])):
                self.one_round()
        finally:
            subprocess.run([self.cloche, "box", "remove", self.box], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.work)


def test(cloche, first, count):
    print("1..%d" % count, flush=True)
    failed = 0
    for number, seed in enumerate(range(first, first + count), 1):
        try:
            Test(cloche, seed).run()
            print("ok %d - seed %d" % (number, seed), flush=True)
        except Failure as failure:
            failed += 1
            print("not ok %d - seed %d" % (number, seed))
            print("\n".join("# " + line for line in str(failure).splitlines()), flush=True)
    return failed > 0


def main():
    os.umask(0o022)
    if sys.argv[1] == "test":
        return test(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    if sys.argv[1] == "change":
        Changer(sys.argv[2], sys.argv[4]).run(int(sys.argv[3]))
    else:
        print(json.dumps([dump(sys.argv[2]), BLOCKS]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
