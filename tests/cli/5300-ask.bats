#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
#
# cloche run --ask: each new thing is put to the person at the terminal.

load ../helpers

typed() { # PYTHON, with t = Terminal(...) at hand
	CLOCHE=$CLOCHE PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME \
		timeout $((80 * ${CLOCHE_SLOW:-1})) python3 -c "from terminal import *
PROMPT = '[n]o, n[e]ver? '
def ask(what, *command, net=None):
    return Terminal([CLOCHE, 'run', '--ask', what, '--', *command])
def answer(t, text, key):
    t.expect(text)
    t.expect(PROMPT)
    t.send(key)
$1"
}

@test "without a terminal nothing is started" {
	run --separate-stderr setsid -w "$CLOCHE" run --ask exec -- touch started </dev/null
	fails_with 125
	complains "terminal"
	[ ! -e started ]
}

@test "what can be asked about is told" {
	cloche run --ask exec,wirte -- true
	fails_with 125
	complains "wirte"
	complains "exec,connect,write"
	cloche run --ask "" -- true
	fails_with 125
}

@test "the program that the box is for is not asked about" {
	typed '
t = ask("exec", "echo", "hello")
t.expect("hello")
assert t.wait() == 0
assert "wants to" not in t.seen, t.seen'
}

@test "once is once" {
	typed '
t = ask("exec", "sh", "-c", "/usr/bin/id -u >/dev/null && echo one; /usr/bin/id -u >/dev/null && echo two")
answer(t, "run /usr/bin/id -u", "o")
t.expect("one")
answer(t, "run /usr/bin/id -u", "o")
t.expect("two")
assert t.wait() == 0'
}

@test "always is always" {
	typed '
t = ask("exec", "sh", "-c", "for i in 1 2 3; do /usr/bin/id -u >/dev/null && echo ok$i; done")
answer(t, "run /usr/bin/id -u", "a")
t.expect("ok3")
assert t.wait() == 0
assert t.seen.count("wants to") == 1, t.seen'
}

@test "always is about the program as it was: one that has changed is asked about again" {
	need_command python3
	cat >changes.py <<-'END'
		import os, shutil, subprocess
		def run():
		    try:
		        subprocess.run(["./t", "-u"], stdout=subprocess.DEVNULL)
		    except OSError as error:
		        print("refused", error.errno)
		shutil.copy("/usr/bin/id", "t")
		shutil.copy("/usr/bin/true", "other")
		run()
		run()
		print("changed: replaced", flush=True)
		os.replace("other", "t")
		run()
		run()
		print("changed: written to", flush=True)
		with open("t", "r+b") as file:
		    file.write(open("/usr/bin/id", "rb").read())
		run()
		print("changed: interpreter", flush=True)
		open("t2", "w").write("#!%s/other\n" % os.getcwd())
		os.chmod("t2", 0o755)
		os.replace("t2", "t")
		shutil.copy("/usr/bin/true", "other")
		run()
		shutil.copy("/usr/bin/id", "other")
		run()
		print("the end", flush=True)
	END
	typed '
t = ask("exec", "python3", "-B", "changes.py")
answer(t, "/t -u", "a")
t.expect("changed: replaced")
answer(t, "/t -u", "a")
t.expect("changed: written to")
answer(t, "/t -u", "a")
t.expect("changed: interpreter")
answer(t, "/t -u", "a")
answer(t, "/t -u", "e")
t.expect("refused 13")
t.expect("the end")
assert t.wait() == 0
assert t.seen.count("wants to") == 5, t.seen'
}

@test "never is about the name, whatever is in the file" {
	need_command python3
	cat >changes.py <<-'END'
		import shutil, subprocess
		for program in "id", "true", "id":
		    shutil.copy("/usr/bin/" + program, "t")
		    try:
		        subprocess.run(["./t", "-u"])
		        print("run", flush=True)
		    except OSError as error:
		        print("refused", error.errno, flush=True)
	END
	typed '
t = ask("exec", "python3", "-B", "changes.py")
answer(t, "/t -u", "e")
for i in range(3):
    t.expect("refused 13")
assert t.wait() == 0
assert t.seen.count("wants to") == 1, t.seen'
}

