#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
#
# Hooks at their limits: what the manual page says is all there is, hostile hooks end in deny, callers
# that are held are stopped and go on, debuggers are refused where hooks stop calls.

load ../helpers

# A policy of the text on standard input, behind the default preset.
policy() {
	{
		echo 'extends "default"'
		cat
	} >p.lua
}

hooked() {
	box -p ./p.lua "$@"
}

@test "the manual page has every field and word that there is" {
	local source=${CLOCHE_SOURCE:-${BATS_TEST_DIRNAME%/tests/cli}} page name
	page=$source/man/cloche-hooks.7.scd
	[ -r "$page" ] || skip "the manual pages are not here to be read"
	# What the code compares names with, and the functions that policies find.
	while read -r name; do
		grep -q "[*.:_/]$name\\b" "$page" || tell "$name is not in cloche-hooks(7)"
	done < <(
		cd "$source/src/hooks" &&
			sed -n 's/.*strcmp(name, "\([a-z]*\)").*/\1/p' lua_call.c lua_process.c lua_address.c lua_struct.c lua_flags.c
		sed -n '/} methods\[\]/,/};/s/{"\([a-z]*\)",/\n&/gp' lua_call.c | sed -n 's/^{"\([a-z]*\)".*/\1/p'
		sed -n 's/.*{"\([a-z]*\)", say_[a-z]*}.*/\1/p' ../policy/lua_verdict.c
	)
}

