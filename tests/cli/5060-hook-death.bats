#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The monitor is killed while a hook is deciding, whatever it was about to say: the call is not made,
# all guests are dead within a second, nothing is left behind.

load ../helpers

teardown() {
	[ -z "${LISTENER:-}" ] || kill "$LISTENER" 2>/dev/null || true
	pkill -KILL --full "^$CLOCHE run -p $SCRATCH" || true
	scratch_done
}

# policy VERDICT [LINE]: who decides on "passed" has more to say than anybody hears, and only then
# comes to this.
policy() {
	cat >hooks.lua <<-EOF
		extends "default"
		local function decide(call)
			if call.path == "passed" then
				log("deciding")
				for _ = 1, 400 do log(("x"):rep(60000)) end
				$1
			end
		end
		on.mkdir, on.mkdirat = decide, decide
		$2
	EOF
}

waits() {
	[[ $(sed 's/.*) \(.\).*/\1/' "/proc/$1/stat") == S ]]
}

killed_while_deciding() {
	local line=
	MARK=cloche-mark-$$-$RANDOM$RANDOM
	mkdir -p shared
	rm -f said
	mkfifo said
	exec 8<>said
	"$CLOCHE" run -p "$PWD/hooks.lua" --write "$PWD/shared" -- bash -c "
		cd shared
		for i in 1 2 3; do (exec -a $MARK sleep 1000) & done
		exec -a $MARK mkdir passed" </dev/null >out 2>said 3>&- 8>&- &
	LAUNCHER=$!
	until [[ $line == *deciding* ]]; do
		read -r -t $((10 * ${CLOCHE_SLOW:-1})) line <&8 || tell "it never began" || return
	done
	MONITOR=$(pgrep --parent "$LAUNCHER" --runstates DRS | head -n 1)
	eventually 10 waits "$MONITOR"
	kill -KILL "$MONITOR"
	eventually 1 no_process "^$MARK" || tell "guests live on: $(pgrep -af "$MARK")"
	cat <&8 >/dev/null 3>&- &
	LISTENER=$!
	status=0
	wait "$LAUNCHER" || status=$?
	kill "$LISTENER"
	exec 8>&-
	# Not always 125: the kernel may end the call first, with ENOSYS, and the program then itself.
	[ "$status" != 0 ] || tell "it succeeded"
	[ ! -e shared/passed ] || tell "the call was made"
	"$CLOCHE" run -- true </dev/null
	[ -z "$(find "$SCRATCH/data" -path '*cloche/tmp/*' -prune -print 2>/dev/null)" ] ||
		tell "a directory is left"
}

on_either_route() { # VERDICT
	policy "$1" ""
	killed_while_deciding
	policy "$1" "after.mkdir, after.mkdirat = function() end, function() end"
	killed_while_deciding
}

@test "the monitor is killed before it allows" {
	on_either_route 'return'
}

@test "the monitor is killed before it denies" {
	on_either_route 'return deny "EACCES"'
}

@test "the monitor is killed before it answers" {
	on_either_route 'return answer(0)'
}

@test "the monitor is killed before it makes another call of it" {
	on_either_route 'call.path = "./passed"'
}

@test "the monitor is killed before it kills" {
	on_either_route 'return kill()'
}

@test "the monitor is killed before it holds" {
	on_either_route 'return hold("make it", 20)'
}

@test "the monitor is killed while a call is held" {
	need_command python3
	cat >hooks.lua <<-EOF
		extends "default"
		local function decide(call)
			if call.path == "passed" then return hold("make it", 60) end
		end
		on.mkdir, on.mkdirat = decide, decide
	EOF
	mkdir shared
	MARK=cloche-mark-$$-$RANDOM$RANDOM
	CLOCHE=$CLOCHE MARK=$MARK PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME \
		timeout $((50 * ${CLOCHE_SLOW:-1})) python3 -c '
import os, signal, subprocess, time
from terminal import *
mark = os.environ["MARK"]
for route in [], ["--route", "stop"]:
    t = Terminal([CLOCHE, "run", "-p", "./hooks.lua", "--write", "./shared", *route, "--", "bash",
        "-c", f"cd shared; (exec -a {mark} sleep 1000) & exec -a {mark} mkdir passed"])
    t.expect("make it? [y/N] ")
    monitor = int(subprocess.check_output(
        ["pgrep", "--parent", str(t.pid), "--runstates", "DRS"]).split()[0])
    os.kill(monitor, signal.SIGKILL)
    end = time.monotonic() + 1
    while subprocess.call(["pgrep", "--full", "^" + mark], stdout=subprocess.DEVNULL) == 0:
        assert time.monotonic() < end, "guests live on"
        time.sleep(0.02)
    status = t.wait()
    assert status != 0, t.seen
    assert not os.path.exists("shared/passed"), "the call was made"'
}

@test "limits hold while somebody is asked, and the question ends with the box" {
	need_command python3
	cat >hooks.lua <<-EOF
		extends "default"
		local function decide(call)
			if call.path == "passed" then return hold("make it", 60) end
		end
		on.mkdir, on.mkdirat = decide, decide
	EOF
	CLOCHE=$CLOCHE PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME timeout $((50 * ${CLOCHE_SLOW:-1})) python3 -c '
import time
from terminal import *
start = time.monotonic()
t = Terminal([CLOCHE, "run", "-p", "./hooks.lua", "--wall", "1s", "--", "mkdir", "passed"])
t.expect("make it? [y/N] ")
assert t.wait() == 124, t.seen
assert time.monotonic() - start < TIMEOUT / 3'
}
