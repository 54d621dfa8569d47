#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
#
# Programs for Windows in a box: what comes in, what comes out, and what stays.
load '../helpers'
load 'windows'

@test "a program is recognised by what is in it, not by its name" {
	cp "$GUEST_DIR/w_probe64.exe" surprise.txt
	box -- ./surprise.txt args one
	succeeds
	prints "<one>"
	printf 'MZ this is none' >fake.exe
	chmod +x fake.exe
	box -- ./fake.exe
	fails_with 126
}

@test "arguments come through as they are" {
	arguments() {
		box -- "$PROBE" args '' 'a b' 'c"d' 'e\' '\\f\"' 'ä€' '/unix/path' 'C:\dos\path' '*'
		succeeds
		prints $'<>\n<a b>\n<c"d>\n<e\\>\n<\\\\f\\">\n<ä€>\n</unix/path>\n<C:\\dos\\path>\n<*>'
	}
	both arguments
}

@test "exit codes, streams and variables come through" {
	streams() {
		box -- "$PROBE" exit 42
		fails_with 42
		box -- "$PROBE" both
		succeeds
		prints $'out\nout again'
		[ "$stderr" = err ] || tell "wanted err"
		box --env 'WORD=a b' -- "$PROBE" env WORD USERNAME COMPUTERNAME APPDATA
		says "WORD=a b"
		says 'APPDATA=C:\users\user\AppData\Roaming'
		says "USERNAME=user"
		[ "$(printf 'first\nsecond' | "$CLOCHE" run -- "$PROBE" cat)" = $'first\nsecond' ]
		"$CLOCHE" run -- "$PROBE" both >all 2>&1 </dev/null
		[ "$(cat all)" = $'out\nerr\nout again' ] || tell "$(cat all)"
	}
	both streams
}

@test "what a program writes into a pipe is there at once, not only at its end" {
	local line
	mkfifo in
	exec 7<>in
	coproc "$CLOCHE" run -- "$GUEST_DIR/w_probe64.exe" hold once <in 7>&- 3>&-
	read -r -t 30 line <&"${COPROC[0]}" || line=
	kill "$COPROC_PID" 2>/dev/null || true
	exec 7>&-
	[ "$line" = held ] || tell "read '$line'"
}

@test "a slow reader of a pipe gets everything, and one that leaves ends the program" {
	[ "$("$CLOCHE" run -- "$GUEST_DIR/w_probe64.exe" fill 40 | { read -r -N 1 _; sleep 0.5; wc -c; })" = \
		$((40 * 1048576 - 1)) ]
	timeout 60 "$CLOCHE" run -- "$GUEST_DIR/w_probe64.exe" fill 4000 | head -c 10 >/dev/null
	[ "${PIPESTATUS[0]}" = 141 ] || tell "status ${PIPESTATUS[0]}"
}

@test "on a terminal a program knows its size, and Ctrl-C reaches it" {
	cat >type.py <<-'EOF'
		import fcntl, os, pty, re, struct, sys, termios
		pid, fd = pty.fork()
		if pid == 0:
		    os.execv(sys.argv[1], sys.argv[1:])
		fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 31, 77, 0, 0))
		seen, sent = b"", False
		# What a person sees: Wine moves the cursor over a blank instead of writing one.
		def text(drawn):
		    return re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", drawn.replace(b"\x1b[1C", b" "))
		while True:
		    try:
		        part = os.read(fd, 4096)
		    except OSError:
		        break
		    if not part:
		        break
		    seen += part
		    if b"ready" in text(seen) and not sent:
		        os.write(fd, b"\x03")
		        sent = True
		status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
		print(text(seen).decode(errors="replace"), "status", status)
	EOF
	terminal() {
		run timeout 60 python3 type.py "$CLOCHE" run -- "$PROBE" break
		says "broken in"
		says "status 4"
		run timeout 60 python3 type.py "$CLOCHE" run -- "$PROBE" size
		says "size 77 31"
	}
	both terminal
}

@test "the parts of Windows that programs are made of work" {
	parts() {
		box -- "$PROBE" system
		succeeds
		says_not "not ok"
		says "fault seen"
	}
	both parts
}

