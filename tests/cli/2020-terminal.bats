#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A terminal is relayed through one of the box's own. terminal.py types and reads.

load ../helpers

teardown() {
	[ -z "${BOX:-}" ] || [ "$(id -u)" != 0 ] || "$CLOCHE" box remove "$BOX" 2>/dev/null || true
	scratch_done
}

typed() { # PYTHON [ARG...]
	CLOCHE=$CLOCHE PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME \
		timeout $((100 * ${CLOCHE_SLOW:-1})) python3 -c "from terminal import *
$1" "${@:2}"
}

@test "inside it is a terminal, and not the caller's" {
	typed '
t = Terminal([CLOCHE, "run", "--", "sh", "-c", "tty; test -t 0 && test -t 1 && test -t 2 && echo yes"])
t.expect("/dev/pts/0")
t.expect("yes")
assert t.wait() == 0'
}

@test "the window size is the caller's, and changes with it" {
	typed '
t = Terminal([CLOCHE, "run", "--", "bash", "-c",
	"stty size; trap \"stty size; exit 3\" WINCH; echo ready; while :; do read -t 1 x; done"], rows=33, columns=77)
t.expect("33 77")
t.expect("ready")
t.resize(44, 99)
t.expect("44 99")
assert t.wait() == 3'
}

@test "what is typed arrives, is echoed once, and lines end as they should" {
	typed '
t = Terminal([CLOCHE, "run", "--", "sh", "-c", "echo ready; read x; echo got:$x"])
t.expect("ready\r\n")
t.send("hello\n")
t.expect("got:hello\r\n")
assert t.wait() == 0
assert t.seen.count("hello") == 2, t.seen
assert "\r\r" not in t.seen, t.seen'
}

@test "Ctrl-C interrupts the program" {
	typed '
t = Terminal([CLOCHE, "run", "--", "sh", "-c", "trap \"echo caught; exit 9\" INT; echo ready; while :; do read x; done"])
t.expect("ready")
t.send("\x03")
t.expect("caught")
assert t.wait() == 9
t = Terminal([CLOCHE, "run", "--", "sh", "-c", "echo ready; exec sleep 1000"])
t.expect("ready")
t.send("\x03")
assert t.wait() == 130'
}

@test "Ctrl-C and SIGTERM at any moment of the start end it" {
	typed '
import time
slow = int(os.environ.get("CLOCHE_SLOW", "1"))
def named(pid):
    with open(f"/proc/{pid}/comm") as file:
        return file.read().strip() == "cloche"
for option in [], ["--tasks", "50"]:
    for i in range(30):
        t = Terminal([CLOCHE, "run", *option, "--", "sleep", "1000"])
        before = t.modes()
        while not named(t.pid):
            pass
        end = time.monotonic() + i * 0.001 * slow
        while time.monotonic() < end:
            pass
        if i % 2 == 0:
            t.send("\x03")
        else:
            os.kill(t.pid, signal.SIGTERM)
        status = t.wait()
        # Before there is a box it is cloche itself that the signal ends.
        assert status in ((130, -2) if i % 2 == 0 else (143, -15)), (i, status, t.seen)
        assert t.modes() == before or status < 0, i
        os.close(t.master)
        os.close(t.slave)'
}

@test "Ctrl-D ends input" {
	typed '
t = Terminal([CLOCHE, "run", "--", "sh", "-c", "echo ready; cat; echo ended"])
t.expect("ready")
t.send("\x04")
t.expect("ended")
assert t.wait() == 0'
}

@test "raw mode reaches the program: single keys" {
	typed '
t = Terminal([CLOCHE, "run", "--", "bash", "-c", "echo ready; read -n 1 -s key; echo key=$key"])
t.expect("ready")
t.send("q")
t.expect("key=q")
assert t.wait() == 0'
}

@test "the terminal modes of the caller come back, however it ends" {
	typed '
for script, status in (("exit 0", 0), ("kill -9 $$", 137), ("stty raw -echo; exit 4", 4)):
    t = Terminal([CLOCHE, "run", "--", "sh", "-c", script])
    before = t.modes()
    assert t.wait() == status, script
    assert t.modes() == before, script
t = Terminal([CLOCHE, "run", "--", "/no/such/program"])
before = t.modes()
assert t.wait() == 127
assert t.modes() == before'
}

@test "SIGTERM to cloche gives the terminal back too" {
	typed '
t = Terminal([CLOCHE, "run", "--", "sh", "-c", "echo ready; exec sleep 1000"])
before = t.modes()
t.expect("ready")
os.kill(t.pid, signal.SIGTERM)
assert t.wait() == 143
assert t.modes() == before'
}

@test "Ctrl-Z stops the box and cloche; fg goes on" {
	typed '
t = Terminal(["bash", "--norc", "-i"], env={"PS1": "prompt> "})
t.expect("prompt> ")
t.send(CLOCHE + " run -- sh -c \"echo rea\"\"dy; read x; echo got:\\$x\"\n")
t.expect("ready")
t.send("\x1a")
t.expect("Stopped")
t.expect("prompt> ")
t.send("echo be\"\"tween\n")
t.expect("between")
t.expect("prompt> ")
t.send("fg\n")
t.send("word\n")
t.expect("got:word")
t.expect("prompt> ")
t.send("exit\n")
assert t.wait() == 0'
}

