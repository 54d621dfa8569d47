#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Bad input and bad surroundings: one clear line, exit status 125 to 127, nothing left behind.

load ../helpers

# Fails with our own status, one line in stderr, and the program has not run.
one_line() { # STATUS TEXT
	fails_with "$1"
	[ "$(wc -l <<<"$stderr")" = 1 ] || tell "wanted one line"
	[[ $stderr == cloche:* ]] || tell "wanted our name first"
	complains "$2"
	[ -z "$output" ] || tell "it has run"
	nothing_left
}

nothing_left() {
	[ -z "$(find "$SCRATCH/data" -path '*/cloche/tmp/*' 2>/dev/null)" ] || tell "a directory is left"
	! grep -q "$SCRATCH" /proc/self/mounts || tell "a mount is left"
}

@test "a program that is not there" {
	box -- /no/such/program
	one_line 127 "/no/such/program: No such file or directory"
	box -- no-such-program
	one_line 127 "no-such-program"
}

@test "a program that the host has and the box does not show" {
	printf '#!/bin/sh\necho ran\n' >../tool
	chmod 755 ../tool
	ln -s tool ../cloche-link
	box -- "$SCRATCH/cloche-link"
	one_line 127 "in the box (the host has $SCRATCH/cloche-link; --read $SCRATCH shows it)"
	PATH=$PATH:$SCRATCH box -- cloche-link
	one_line 127 "in the box (the host has $SCRATCH/cloche-link; --read $SCRATCH shows it)"
	box -- ../work/../cloche-link
	one_line 127 "the host has $SCRATCH/cloche-link"
	box --read "$SCRATCH" -- "$SCRATCH/cloche-link"
	succeeds
	prints "ran"
}

@test "a script whose interpreter is not there" {
	printf '#! /no/such/interpreter -x\n' >script
	printf '#!%s\n' "$SCRATCH/tool" >other
	printf '#!/bin/sh\n' >../tool
	chmod 755 script other ../tool
	box -- ./script
	one_line 127 "names an interpreter that is not there: '/no/such/interpreter'"
	box -- ./other
	one_line 127 "it needs its interpreter $SCRATCH/tool; --read $SCRATCH shows it"
}

@test "a program without a name" {
	box -- ''
	one_line 127 "the program has no name"
}

@test "a directory that the caller may not read" {
	need_user
	[ ! -r /root ] || skip "everybody may read /root"
	box --copy /root -- true
	one_line 125 "/root': Permission denied; a copy can be made only of what you may read"
	box --read /root -- ls /root
	fails_with 2
}

@test "a user that is not there" {
	box --user nosuch -- true
	one_line 125 "--user: user 'nosuch': no such user"
	printf 'extends "default"\nuser "nosuch"\n' >p.lua
	box -p ./p.lua -- true
	one_line 125 "./p.lua:2: user 'nosuch': no such user"
	cloche explain -p ./p.lua
	fails_with 125
	complains "./p.lua:2: user 'nosuch'"
}

@test "a program that may not be run" {
	echo text >plain
	box -- ./plain
	one_line 126 "Permission denied"
	box -- /etc
	one_line 126 "/etc"
}

@test "a program of no known format" {
	printf 'no program' >odd
	chmod +x odd
	box -- ./odd
	one_line 126 "format"
}

@test "an empty program name" {
	box -- ''
	fails_with 127
}

@test "limits that are no numbers" {
	box --memory lots -- true
	one_line 125 "lots"
	box --memory -5M -- true
	one_line 125 "-5M"
	box --tasks many -- true
	one_line 125 "many"
	box --cpu fast -- true
	one_line 125 "fast"
	box --wall soon -- true
	one_line 125 "soon"
	box --disk 1Q -- true
	one_line 125 "1Q"
}

@test "a network, user, box or host name that cannot be" {
	box --net internet -- true
	one_line 125 "internet"
	box --user no-such-user -- true
	one_line 125 "no-such-user"
	box -b ../../etc -- true
	one_line 125 "../../etc"
	box -b '' -- true
	one_line 125 "box name"
	box --hostname "$(printf 'x%.0s' {1..300})" -- true
	one_line 125 "host"
}

@test "an environment name that cannot be" {
	box --env =value -- true
	one_line 125 "name of a variable"
}

@test "paths that are not there" {
	for option in copy read write; do
		box "--$option" /no/such/path -- true
		one_line 125 "/no/such/path"
	done
}