@test "DOS paths and Linux paths name the same files, and drives those of the policy" {
	mkdir -p data "$SCRATCH/other"
	echo "from the host" >data/file.txt
	echo "on a drive" >"$SCRATCH/other/file.txt"
	cp "$GUEST_DIR/w_probe64.exe" "$SCRATCH/other/"
	box -- cmd.exe /c 'type data\file.txt'
	says "from the host"
	box -- cmd.exe /c "type Z:${PWD//\//\\}\\data\\file.txt"
	says "from the host"
	box --read "$SCRATCH/other:D:" -- cmd.exe /c 'type d:\file.txt & echo x> d:\new'
	says "on a drive"
	[ ! -e "$SCRATCH/other/new" ]
	box --read "$SCRATCH/other:D:" -- 'D:\w_probe64.exe' exit 3
	fails_with 3
	box --write "$SCRATCH/other:E:" -- cmd.exe /c 'echo x> e:\new'
	succeeds
	[ -e "$SCRATCH/other/new" ]
	box --read "$SCRATCH/other:C:" -- cmd.exe /c ver
	fails_with 125
	complains "C: is its own"
	box -- cmd.exe /c 'echo changed> data\file.txt & type data\file.txt'
	says "changed"
	[ "$(cat data/file.txt)" = "from the host" ]
}

@test "a volume has a serial number, and dir works, without Wine's services" {
	box -- cmd.exe /c 'dir c:\'
	succeeds
	says "Serial Number is 5c10-c4e1"
	says "Program Files"
	cp "$("$CLOCHE" windows status | tail -n 1)/prefix/drive_c/windows/syswow64/cmd.exe" cmd32.exe
	box -- ./cmd32.exe /c dir
	succeeds
	says "cmd32.exe"
}

@test "the drives that there are are listed, each with a serial number of its own" {
	mkdir "$SCRATCH/other"
	printf 'extends "default"\nwindows { serial = "0BAD-CAFE" }\n' >policy.lua
	drives() { # OPTION...
		box "$@" --read "$SCRATCH/other:D:" --copy "$SCRATCH/other:Q:" -- "$PROBE" drives
		succeeds
		[ "$(awk '{ print $1 $3 }' <<<"$output")" = $'C3\nD3\nQ3\nZ3' ] || tell "other drives"
		[ "$(awk '{ print $5 }' <<<"$output" | sort -u | wc -l)" = 4 ] || tell "the same numbers"
		says 'Q type 3 serial '
		says '\Device\HarddiskVolume4'
	}
	numbers() {
		drives
		says 'C type 3 serial 5c10c4e1 \Device\HarddiskVolume1'
		local light=$output
		# Stable, with a program that has them made and in another box.
		box --read "$SCRATCH/other:D:" --copy "$SCRATCH/other:Q:" --read "$GUEST_DIR:W:" -- \
			cmd.exe /c 'W:\w_probe64.exe drives >nul & W:\w_probe32.exe drives'
		[ "$(grep -v ^W <<<"$output" | cut -d ' ' -f 1-5)" = "$(cut -d ' ' -f 1-5 <<<"$light")" ]
		drives --windows services
		[ "$output" = "$light" ] || tell "other numbers"
		drives -p ./policy.lua
		says 'C type 3 serial 0badcafe'
		[ "$(cut -d ' ' -f 5 <<<"$output" | sort - <(cut -d ' ' -f 5 <<<"$light") | uniq -d)" = "" ]
	}
	both numbers
}

@test "batch files run, with their arguments" {
	mkdir 'a folder'
	printf '@echo %%~1 and %%~2\r\n@exit /b 5\r\n' >'a folder/one.bat'
	cp 'a folder/one.bat' two.cmd
	box -- './a folder/one.bat' 'first word' second
	fails_with 5
	says "first word and second"
	box -- two.cmd 1 2
	fails_with 5
	says "1 and 2"
}

@test "what a kept box has written into its registry is there the next time" {
	registry() {
		"$CLOCHE" box remove "$BOX" 2>/dev/null </dev/null || true
		box --box "$BOX" -- "$PROBE" registry kept
		succeeds
		box --box "$BOX" -- "$PROBE" registry
		succeeds
		prints kept
		box -- "$PROBE" registry
		fails_with 1
		prints "(none)"
	}
	both registry
}

@test "a signal ends the program, and its registry is written all the same" {
	mkfifo in
	"$CLOCHE" run --box "$BOX" --read "$GUEST_DIR:G:" -- cmd.exe /c \
		'g:\w_probe64.exe registry saved & g:\w_probe64.exe cat' <in >out 3>&- &
	exec 7>in
	eventually 20 grep -q saved out
	kill -TERM $!
	wait $! || true
	exec 7>&-
	nothing_runs "w_probe64.exe registry saved"
	box --box "$BOX" -- "$GUEST_DIR/w_probe64.exe" registry
	prints saved
}