@test "a program that changes while somebody is asked does not run" {
	need_command python3
	cat >changes.py <<-'END'
		import os, shutil, subprocess, sys
		shutil.copy("/usr/bin/true", "t")
		shutil.copy("/usr/bin/id", "other")
		if os.fork() == 0:
		    while not os.path.exists("asked"):
		        pass
		    os.replace("other", "t")
		    open("replaced", "w").close()
		    os._exit(0)
		try:
		    subprocess.run(["./t"])
		    print("run", flush=True)
		except OSError as error:
		    print("refused", error.errno, flush=True)
	END
	typed '
import time
t = Terminal([CLOCHE, "run", "--write", ".", "--ask", "exec", "--", "python3", "-B", "changes.py"])
t.expect("/t")
t.expect(PROMPT)
open("asked", "w").close()
end = time.monotonic() + 20
while not os.path.exists("replaced"):
    assert time.monotonic() < end
    t.read(0.05)
t.send("o")
t.expect("refused 26")
assert t.wait() == 0'
}

@test "never is never" {
	typed '
t = ask("exec", "sh", "-c", "for i in 1 2 3; do /usr/bin/id -u || echo no$i; done")
answer(t, "run /usr/bin/id", "e")
t.expect("Permission denied")
t.expect("no3")
assert t.wait() == 0
assert t.seen.count("wants to") == 1, t.seen'
}

@test "no, and Enter, are no for this time" {
	typed '
t = ask("exec", "sh", "-c", "for i in 1 2 3; do /usr/bin/id -u >/dev/null && echo yes$i || echo no$i; done")
answer(t, "run /usr/bin/id", "n")
t.expect("no1")
answer(t, "run /usr/bin/id", "\n")
t.expect("no2")
answer(t, "run /usr/bin/id", "o")
t.expect("yes3")
assert t.wait() == 0'
}

@test "other keys are no answer, nor is what was typed before" {
	typed '
t = ask("exec", "sh", "-c", "read x; /usr/bin/id -u >/dev/null && echo yes || echo no")
t.send("go\n")
t.expect("run /usr/bin/id")
t.expect(PROMPT)
t.send("xyz q")
t.send("o")
t.expect("yes")
assert t.wait() == 0'
}

@test "a shell that is told no does not get asked about the rest of its PATH" {
	typed '
t = Terminal([CLOCHE, "run", "--ask", "exec", "--", "sh", "-c", "PATH=/usr/bin:/bin:/nowhere; uname || echo over"])
answer(t, "/uname", "n")
t.expect("over")
assert t.wait() == 0
assert t.seen.count("wants to") == 1, t.seen'
}

@test "Ctrl-C ends the box" {
	typed '
t = ask("exec", "sh", "-c", "trap : INT; (exec sleep 987.6543) & read x; /usr/bin/id -u; echo still here; sleep 1000")
answer(t, "sleep", "o")
t.send("go\n")
answer(t, "run /usr/bin/id", "\x03")
assert t.wait() == 130
assert "still here" not in t.seen, t.seen'
	nothing_runs "sleep 987.6543"
}

@test "the modes of the terminal come back" {
	typed '
t = ask("exec", "sh", "-c", "/usr/bin/id -u; read line; echo got:$line")
before = t.modes()
answer(t, "run /usr/bin/id", "o")
t.send("text\n")
t.expect("got:text")
assert t.wait() == 0
assert t.modes() == before'
}

@test "the others go on meanwhile" {
	typed '
import time
t = Terminal([CLOCHE, "run", "--write", ".", "--ask", "exec", "--", "bash", "-c",
	"{ while [ ! -e asked ]; do :; done; echo went-on >seen; } & /usr/bin/id -u; wait; echo end"])
t.expect("run /usr/bin/id")
t.expect(PROMPT)
open("asked", "w").close()
end = time.monotonic() + 20
while not os.path.exists("seen"):
    assert time.monotonic() < end, "nobody went on"
    t.read(0.05)
t.send("o")
t.expect("end")
assert t.wait() == 0'
}

@test "a question that nobody answers ends with the limit of time" {
	typed '
t = Terminal([CLOCHE, "run", "--wall", "1s", "--ask", "exec", "--", "sh", "-c", "/usr/bin/id -u"])
t.expect(PROMPT)
t.expect("the box is over")
assert t.wait() == 124'
}

@test "a signal to cloche is not kept waiting by a question" {
	typed '
# What follows is not asked about: the signal may come before or after it.
t = ask("exec", "sh", "-c", "/usr/bin/id -u; read x")
t.expect(PROMPT)
os.kill(t.pid, signal.SIGTERM)
t.expect("a signal came")
assert t.wait() == 143'
}