@test "a file in the place of a directory, and the other way round" {
	echo text >file
	mkdir folder
	box --read "$PWD/file:/etc" -- true
	one_line 125 "'/etc' is a directory, it cannot be the place of a file"
	box --read "$PWD/folder:/etc/passwd" -- true
	one_line 125 "'/etc/passwd' is no directory, it cannot be the place of a directory"
	box --private /etc/passwd -- true
	one_line 125 "/etc/passwd"
}

@test "paths that no policy may name" {
	box --write /proc -- true
	one_line 125 "/proc"
}

@test "an empty path" {
	box --read '' -- true
	fails_with 125
}

@test "a working directory that is not in the box" {
	box --cwd /no/such/directory -- true
	one_line 125 "cannot start in '/no/such/directory'"
	complains "in the box; show it"
	box --cwd /etc/passwd -- true
	one_line 125 "cannot start in '/etc/passwd': Not a directory"
	[[ $stderr != *--copy* ]] || tell "showing it would not help"
}

@test "a policy file that shows nothing" {
	echo 'on.kill = function(call) end' >hooks.lua
	box -p ./hooks.lua -- true
	one_line 127 "does it want 'extends \"default\"'?"
}

@test "a path that is too long" {
	local long
	long=$(printf 'x%.0s' {1..5000})
	box --read "/$long" -- true
	one_line 125 "is too long"
	box -- "$long"
	one_line 127 "No such file or directory"
	box -- "/$long"
	one_line 126 "File name too long"
	box --report "$long" -- true
	one_line 125 "File name too long"
	box --cwd "/$long" -- true
	one_line 125 "expected a directory as the guest sees it"
	box -p "./$long" -- true
	one_line 125 "too long"
}

@test "a policy that is not there, not readable, not a policy" {
	box -p ./nosuch.lua -- true
	one_line 125 "nosuch.lua"
	mkdir folder.lua
	box -p ./folder.lua -- true
	one_line 125 "folder.lua"
	echo 'this is not lua' >bad.lua
	box -p ./bad.lua -- true
	one_line 125 "bad.lua:1"
	echo 'limitz { memory = "1M" }' >typo.lua
	box -p ./typo.lua -- true
	one_line 125 "limits"
	box -p defalt -- true
	one_line 125 "default"
}

@test "a policy that may not be read" {
	need_user
	echo 'extends "default"' >p.lua
	chmod 000 p.lua
	box -p ./p.lua -- true
	one_line 125 "p.lua: cannot be read: Permission denied"
}

@test "a report that cannot be written" {
	box --report /no/such/directory/report -- true
	one_line 125 "/no/such/directory/report"
}

@test "a place for boxes that cannot be made" {
	need_user # Root's is always the same.
	XDG_DATA_HOME=/usr/cloche-test/data box -b box -- true
	one_line 125 "'/usr/cloche-test/data/cloche': Permission denied; XDG_DATA_HOME"
	XDG_DATA_HOME=/proc/cloche-test box -b box -- true
	one_line 125 "'/proc/cloche-test/cloche': No such file or directory"
}

@test "no user namespaces" {
	need_user
	run unshare --user --map-current-user --keep-caps true
	[ "$status" = 0 ] || skip "no user namespaces to take away"
	run --separate-stderr unshare --user --map-current-user --keep-caps sh -c '
		echo 0 >/proc/sys/user/max_user_namespaces || exit 77
		exec "$1" run -- true' - "$CLOCHE"
	[ "$status" != 77 ] || skip "the limit cannot be lowered here"
	one_line 125 "user namespaces"
	complains "cloche doctor"
}

# Runs a command in a process that somebody watches already: the listener stays open in this one.
watched() {
	python3 - "$@" <<-'EOF'
		import ctypes, os, struct, subprocess, sys
		libc = ctypes.CDLL(None, use_errno=True)
		allow = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7fff0000))
		program = struct.pack("HxxxxxxQ", 1, ctypes.addressof(allow))
		libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
		if libc.syscall(317, 1, 8, program) < 0:  # seccomp: a filter with NEW_LISTENER
		    sys.exit(77)
		for _ in range(40):
		    run = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, capture_output=True, text=True)
		    if run.returncode != 125 or "another program watches" not in run.stderr:
		        sys.exit(f"status {run.returncode}, said: {run.stderr}")
	EOF
}

@test "where another program watches it is said, each time" {
	run watched "$CLOCHE" run -- true
	[ "$status" != 77 ] || skip "a listener cannot be had here"
	succeeds
	nothing_left
}