@test "every field that the manual page names is there" {
	need_command perl
	cat >all.lua <<-'LUA'
		extends "default"
		on.connect = function(call)
			local p = call.process
			log("process", type(p.pid), type(p.tid), type(p.parent), type(p.uid), type(p.gid), type(p.program), type(p.cwd), type(p.argv))
			local a = call.address
			log("address", a.family, a.host, a.port, a.path, a.abstract, #a.bytes)
			log("call", call.name, call.abi, #call.args, call.args[1] == call.fd, call:pointer("address") ~= 0)
			log("memory", #call:read(call:pointer("address"), 2), call:string(0), call:file(call.fd):sub(1, 7), call:real("/etc/x"))
			log(call:write(call:pointer("address"), call:read(call:pointer("address"), 2)))
			call.address = { family = "AF_INET", host = "127.0.0.1", port = 1 }
		end
		on.openat = function(call)
			local f = call.flags
			log("flags", f.creat, f.O_CREAT, f.value & 3, type(tostring(f)), f.text == tostring(f), (f | 1) == (f.value | 1))
		end
		on.write = function(call)
			call.data = call.data:gsub("token=%w+", "token=...")
		end
		after.uname = function(call)
			log("result", call.result, call.error, #call.args.name.bytes, call.args.name.address ~= 0)
		end
		after.access = function(call)
			call.error = "EPERM"
		end
	LUA
	box -p all.lua -- perl -e 'socket(S, 2, 1, 0); connect(S, pack("SnNx8", 2, 80, 0x7f000001));
		require POSIX; POSIX::uname(); open(F, "<", "/etc/passwd"); my ($t, $p) = ("token=abc\n", "/");
		syscall(1, 1, $t, 10); syscall(21, $p, 0) && print 0 + $!, "\n"'
	succeeds
	says "token=..."
	says 1
	complains "process number number number number number string string table"
	complains "address AF_INET 127.0.0.1 80 nil nil 16"
	complains "call connect x86_64 3 true true"
	complains "memory 2 nil socket: /etc/x"
	complains "flags false false 0 string true true"
	complains "result 0 nil 390 true"
	[[ $stderr != *denied* ]] || tell "a hook failed"
}

@test "hooks that run away, break out or raise nonsense deny, and are over in time" {
	local line
	while IFS= read -r line; do
		printf 'extends "default"\non.uname = function(call)\n%s\nend\n' "$line" >bad.lua
		box --wall 60s -p bad.lua -- uname -r
		[ "$status" = 1 ] || tell "passed: $line"
		complains "bad.lua:"
		complains "uname is denied"
	done <<-'LUA'
		local function f(n) return f(n + 1) + 1 end f(1)
		while true do end
		local t = ("a"):rep(1 << 24) while true do t = t .. t end
		return ("a"):rep(1 << 40)
		return (("a"):rep(50000)):find(("a*"):rep(30) .. "b")
		return (("a"):rep(100000)):gsub(".", function() return ("x"):rep(10000) end)
		local a = ("x"):rep(1 << 24) local b = a .. "y" while true do local x = a < b end
		local a = (" "):rep(1 << 24) .. "1" while true do local x = a + 0 end
		local t = {} for i = 1, 1e9 do t[i] = i end
		table.sort({ 3, 2, 1, 5, 4, 9, 8 }, function() return true end)
		return table.unpack({}, 1, 1e8)
		error({})
		error(nil)
		error(call)
		error(setmetatable({}, { __tostring = function() while true do end end }))
		getmetatable("").__index = nil
		return string.dump(function() end)
		return load("\27Lua")
		return require "os"
		return io.open("/etc/passwd")
		return os.execute("id")
		return debug.getregistry()
		return coroutine.wrap(function() end)()
		pcall(error)
		_G.deny = allow
		deny = allow
		on.uname = nil
		call.process.uid = 0
		return deny
		return call
		return true
		return deny "EACCES", answer(0)
		return answer(2^63)
		return hold(("x"):rep(1 << 24), -1)
	LUA
}

@test "who is held is stopped and goes on, a vfork's child is held, and the others call meanwhile" {
	need_command python3
	cat >held.py <<-'END'
		import os, signal, subprocess, threading, time
		count, over = 0, False
		def others():
		    global count
		    while not over:
		        os.stat("/")
		        count += 1
		threading.Thread(target=others).start()
		before = count
		try:
		    subprocess.run(["/bin/held"])
		except OSError as error:
		    print("exec", error.strerror, count > before)
		over = True
		pid = os.fork()
		if pid == 0:
		    try:
		        os.stat("/held")
		    except OSError as error:
		        os._exit(error.errno)
		    os._exit(0)
		os.kill(pid, signal.SIGSTOP)
		status = os.waitpid(pid, os.WUNTRACED)[1]
		print("stopped", os.WIFSTOPPED(status))
		os.kill(pid, signal.SIGCONT)
		print("then", os.strerror(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))
	END
	local after
	for after in '' 'after["%file"] = function() end after.execve = after["%file"]'; do
		policy <<-LUA
			local function held(call)
				if call.path and call.path:find("held$") then return hold("let it", 0.6) end
			end
			on["%file"], on.execve = held, held
			$after
		LUA
		# Somebody is there who does not answer.
		CLOCHE=$CLOCHE PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME timeout 60 python3 -c "from terminal import *
t = Terminal([CLOCHE, 'run', '-p', './p.lua', '--', '/usr/bin/python3', '-B', 'held.py'])
assert t.wait() == 0, t.seen
for words in 'exec Connection timed out True', 'stopped True', 'then Connection timed out':
    assert words in str(t.seen), t.seen"
	done
}

@test "where calls are stopped a debugger is refused, and on notify it works" {
	need_command strace
	policy <<-'LUA'
		after.openat = function() end
	LUA
	hooked -- strace -o /dev/null true
	fails_with 1
	complains "Operation not permitted"
	hooked -- sh -c 'strace -p $$ -o /dev/null'
	complains "Operation not permitted"
	policy <<-'LUA'
		on.openat = function(call)
			if call.path == "/forbidden" then return deny "EACCES" end
		end
	LUA
	hooked -- strace -e trace=openat cat /forbidden
	complains 'openat(AT_FDCWD, "/forbidden", O_RDONLY) = -1 EACCES'
}
