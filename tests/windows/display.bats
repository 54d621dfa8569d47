#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
#
# The desktop of a box in a window of the host's display, which is an Xvfb of this test's: what is
# drawn there, what is typed there, and that this is all there is between the two.
load '../helpers'
load 'windows'

# DISPLAY and what it draws into, $SCREEN. It ends with the test's shell, at the latest.
host_display() { # [OPTION...]
	need_command Xvfb
	mkdir "$SCRATCH/screen"
	Xvfb -displayfd 9 -screen 0 1400x900x24 -nolisten tcp -nocursor -fbdir "$SCRATCH/screen" "$@" \
		9>"$SCRATCH/number" </dev/null >/dev/null 2>&1 3>&- &
	HOST_DISPLAY=$!
	eventually 20 grep -q . "$SCRATCH/number"
	NUMBER=$(cat "$SCRATCH/number")
	SCREEN=$SCRATCH/screen/Xvfb_screen0
}

person() { # WORD...: see display.py
	run "$BATS_TEST_DIRNAME/display.py" "$NUMBER" "$SCREEN" "$@"
	succeeds
}

teardown() {
	[ -z "${HOST_DISPLAY:-}" ] || kill "$HOST_DISPLAY" 2>/dev/null || true
	scratch_done
}

@test "a box's window is seen, clicked and typed into" {
	host_display
	typed() {
		"$CLOCHE" run --windows desktop --display ":$NUMBER" --screenshot shot.png -- \
			"${PROBE/probe/window}" keys </dev/null >out 3>&- &
		person 300,250=200,30,90 300,250 click 38 56 24
		wait $! && tell "wanted 7" || [ $? = 7 ]
		run cat out
		says "button at 196 127"
		says $'key a\nkey b\nkey q'
		run "$BATS_TEST_DIRNAME/pixels.py" shot.png 300,250
		says "300,250 200 30 90"
		# Nothing stays on the display.
		person 300,250=0,0,0
	}
	both typed
}

@test "closing the window ends the program as a signal would, and no process is left" {
	host_display
	"$CLOCHE" run --windows desktop --display "unix:$NUMBER.0" -- "$GUEST_DIR/w_window64.exe" keys \
		</dev/null >out 3>&- &
	person 300,250=200,30,90 close
	wait $! && tell "wanted 143" || [ $? = 143 ]
	person 300,250=0,0,0
	nothing_runs "display unix:$NUMBER.0"
}

@test "who draws can do nothing else, and ends with the command that is killed" {
	host_display
	"$CLOCHE" run --windows desktop --display ":$NUMBER" -- "$GUEST_DIR/w_window64.exe" keys \
		</dev/null >out 3>&- &
	person 300,250=200,30,90
	# Who draws, and the monitor.
	local child children
	children=$(pgrep -P $!)
	[ "$(wc -w <<<"$children")" = 2 ] || tell "wanted two: $children"
	for child in $children; do
		grep -q '^Seccomp:	2$' "/proc/$child/status" || tell "$(cat "/proc/$child/status")"
	done
	kill -KILL $!
	wait $! || true
	person 300,250=0,0,0
}

@test "the program is shown on the host's display, and cannot reach it" {
	host_display
	"$CLOCHE" run --windows desktop --display ":$NUMBER" --read "$GUEST_DIR:G:" -- cmd.exe /c \
		"g:\\w_escape64.exe sockets /tmp/.X11-unix/X$NUMBER @/tmp/.X11-unix/X$NUMBER & \
g:\\w_escape32.exe sockets /tmp/.X11-unix/X$NUMBER @/tmp/.X11-unix/X$NUMBER & \
g:\\w_window64.exe show 1000" </dev/null >out || [ $? = 7 ]
	[ "$(grep -c 'tried 5, broken 0' out)" = 2 ] || tell "$(cat out)"
}

@test "rubbish in the shared memory is drawn and is nothing else" {
	host_display
	canary
	"$CLOCHE" run --windows desktop --display ":$NUMBER" -- "$GUEST_DIR/w_escape64.exe" screen \
		</dev/null >out 3>&- &
	eventually 60 grep -q "spoilt 12292096 bytes" out
	kill -TERM $!
	wait $! || true
	person 1350,850=0,0,0
	canary_intact
}

@test "a display with a cookie is opened with it, and not without" {
	cookie() { # FILE DIGITS
		python3 - "$@" <<-'EOF'
			import struct, sys
			field = lambda text: struct.pack(">H", len(text)) + text
			with open(sys.argv[1], "wb") as file:
			    file.write(struct.pack(">H", 256) + field(b"elsewhere") + field(b"") + field(b"OTHER") + field(b"x"))
			    file.write(struct.pack(">H", 65535) + field(b"") + field(b"") + field(b"MIT-MAGIC-COOKIE-1")
			               + field(bytes.fromhex(sys.argv[2])))
		EOF
	}
	cookie right 00112233445566778899aabbccddeeff
	cookie wrong 10112233445566778899aabbccddeeff
	host_display -auth "$PWD/right"
	export XAUTHORITY=$PWD/wrong
	box --windows desktop --display ":$NUMBER" -- "$GUEST_DIR/w_window64.exe" show 100
	fails_with 125
	complains "--display: ':$NUMBER'"
	export XAUTHORITY=$PWD/right
	box --windows desktop --display ":$NUMBER" -- "$GUEST_DIR/w_window64.exe" show 100
	fails_with 7
}

@test "what is no display of this machine, or has no desktop, is said" {
	for name in 'host:0' ':x' '' ':0.1' ':1234567'; do
		box --windows desktop --display "$name" -- "$GUEST_DIR/w_window64.exe" show 100
		fails_with 125
		complains "is not understood"
	done
	box --windows desktop --display :654321 -- "$GUEST_DIR/w_window64.exe" show 100
	fails_with 125
	complains "No such file"
	box --display :0 -- "$GUEST_DIR/w_window64.exe" show 100
	fails_with 125
	complains "--windows desktop"
}