@test "a limit ends the program, and its registry is written all the same" {
	mkfifo in
	exec 7<>in
	BOX_INPUT=in box --box "$BOX" --wall 8s --read "$GUEST_DIR:G:" -- cmd.exe /c \
		'g:\w_probe64.exe registry limited & g:\w_probe64.exe cat'
	exec 7>&-
	fails_with 124
	box --box "$BOX" -- "$GUEST_DIR/w_probe64.exe" registry
	prints limited
}

@test "a paused box that meets its limit has its registry written, too" {
	waiting still --wall 12s
	cloche pause "$BOX"
	succeeds
	waited still 124
	nothing_runs "registry still"
}

# A kept box whose program has changed the registry and waits: waiting WORD OPTION...
waiting() {
	[ -p in ] || mkfifo in
	exec 7<>in
	"$CLOCHE" run --box "$BOX" "${@:2}" --read "$GUEST_DIR:G:" -- cmd.exe /c \
		"g:\\w_probe64.exe registry $1 & g:\\w_probe64.exe cat" <in >out 2>err 7>&- 3>&- &
	LAUNCHER=$!
	eventually 20 grep -q "$1" out
}

waited() { # WORD STATUS: the box has ended so, and has the word
	local status=0
	wait "$LAUNCHER" || status=$?
	exec 7>&-
	[ "$status" = "$2" ] || tell "status $status: $(cat err)"
	box --box "$BOX" -- "$GUEST_DIR/w_probe64.exe" registry
	prints "$1"
}

@test "cloche kill ends the program, and its registry is written all the same" {
	waiting killed
	cloche kill "$BOX"
	succeeds
	waited killed 125
	nothing_runs "registry killed"
	waiting paused
	cloche pause "$BOX"
	succeeds
	cloche kill "$BOX"
	succeeds
	waited paused 125
	"$CLOCHE" log --json "$BOX" >log </dev/null
	[ "$(grep -c '"ended":"killed"' log)" = 2 ] || tell "$(cat log)"
}

@test "cloche kill needs no help of the box's: what does not end in time is ended" {
	box --box "$BOX" -- cmd.exe /c ver
	succeeds
	waiting stuck
	stop_server
	SECONDS=0
	cloche kill "$BOX"
	succeeds
	((SECONDS < 12 * ${CLOCHE_SLOW:-1})) || tell "it took $SECONDS s"
	wait "$LAUNCHER" || true
	wait "$STOPPER" || true
	exec 7>&-
	nothing_runs "registry stuck"
}

# Stops the box's server again and again, whoever lets it go on.
stop_server() {
	local server
	server=$("$CLOCHE" ps --json </dev/null | python3 -c '
import json, sys
for box in json.load(sys.stdin):
    if box["box"] == sys.argv[1]:
        print(*(p["pid"] for p in box["processes"] if p["name"].startswith("wineserver")))' "$BOX")
	[ -n "$server" ]
	while kill -STOP "$server" 2>/dev/null; do :; done 3>&- 7>&- &
	STOPPER=$!
}

# Each program alone would only be refused more, where no cgroup counts.
@test "programs that take too much memory are ended, and the registry is written all the same" {
	mkfifo in
	exec 7<>in
	BOX_INPUT=in box --box "$BOX" --memory 160M --read "$GUEST_DIR:G:" -- cmd.exe /c \
		'g:\w_probe64.exe registry hungry & start /b g:\w_probe64.exe eat 60 & g:\w_probe64.exe eat 400'
	exec 7>&-
	# It waits for its input's end, which does not come: that we are here is that it was ended. Where
	# the kernel ends a program for it, cmd.exe goes on; where memory is counted, it may have all of
	# what it wants for the moment until then.
	[ "$status" = 137 ] || [ "$status" = 0 ]
	"$CLOCHE" log --json "$BOX" </dev/null | grep -q '"memory_limit_hit":true'
	box --box "$BOX" -- "$GUEST_DIR/w_probe64.exe" registry
	prints hungry
}

@test "nothing of a box runs on, whatever it has started" {
	box -- cmd.exe /c "start /b cmd.exe /c $BOX-lingers.bat & start notepad.exe $BOX-lingers"
	nothing_runs "$BOX-lingers"
}

@test "commit changes nothing of what all boxes share" {
	box --box "$BOX" -- "$GUEST_DIR/w_probe64.exe" registry mine
	cloche commit "$BOX"
	fails_with 125
	complains "cloche's own"
	box -- "$GUEST_DIR/w_probe64.exe" registry
	prints "(none)"
}

@test "what cannot be a Windows box is said" {
	box --read /usr/share/doc:/usr -- cmd.exe /c ver
	fails_with 125
	complains "give the host's a letter"
	[ "$(id -u)" != 0 ] || {
		box --user nobody -- cmd.exe /c ver
		fails_with 125
		complains "run as root of the box"
	}
}