@test "writing is asked about by directory" {
	mkdir one two
	typed '
t = ask("write", "sh", "-c", "echo 1 >one/a; echo 2 >one/b; echo 3 >two/c; cat one/a one/b; cat two/c; echo end")
t.expect("open to write (or make)")
t.expect("/one/a")
t.expect("all names in")
answer(t, "/one", "a")
answer(t, "/two/c", "e")
t.expect("1\r\n2\r\n")
t.expect("No such file")
t.expect("end")
assert t.wait() == 0
assert t.seen.count("wants to") == 2, t.seen'
}

@test "making, removing and renaming are writing; reading and /dev/null are not" {
	mkdir d
	echo x >d/old
	typed '
t = ask("write", "sh", "-c", "cat d/old >/dev/null; mkdir -p d d/new; mv d/old d/moved; rm d/moved; ls d; echo end")
answer(t, "mkdir", "o")
answer(t, "rename", "o")
answer(t, "unlink", "n")
t.expect("moved")
t.expect("end")
assert t.wait() == 0
assert t.seen.count("wants to") == 3, t.seen'
}

@test "what is shown is what happens, though the directory is changed meanwhile" {
	need_command python3
	mkdir one two
	cat >swap.py <<-'END'
		import os, threading, time
		os.chdir("one")
		def swap():
		    while True:
		        try:
		            os.chdir("../two")
		            return
		        except OSError:
		            pass
		threading.Timer(0.05, swap).start()
		open("file", "w").write("x")
		print(sorted(os.listdir("../one")), sorted(os.listdir("../two")))
	END
	typed '
t = ask("write", "python3", "-B", "swap.py")
t.expect("/one/file")
t.expect(PROMPT)
import time
t.read(0.3)
t.send("o")
t.expect("[\x27file\x27] []")
assert t.wait() == 0'
}

@test "connecting is asked about by address" {
	need_command python3
	cat >net.py <<-'END'
		import socket
		listener = socket.socket()
		listener.bind(("127.0.0.1", 7777))
		listener.listen()
		for i in range(2):
		    socket.create_connection(("127.0.0.1", 7777)).close()
		    print("connected", i)
		datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		for send in (lambda: datagrams.sendto(b"x", ("127.0.0.1", 9)),
		             lambda: datagrams.sendmsg([b"x"], [], 0, ("127.0.0.1", 9))):
		    try:
		        send()
		        print("sent")
		    except OSError as error:
		        print("refused", error.errno)
		local = socket.socket(socket.AF_UNIX)
		try:
		    local.connect("there")
		except OSError as error:
		    print("unix", error.errno)
	END
	typed '
t = ask("connect", "python3", "-B", "net.py")
answer(t, "connect to 127.0.0.1 port 7777", "a")
t.expect("connected 1")
answer(t, "connect to 127.0.0.1 port 9", "e")
t.expect("refused 13")
t.expect("refused 13")
answer(t, "the socket /", "o")
t.expect("unix 2")
assert t.wait() == 0
assert t.seen.count("wants to") == 3, t.seen'
}

@test "a datagram to an address of no family is one nobody is asked about, and is not sent" {
	need_command python3
	cat >net.py <<-'END'
		import ctypes, socket, struct
		receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		receiver.bind(("127.0.0.1", 7777))
		receiver.setblocking(False)
		sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		address = struct.pack("=H", 0) + struct.pack("!H4s8x", 7777, socket.inet_aton("127.0.0.1"))
		libc = ctypes.CDLL(None, use_errno=True)
		libc.sendto(sender.fileno(), b"secret", 6, 0, address, 16)
		print("told", ctypes.get_errno())
		try:
		    print("arrived", receiver.recv(10))
		except BlockingIOError:
		    print("nothing came")
	END
	typed '
t = ask("connect", "python3", "-B", "net.py")
t.expect("told 97")
t.expect("nothing came")
assert t.wait() == 0'
}

@test "a name cannot paint on the terminal" {
	typed '
name = "/usr/bin/id\x1b[2J\nno\x9b"
t = ask("write", "sh", "-c", "echo x >\"$1\"; echo end", "sh", "/tmp/a\x1b[2J\nb")
t.expect("/tmp/a\\x1b[2J\\nb")
t.expect(PROMPT)
t.send("n")
t.expect("end")
t.wait()'
}

@test "refusals are in the report" {
	typed '
t = Terminal([CLOCHE, "run", "--report", "r.json", "--ask", "exec", "--", "sh", "-c", "/usr/bin/id -u; true"])
answer(t, "run /usr/bin/id", "n")
assert t.wait() == 0'
	grep -q "asked, and not allowed" r.json || tell "$(cat r.json)"
}
