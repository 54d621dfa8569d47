#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Lua hooks in policy files, on real programs: see, refuse, change, answer; and what goes wrong in
# them denies.

load ../helpers

# A policy of the text on standard input, behind the default preset.
policy() {
	{
		echo 'extends "default"'
		cat
	} >p.lua
}

# box with that policy.
hooked() {
	box -p ./p.lua "$@"
}

# The hook's body, for openat of /denied; cat of it is refused, and stderr says why.
denies() { # BODY, TEXT
	policy <<-LUA
		on.openat = function(call)
			if call.path == "/denied" then
				$1
			end
		end
	LUA
	hooked -- sh -c 'cat /denied; echo ended'
	succeeds
	prints ended
	complains "$2"
	[[ $stderr == *"Operation not permitted"* ]] || tell "wanted EPERM"
}

@test "a hook sees the call, its arguments by name, and who makes it" {
	policy <<-'LUA'
		on.openat = function(call)
			if call.path == "/etc/hostname" then
				log("seen", call.name, call.abi, call.path, call.flags, call.flags.creat,
					call.process.program, call.process.argv, call.process.cwd)
			end
		end
	LUA
	hooked -- cat /etc/hostname
	succeeds
	complains "cloche: seen openat x86_64 /etc/hostname O_RDONLY false"
	complains "/cat [cat /etc/hostname] $PWD"
}

@test "a hook refuses with an errno of its choice" {
	policy <<-'LUA'
		on.openat = function(call)
			if call.path:match("%.key$") then return deny "EACCES" end
			if call.path:match("%.pem$") then return deny(2) end
		end
	LUA
	echo secret >a.key
	echo secret >a.pem
	hooked -- sh -c 'cat a.key; cat a.pem; echo ended'
	succeeds
	prints ended
	complains "a.key: Permission denied"
	complains "a.pem: No such file or directory"
}

@test "a changed path is what the kernel opens" {
	policy <<-'LUA'
		on.openat = function(call)
			if call.path == "one" then call.path = "two" end
		end
	LUA
	echo 1 >one
	echo 2 >two
	hooked -- cat one
	prints 2
	hooked --route stop -- cat one
	prints 2
}

@test "flags are assigned by name" {
	policy <<-'LUA'
		on.openat = function(call)
			if call.path == "file" then
				call.flags.trunc = false
				call.flags.append = true
			end
		end
	LUA
	echo old >file
	hooked -- sh -c 'echo new >file; cat file'
	prints $'old\nnew'
}

@test "what is written can be looked at and changed" {
	policy <<-'LUA'
		local function clean(call)
			call.data = call.data:gsub("secret", "......")
		end
		on.write, on.writev = clean, clean
	LUA
	hooked -- sh -c 'echo my secret is out'
	prints "my ...... is out"
}