@test "where a debugger traces all of cloche and its calls are to be stopped" {
	need_command strace
	run --separate-stderr strace -f -o /dev/null "$CLOCHE" run -- echo ran
	prints ran
	run --separate-stderr strace -f -o /dev/null "$CLOCHE" run --route stop -- echo ran
	one_line 125 "cannot watch the guest: Operation not permitted; is cloche itself traced"
}

@test "too few files that may be open" {
	local count
	for count in 3 6 10 16 31; do
		run --separate-stderr timeout 20 bash -c "ulimit -n $count; exec \"\$0\" run -- true" "$CLOCHE"
		if ((count > 4)); then
			one_line 125 "only $count files may be open here, cloche needs 32: ulimit -n 32"
		else
			one_line 125 "cloche"
		fi
	done
	run --separate-stderr bash -c 'ulimit -n 32; exec "$0" run -b few -- sh -c "ulimit -n"' "$CLOCHE"
	succeeds
	prints "32"
}

@test "a host whose /dev is not what it should be" {
	need_user
	run --separate-stderr unshare --user --map-current-user --keep-caps --mount sh -c '
		mount -t tmpfs none /dev || exit 77
		for name in $2; do : >/dev/$name; done
		exec "$1" run -- true' - "$CLOCHE" ""
	[ "$status" != 77 ] || skip "no mounts in a user namespace here"
	one_line 125 "the host's must have the devices null"
	# A file under the name of a device is nothing that a guest may write to.
	run --separate-stderr unshare --user --map-current-user --keep-caps --mount sh -c '
		mount -t tmpfs none /dev && for name in $2; do : >/dev/$name; done
		exec "$1" run -- true' - "$CLOCHE" "null zero full random urandom tty"
	one_line 125 "No such device"
}

@test "root of a user namespace alone is an ordinary user" {
	run unshare --user --map-root-user true
	[ "$status" = 0 ] || skip "no user namespaces here"
	export HOME=$SCRATCH/work # /root is somebody else's
	run --separate-stderr unshare --user --map-root-user "$CLOCHE" run -- sh -c 'id -u; cat /proc/self/uid_map'
	succeeds
	[[ $output =~ ^0[[:space:]]+0[[:space:]]+0[[:space:]]+1$ ]] || tell "wanted one id"
	run --separate-stderr unshare --user --map-root-user "$CLOCHE" run -b one -- sh -c 'echo kept >~/file'
	succeeds
	run --separate-stderr unshare --user --map-root-user "$CLOCHE" run -b one -- sh -c 'cat ~/file'
	prints kept
}

@test "something is mounted where a preset shows the caller's own places" {
	local inside='mkdir "$1/mounted" && mount -t tmpfs none "$1/mounted" && exec "$0" run -p open -- ls "$1"'
	run unshare --user --map-root-user --mount true
	[ "$status" = 0 ] || skip "no user namespaces here"
	export HOME=$SCRATCH/work
	run --separate-stderr unshare --user --map-root-user --mount sh -c "$inside" "$CLOCHE" "$SCRATCH/work"
	succeeds
	says mounted
}

@test "root without the capabilities that it takes is told so" {
	need_root
	run --separate-stderr setpriv --bounding-set -all --inh-caps -all "$CLOCHE" run -- true
	one_line 125 "root has not all its capabilities"
	run --separate-stderr setpriv --bounding-set -mknod --inh-caps -mknod "$CLOCHE" run -- true
	one_line 125 "root may not make devices here"
}

@test "a box in a box says why it cannot be" {
	box --read "$(dirname "$CLOCHE")" -- "$CLOCHE" run -- echo inside
	fails_with 125
	[[ $stderr == *"cloche doctor"* ]] || tell "wanted a hint"
	[ "$(wc -l <<<"$stderr")" = 1 ] || tell "wanted one line"
	[ -z "$output" ]
}

@test "no space on the box's disk is the program's own error" {
	box --disk 1M -- sh -c 'head -c 4M /dev/zero >big && echo written'
	[ "$status" != 0 ] || tell "wanted a failure"
	says_not "written"
	[ ! -e big ]
}

@test "a current directory whose path is longer than any may be" {
	local part i
	part=$(printf 'd%.0s' {1..200})
	for i in {1..21}; do
		mkdir "$part"
		cd -P "$part"
	done
	box -- pwd
	one_line 125 "--cwd"
	box --cwd / -- pwd
	succeeds
	prints /
}

@test "a current directory that was removed" {
	mkdir gone
	cd gone
	rmdir ../gone
	box -- pwd
	succeeds
	prints /
}
