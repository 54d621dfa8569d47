#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
#
# Windows programs with windows: a screen in the box, a picture of it outside, and nothing else of
# the host's desktop in reach.
load '../helpers'
load 'windows'

pixels() { # FILE X,Y...
	run "$BATS_TEST_DIRNAME/pixels.py" "$@"
	succeeds
}

# The window of w_window is where it wants to be, and nowhere else.
shows_window() { # FILE
	pixels "$1" 300,250 110,380 490,380 700,600 90,250
	says 1280x800
	says "300,250 200 30 90"
	says "110,380 200 30 90"
	says "490,380 200 30 90"
	says_not "700,600 200 30 90"
	says_not "90,250 200 30 90"
}

# Processes that a process has started, and so on.
below() { # PID
	local pid
	for pid in $(pgrep --parent "$1"); do
		echo "$pid"
		below "$pid"
	done
}

none_of() { # PID...
	local pid
	for pid; do
		[ ! -e "/proc/$pid" ] || return 1
	done
}

@test "a window is on the screen, at its place and in its colour, with its title" {
	window() {
		box --windows desktop --screenshot shot.png -- "${PROBE/probe/window}" show 1500
		fails_with 7
		prints "'A window's title' at 100 100, screen 1280 800"
		shows_window shot.png
	}
	both window
}

@test "without a desktop the same program runs, and its window is drawn nowhere" {
	window() {
		box -- "${PROBE/probe/window}" show 200
		fails_with 7
		prints "'A window's title' at 100 100, screen 1024 768"
		box --windows light -- "${PROBE/probe/window}" show 200
		prints "'A window's title' at 100 100, screen 1024 768"
	}
	both window
	box --screenshot shot.png -- "$GUEST_DIR/w_window64.exe" show 200
	fails_with 125
	complains "--windows desktop"
	box --screenshot shot.png -- /bin/true
	fails_with 125
	complains "for Windows programs"
	[ ! -e shot.png ]
	box --windows sideways -- "$GUEST_DIR/w_window64.exe" show 200
	fails_with 125
	complains "'light', 'services', 'desktop'"
}

@test "a program that stays: the picture is of just before the end, whatever that is" {
	local seconds=$((12 * ${CLOCHE_SLOW:-1}))
	box --windows desktop --wall "${seconds}s" --screenshot shot.png -- \
		"$GUEST_DIR/w_window64.exe" show hold
	fails_with 124
	shows_window shot.png
	"$CLOCHE" run --windows desktop --screenshot ended.png -- "$GUEST_DIR/w_window32.exe" show hold \
		</dev/null >out 3>&- &
	eventually 60 grep -q stays out
	kill -TERM $!
	wait $! || true
	shows_window ended.png
}

@test "the picture is written as a report is: no link, no pipe, nothing of the box's choice" {
	echo precious >precious
	mkdir shared
	ln -s ../precious shared/shot.png
	box --windows desktop --write "$PWD/shared" --screenshot shared/shot.png -- \
		"$GUEST_DIR/w_window64.exe" show 100
	fails_with 125
	complains "symbolic links are not followed"
	[ "$(cat precious)" = precious ]
	box --windows desktop --screenshot /nowhere/shot.png -- "$GUEST_DIR/w_window64.exe" show 100
	fails_with 125
	complains "cannot write '/nowhere/shot.png'"
}

@test "a box that fills the picture with rubbish gets a picture of rubbish, and no more" {
	canary
	"$CLOCHE" run --windows desktop --screenshot shot.png -- "$GUEST_DIR/w_escape64.exe" screen \
		</dev/null >out 3>&- &
	eventually 60 grep -q "spoilt 12292096 bytes" out
	kill -TERM $!
	wait $! || true
	[ "$(grep -c BROKEN out)" = 0 ]
	pixels shot.png
	says 1280x800
	[ "$(stat --format %s shot.png)" -lt 4000000 ]
	canary_intact
}

@test "a clipboard is one box's" {
	mkfifo in
	clipboard() {
		box --windows desktop -- "${PROBE/probe/window}" clip "in the same box"
		succeeds
		prints "in the same box"
	}
	both clipboard
	"$CLOCHE" run --windows desktop -- "$GUEST_DIR/w_window64.exe" copy "of another box" <in >out 3>&- &
	exec 7>in
	eventually 60 grep -q copied out
	box --windows desktop -- "$GUEST_DIR/w_window64.exe" paste
	prints "(empty)"
	exec 7>&-
	wait
}