@test "arguments of programs can be changed" {
	policy <<-'LUA'
		on.execve = function(call)
			if call.path:match("/echo$") then
				local argv = call.argv
				argv[#argv + 1] = "added"
				call.argv = argv
				call.envp = { "ONLY=this" }
			end
		end
	LUA
	hooked -- sh -c '/bin/echo one'
	prints "one added"
}

@test "a hook sees all arguments of a program, however many there are" {
	policy <<-'LUA'
		on.execve = function(call)
			local argv = call.argv
			if #argv < 10000 then return end
			if argv[#argv] == "forbidden" then return deny "EACCES" end
			argv[#argv] = "changed"
			call.argv = argv
		end
	LUA
	hooked -- bash -c 'exec /usr/bin/printf "%s\n" $(seq 1 40000) forbidden'
	fails_with 126
	complains "Permission denied"
	hooked -- bash -c '/usr/bin/printf "%s\n" $(seq 1 40000) fine | tail -n 2'
	succeeds
	prints $'40000\nchanged'
}

@test "no choice of a route leaves a hook out" {
	local route
	policy <<-'LUA'
		on.dup2 = function() return deny "EXDEV" end
		on.getppid = function() return answer(4711) end
		after.getpriority = function(call) call.result = 33 end
	LUA
	for route in notify stop; do
		hooked --route "$route" -- /usr/bin/python3 -B -c '
import os
try: os.dup2(1, 50); print("passed")
except OSError as error: print(error.errno)
print(os.getppid(), os.getpriority(0, 0))'
		succeeds
		prints $'18\n4711 -13'
	done
}

@test "a hook answers itself" {
	policy <<-'LUA'
		on.getppid = function() return answer(4711) end
		on.getrandom = function(call)
			call:write(call.buf, ("7"):rep(call.size))
			return answer(call.size)
		end
	LUA
	need_command perl
	hooked -- perl -e 'print getppid(), "\n"; my $b = "x" x 4; syscall(318, $b, 4, 0); print $b'
	prints $'4711\n7777'
}

@test "a hook kills the caller and nobody else" {
	policy <<-'LUA'
		on.openat = function(call)
			if call.path == "/kill" then return kill() end
		end
	LUA
	hooked -- sh -c 'cat /kill; echo $?'
	succeeds
	prints 137
}

@test "results are seen and changed after the call" {
	policy <<-'LUA'
		after.openat = function(call)
			if call.path == "/etc/hostname" then log("got", call.result >= 0, call.error) end
			if call.path == "/none" then log("got", call.result, call.error) end
		end
		after.uname = function(call) call.args.name.release = "1.2.3" end
		after.getuid = function(call) call.result = 77 end
	LUA
	hooked -- sh -c 'cat /etc/hostname /none; uname -r; id -u'
	complains "cloche: got true nil"
	complains "cloche: got -2 ENOENT"
	says 1.2.3
}

@test "watchers look on and nothing changes" {
	policy <<-'LUA'
		watch.openat = function(call)
			if call.path == "/etc/hostname" then log("seen", call.path) end
		end
		watch["%proc"] = function(call) error("broken") end
	LUA
	hooked -- cat /etc/hostname
	succeeds
	prints "$(cat /etc/hostname)"
	complains "cloche: seen /etc/hostname"
	complains "p.lua:5: broken"
}

@test "state is kept from call to call" {
	policy <<-'LUA'
		local opened = 0
		on.openat = function(call)
			if call.path ~= "file" then return end
			opened = opened + 1
			if opened > 2 then return deny "EMFILE" end
		end
	LUA
	echo x >file
	hooked -- sh -c 'for i in 1 2 3; do cat file; done'
	prints $'x\nx'
	complains "Too many open files"
}

@test "families and all calls can be hooked" {
	policy <<-'LUA'
		local files, all = 0, 0
		on["%file"] = function(call) files = files + 1 end
		watch["*"] = function(call) all = all + 1 end
		after["*"] = function(call)
			if call.name == "mkdir" then log(files > 0, all > files) end
		end
	LUA
	hooked -- sh -c 'mkdir d && ls -d d; (exit 3); echo $?'
	succeeds
	prints $'d\n3'
	complains "cloche: true true"
}

@test "hooks on everything leave programs as they are" {
	policy <<-'LUA'
		local n = 0
		on["*"] = function(call) n = n + 1 end
		after["*"] = function(call) n = n + #tostring(call.result) end
	LUA
	hooked -- bash -c 'set -e; x=$(ls / | wc -l); (($x > 3)); seq 1000 | sort -n | tail -1; kill -0 $$; trap "echo caught" USR1; kill -USR1 $$; sleep 0.01 & wait'
	succeeds
	prints $'1000\ncaught'
}

@test "addresses of sockets are read and changed" {
	need_command python3
	policy <<-'LUA'
		on.connect = function(call)
			log(call.address.family, call.address.host, call.address.port)
			if call.address.port == 1111 then call.address.port = 2222 end
			if call.address.port == 3333 then
				call.address = { family = "AF_INET", host = "127.0.0.1", port = 2222 }
			end
			if call.address.port == 22 then return deny "ENETUNREACH" end
		end
	LUA
	cat >net.py <<-'PYTHON'
		import socket
		server = socket.create_server(("127.0.0.1", 2222))
		for port in 1111, 3333, 2222, 22:
		    try:
		        print(port, socket.create_connection(("127.0.0.1", port)).getpeername()[1])
		    except OSError as error:
		        print(port, error.strerror)
	PYTHON
	hooked -- /usr/bin/python3 net.py
	prints $'1111 2222\n3333 2222\n2222 2222\n22 Network is unreachable'
	complains "cloche: AF_INET 127.0.0.1 1111"
}

@test "i386 programs meet the same hooks" {
	policy <<-'LUA'
		on["*"] = function(call)
			if call.abi == "i386" and call.path == "/etc/hostname" then log("i386", call) end
		end
	LUA
	[ -x "$GUEST_DIR/g_files_32" ] || skip "no i386 programs here"
	hooked --read "$GUEST_DIR" -- "$GUEST_DIR/g_files_32"
	all_ok
}

@test "several files have their say in order" {
	policy <<-'LUA'
		on.openat = function(call)
			if call.path == "/x" then log("first") end
		end
	LUA
	cat >q.lua <<-'LUA'
		on.openat = function(call)
			if call.path == "/x" then log("second") return deny "EIO" end
		end
	LUA
	cat >r.lua <<-'LUA'
		on.openat = function(call)
			if call.path == "/x" then log("third") end
		end
	LUA
	# Its own words elsewhere: cat writes them in parts.
	box -p ./p.lua -p ./q.lua -p ./r.lua -- sh -c 'cat /x 2>&1'
	fails_with 1
	complains $'cloche: first\ncloche: second'
	[[ $stderr != *third* ]] || tell "the third was asked"
	says "Input/output error"
}

@test "what nobody answers is denied when its time is over" {
	policy <<-'LUA'
		on.openat = function(call)
			if call.path == "/held" then return hold("open it", 0.05) end
		end
	LUA
	hooked -- sh -c 'cat /held; echo ended'
	prints ended
}

@test "who has a call held can exit, execute and be killed meanwhile" {
	need_command python3
	cat >held.py <<-'END'
		import os, signal, sys, threading, time
		def wait():
		    end = time.monotonic() + 30
		    while not os.path.exists("asked"):
		        if time.monotonic() > end:
		            os._exit(1)
		how = sys.argv[1]
		if how == "killed":
		    pid = os.fork()
		    if pid == 0:
		        os.access("/held", os.R_OK)
		        os._exit(1)
		    wait()
		    os.kill(pid, signal.SIGKILL)
		    os._exit(7 if os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL else 1)
		threading.Thread(target=os.access, args=("/held", os.R_OK)).start()
		wait()
		if how == "exec":
		    os.execv("/bin/sh", ["sh", "-c", "exit 7"])
		os._exit(7)
	END
	local route how
	for route in notify stop; do # after hooks make it stop
		policy <<-LUA
			on["%file"] = function(call)
				if call.path == "/held" then return hold("let it", 100) end
			end
			$([ "$route" = notify ] || echo 'after["%file"] = function() end')
		LUA
		for how in exit exec killed; do
			rm -f asked
			CLOCHE=$CLOCHE PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME \
				timeout $((80 * ${CLOCHE_SLOW:-1})) python3 -c "from terminal import *
t = Terminal([CLOCHE, 'run', '-p', './p.lua', '--write', '.', '--', '/usr/bin/python3', '-B', 'held.py', '$how'])
t.expect('let it')
open('asked', 'w').close()
assert t.wait() == 7, t.seen"
		done
	done
}

@test "a held call goes on after a yes, as the hook has changed it" {
	need_command python3
	policy <<-'LUA'
		on.openat = function(call)
			if call.path == "one" then
				call.path = "two"
				return hold("open\n" .. call.path, 20)
			end
		end
	LUA
	cat >q.lua <<-'LUA'
		on.openat = function(call) if call.path == "two" then log("the next is asked") end end
	LUA
	echo 1 >one
	echo 2 >two
	CLOCHE=$CLOCHE PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME timeout $((50 * ${CLOCHE_SLOW:-1})) python3 -c '
from terminal import *
for route in [], ["--route", "stop"]:
    t = Terminal([CLOCHE, "run", "-p", "./p.lua", "-p", "./q.lua", *route, "--", "sh", "-c",
        "cat one & cat p.lua >/dev/null; echo others go on; wait; cat one || echo refused"])
    t.expect("open two? [y/N] ")
    t.send("y\n")
    t.expect("open two? [y/N] ")
    assert "others go on" in t.seen and "the next is asked" in t.seen, t.seen
    t.send("n\n")
    t.expect("refused")
    assert t.wait() == 0'
}

@test "hooks on unknown names are errors of the policy, with a suggestion" {
	echo 'on.opneat = function() end' >p.lua
	box -p ./p.lua -- true
	fails_with 125
	complains "p.lua:1: there is no system call 'opneat', did you mean 'openat'?"
	echo 'watch["%flie"] = function() end' >p.lua
	box -p ./p.lua -- true
	fails_with 125
	complains "did you mean '%file'?"
	echo 'on.openat = "deny"' >p.lua
	box -p ./p.lua -- true
	fails_with 125
	complains "p.lua:1: on.openat: got a string; expected a function"
}

@test "an error in a hook denies and names its line" {
	denies 'local x = nil; x.y = 1' "p.lua:4: attempt to index a nil value (local 'x'); openat is denied"
	denies 'error("by hand")' "p.lua:4: by hand; openat is denied"
	denies 'log(call.pth)' "p.lua:4: openat has no argument 'pth', did you mean 'path'?"
}

@test "a hook that never ends is ended, and denies" {
	denies 'while true do end' "p.lua:4: the hook runs for too long"
	denies 'local x = ("a"):rep(4000):find(".-.-.-.-.-b")' "p.lua:4: the hook runs for too long"
}

@test "a hook that takes all memory is stopped, and denies" {
	# In few steps: on a slow machine the time would be over first.
	denies 'local s, t = ("x"):rep(100000), {} s = s .. s .. s .. s .. s .. s .. s .. s
		while true do t[#t + 1] = s .. #t end' "needs too much memory"
}

@test "a hook that returns rubbish denies" {
	denies 'return true' "the hook returned a boolean; expected nothing, or deny()"
	denies 'return deny' "the hook returned a function"
	denies 'return "EACCES"' "the hook returned a string"
	denies 'return nil, 1' "the hook returned several values"
}

@test "a change that does not fit denies" {
	denies 'call.path = ("x"):rep(5000)' "p.lua:4: call.path: 5000 bytes do not fit"
	denies 'call.path = 5' "p.lua:4: call.path: got a number; expected a string"
	denies 'call.mode = 1 << 33' "p.lua:4: mode: 8589934592 does not fit in 32 bits"
	denies 'call.flags.craet = true' "p.lua:4: there is no flag 'craet'"
	denies 'call.address = {}' "openat has no argument 'address'"
	denies 'net "host"' "settings are for the policy itself"
}

@test "wild pointers get the guest what Linux would give it" {
	need_command perl
	policy <<-'LUA'
		on.openat = function(call) log(#call.path) end
	LUA
	# openat of an address that is not there, and of a path that never ends.
	hooked -- perl -e 'my $p = "x" x 5000; syscall(257, -100, 8, 0); print 0 + $!, "\n"; syscall(257, -100, $p, 0); print 0 + $!'
	prints $'14\n36'
}

@test "hooks are not open to control characters" {
	policy <<-'LUA'
		on.openat = function(call) if call.path:match("^/x") then log(call.path) end end
	LUA
	hooked -- cat "/x"$'\e[31m\n'"y"
	complains 'cloche: /x\x1b[31m\ny'
}

@test "explain shows hooks with their lines and routes" {
	policy <<-'LUA'
		on.openat = function() end
		after.read = function() end
		watch["%net"] = function() end
	LUA
	cloche explain -p ./p.lua
	succeeds
	[[ $output =~ on\.openat\ +notify\ +[^$'\n']*p\.lua:2 ]] || tell "wanted openat"
	[[ $output =~ after\.read\ +stop\ +[^$'\n']*p\.lua:3 ]] || tell "wanted read"
	[[ $output =~ watch\[\"%net\"\]\ +[0-9]+\ by\ notify,\ [0-9]+\ by\ stop\ +[^$'\n']*p\.lua:4 ]] ||
		tell "wanted the family"
	cloche explain --all -p ./p.lua
	[[ $output =~ \ openat\ +native\ +monitor[^$'\n']*$'\n'\ +on\ by\ notify:\ [^$'\n']*p\.lua:2 ]] ||
		tell "wanted the call"
	cloche explain --json -p ./p.lua
	[[ $output =~ \"route\":\ ?\"stop\" ]] || { echo "wanted the route"; false; }
	[[ $output == *'p.lua:3"'* ]] || { echo "wanted the line"; false; }
}

@test "the report names the hook that refused" {
	policy <<-'LUA'
		on.openat = function(call)
			if call.path == "/x" then return deny "EACCES" end
		end
	LUA
	hooked --report report.json -- cat /x
	fails_with 1
	grep -q 'p.lua:2' report.json || tell "$(cat report.json)"
}