@test "an interactive shell has job control" {
	typed '
t = Terminal([CLOCHE, "run", "--env", "PS1=prompt> ", "--", "bash", "--norc", "-i"])
t.expect("prompt> ")
assert "no job control" not in t.seen, t.seen
t.send("sh -c \"echo run\$((40+2)); read x; echo got:\$x\"\n")
t.expect("run42\r\n")
t.send("\x1a")
t.expect("Stopped")
t.expect("prompt> ")
t.send("jobs; echo be\"\"tween\n")
t.expect("Stopped")
t.expect("between\r\n")
t.expect("prompt> ")
t.send("fg\n")
t.send("word\n")
t.expect("got:word")
t.expect("prompt> ")
t.send("exit 6\n")
assert t.wait() == 6'
}

@test "only some streams are a terminal" {
	typed '
t = Terminal(["sh", "-c", CLOCHE + " run -- sh -c \"test -t 0 || echo in-no; test -t 1 && echo out-yes\" </dev/null"])
t.expect("in-no\r\n")
t.expect("out-yes\r\n")
assert t.wait() == 0
t = Terminal(["sh", "-c", CLOCHE + " run -- sh -c \"test -t 1 || echo out-no\" | cat"])
t.expect("out-no\r\n")
assert t.wait() == 0'
}

@test "much output comes out whole" {
	typed '
t = Terminal([CLOCHE, "run", "--", "seq", "1", "20000"])
t.expect("20000\r\n")
assert t.wait() == 0
assert t.seen.split("\r\n")[:20000] == [str(i) for i in range(1, 20001)]'
}

@test "a terminal that hangs up ends the box" {
	typed '
t = Terminal([CLOCHE, "run", "--", "sh", "-c", "echo ready; exec sleep 1000"])
t.expect("ready")
t.hang_up()
assert t.wait() in (129, -1), t.status'
}

# The terminal is full, and nobody reads from it: by the caller's own descriptor or another user's.
unread() { # STATUS OPTION...
	typed '
import sys
t = Terminal([CLOCHE, "run", *sys.argv[2:], "--", "yes"])
t.expect("y\r\ny\r\n")
pid, status = os.waitpid(t.pid, 0)
assert os.waitstatus_to_exitcode(status) == int(sys.argv[1]), status' "$@"
}

@test "a terminal that nobody reads from does not stop the time" {
	unread 124 --wall $((2 * ${CLOCHE_SLOW:-1}))s
}

@test "the same with another user's terminal" {
	need_root
	chown cloche-test "$XDG_DATA_HOME" # Before Linux 6.6 layers are there and not in a tmpfs.
	typed '
t = Terminal(["setpriv", "--reuid", "cloche-test", "--regid", "cloche-test", "--clear-groups",
	CLOCHE, "run", "--wall", str(TIMEOUT // 15) + "s", "--", "yes"])
t.expect("y\r\ny\r\n")
pid, status = os.waitpid(t.pid, 0)
assert os.waitstatus_to_exitcode(status) == 124, status'
}

@test "a terminal that nobody reads from does not stop signals" {
	typed '
import select
t = Terminal([CLOCHE, "run", "--", "yes"])
t.expect("y\r\ny\r\n")
def written():
	return open("/proc/%d/io" % t.pid).read().split("wchar: ")[1].split()[0]
before = None
while written() != before: # It is not full yet. (The kernel may say all the while that it has room.)
	before = written()
	select.select([], [], [], 0.2)
os.kill(t.pid, signal.SIGTERM)
pid, status = os.waitpid(t.pid, 0)
assert os.waitstatus_to_exitcode(status) == 143, status'
}

# A guest that runs on, while the one that leads the terminal has stopped itself and cloche with it.
stopped_until() { # STATUS SCRIPT OPTION...
	MARK=cloche-stop-$$-$RANDOM typed '
import subprocess, sys, time
mark = os.environ["MARK"]
def runs():
    return subprocess.run(["pgrep", "--full", "^" + mark], stdout=subprocess.DEVNULL).returncode == 0
t = Terminal([CLOCHE, "run", *sys.argv[3:], "--", "bash", "-c",
	"exec -a $0 bash -c \"until grep -q ^State:.T /proc/\\$PPID/status; do :; done; $1\" &"
	"until grep -aq ^$0 /proc/$!/cmdline; do :; done; kill -STOP $$", mark, sys.argv[2]])
assert os.waitpid(t.pid, os.WUNTRACED)[1] & 0xff == 0x7f, "cloche was not stopped"
end = time.monotonic() + TIMEOUT
while runs():
    assert time.monotonic() < end, "it lives on"
    time.sleep(0.05)
os.kill(t.pid, signal.SIGCONT)
assert t.wait() == int(sys.argv[1]), t.status' "$@"
}

@test "a guest that stops itself, and cloche with it, does not stop the time" {
	# Long enough for it to have stopped by then.
	stopped_until 124 "sleep 1000; :" --wall $((2 * ${CLOCHE_SLOW:-1}))s
}

@test "a guest that stops itself, and cloche with it, does not lift the limit of disk" {
	BOX=stop-$$-$RANDOM
	stopped_until 137 'for ((i = 0; ; i++)); do head -c 1M /dev/zero >f$i; done' -b "$BOX" --disk 4M
}