# Somebody who listens where the host's X server would, until it is killed, and writes down who came.
host_display() {
	DISPLAY_NUMBER=$((1000 + $$ % 50000))
	python3 - "$DISPLAY_NUMBER" "$SCRATCH/seen" 3>&- <<-'EOF' &
		import os, select, socket, sys
		number, seen = sys.argv[1], sys.argv[2]
		os.makedirs("/tmp/.X11-unix", mode=0o1777, exist_ok=True)
		path = f"/tmp/.X11-unix/X{number}"
		socks = []
		for name in (path, "\0" + path):
		    sock = socket.socket(socket.AF_UNIX)
		    sock.bind(name)
		    sock.listen()
		    socks.append(sock)
		os.chmod(path, 0o777)
		open(seen, "w").close()
		parent = os.getppid()
		while os.getppid() == parent:
		    for sock in select.select(socks, [], [], 1)[0]:
		        sock.accept()
		        with open(seen, "a") as file:
		            file.write("somebody came\n")
		os.unlink(path)
	EOF
	LISTENER=$!
	eventually 20 test -e "$SCRATCH/seen"
}

@test "the host's X server and the sockets of its session are out of reach" {
	canary
	host_display
	export DISPLAY=:$DISPLAY_NUMBER XAUTHORITY=$HOME/.Xauthority
	DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/$(id -u)/bus
	export DBUS_SESSION_BUS_ADDRESS
	reach() {
		local mode
		for mode in light desktop; do
			box --windows "$mode" -- "$ESCAPE" sockets "/tmp/.X11-unix/X$DISPLAY_NUMBER" \
				"@/tmp/.X11-unix/X$DISPLAY_NUMBER" "$CANARY_SOCKET" "@$CANARY_ABSTRACT" \
				/run/dbus/system_bus_socket "/run/user/$(id -u)/bus" @/tmp/dbus-session
			succeeds
			says "tried 14, broken 0"
			box --windows "$mode" -- "${ESCAPE/escape/window}" show 100
			fails_with 7
		done
		box --windows desktop -- cmd.exe /c 'set'
		says_not "$DISPLAY_NUMBER"
		says_not XAUTHORITY
		says_not DBUS
	}
	both reach
	[ ! -s "$SCRATCH/seen" ] || tell "a box came to the host's display"
	canary_intact
	kill "$LISTENER"
	rm -f "/tmp/.X11-unix/X$DISPLAY_NUMBER"
}

@test "the box's own X server is one that the same program does reach" {
	box --windows desktop -- "$GUEST_DIR/w_escape64.exe" sockets /tmp/.X11-unix/X77
	fails_with 1
	says "BROKEN: connect to /tmp/.X11-unix/X77"
	box --windows desktop -- "$GUEST_DIR/w_escape64.exe" sockets @/tmp/.X11-unix/X77
	succeeds
	box -- "$GUEST_DIR/w_escape64.exe" sockets /tmp/.X11-unix/X77
	succeeds
}

@test "nothing begins with the host's session: autostart, menu entries and Startup stay in the box" {
	local name=cloche-$$-$RANDOM
	cat >plant.bat <<-EOF
		@mkdir "Z:${HOME//\//\\}\.config\autostart"
		@echo x> "Z:${HOME//\//\\}\.config\autostart\\$name.desktop"
		@mkdir Z:\etc\xdg\autostart
		@echo x> Z:\etc\xdg\autostart\\$name.desktop
		@mkdir "%APPDATA%\Microsoft\Windows\Start Menu\Programs\Startup"
		@echo x> "%APPDATA%\Microsoft\Windows\Start Menu\Programs\Startup\\$name.bat"
	EOF
	box -b "$BOX" --windows services,desktop -- plant.bat
	run find "$HOME/.config" "$HOME/.local/share/applications" /etc/xdg /usr/share/applications \
		-name "*$name*"
	[[ $output != *"/$name"* ]] || tell "it is on the host"
	cloche diff "$BOX"
	says "/$name.bat"
}

@test "no process of a desktop is left, whether the program ends or the box is killed" {
	local pid all
	mkfifo in
	"$CLOCHE" run --windows services,desktop -- "$GUEST_DIR/w_window64.exe" copy ended <in >out 3>&- &
	pid=$!
	exec 7>in
	eventually 60 grep -q copied out
	mapfile -t all < <(below "$pid")
	[ "${#all[@]}" -ge 6 ] || tell "only ${#all[@]} processes"
	pgrep --full 'Xvfb :77' >/dev/null
	exec 7>&-
	wait "$pid"
	eventually 5 none_of "${all[@]}"
	"$CLOCHE" run --windows desktop -- "$GUEST_DIR/w_window64.exe" show hold </dev/null >out 3>&- &
	pid=$!
	eventually 60 grep -q title out
	mapfile -t all < <(below "$pid")
	kill -KILL "$pid"
	wait "$pid" || true
	eventually 5 none_of "${all[@]}"
}

@test "a kept box has a desktop again and again, and its registry does not change by that" {
	for _ in 1 2; do
		box -b "$BOX" --windows desktop --screenshot shot.png -- "$GUEST_DIR/w_window64.exe" show 1000
		fails_with 7
		shows_window shot.png
	done
	box -b "$BOX" -- "$GUEST_DIR/w_window64.exe" show 100
	prints "'A window's title' at 100 100, screen 1024 768"
	cloche diff "$BOX"
	says_not HKLM
	says_not HKCU
	says_not X77
}
