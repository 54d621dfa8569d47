#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
#
# Attacks on other processes, on the box's own, and on who the guest is.

load ../helpers
load escape

teardown() {
	escape_teardown
}

# Nothing on the host has this in its command line, unless it is us.
gone() {
	! pgrep --full "$1" >/dev/null
}

@test "no process outside can be seen, signalled, traced or read" {
	hostile e_processes
}

@test "pid 1 and the monitor cannot be stopped, traced or starved" {
	hostile e_init
}

@test "no capability and no other user can be had" {
	hostile e_capabilities
}

@test "set-user-id programs change nobody" {
	hostile e_setuid
}

@test "root's box: a root-owned set-user-id program changes nobody" {
	need_root
	outside
	chown root:root setuid
	chmod 6755 setuid
	MORE_SUM=$(more_sum)
	hostile e_setuid
}

@test "the caller's environment stays outside" {
	export BASH_ENV=/nonexistent LD_AUDIT=/nonexistent
	hostile e_environment
}

@test "the caller's descriptors stay outside" {
	outside
	exec 4</etc/passwd 5</ 6>"$SCRATCH/six" 200<"$CANARY_FILE"
	hostile e_descriptors
	exec 4<&- 5<&- 6>&- 200<&-
}

@test "a file on standard input is read, and nothing more" {
	outside
	BOX_INPUT=$CANARY_READ hostile e_streams
}

@test "a directory on a stream is refused" {
	outside
	BOX_INPUT=$CANARY_HOME box -- cat /proc/self/fd/0/secret
	fails_with 125
	complains "standard input is a directory"
	run bash -c '"$0" run -- cat /proc/self/fd/2/secret 2<"$1"' "$CLOCHE" "$CANARY_HOME"
	fails_with 125
	python3 - "$CLOCHE" "$CANARY_FILE" <<-'END'
		import os, subprocess, sys
		fd = os.open(sys.argv[2], os.O_PATH)
		box = subprocess.run([sys.argv[1], "run", "--", "cat", "/proc/self/fd/0"], stdin=fd,
				     capture_output=True, check=False)
		assert box.returncode == 125 and not box.stdout, box
	END
	canary_intact
}

@test "no set-id program comes of an output file" {
	local program
	outside
	: >out
	chmod 666 out
	program='import os
for call in (lambda: os.fchmod(1, 0o4755), lambda: os.fchmod(1, 0o2755), lambda: os.fchmod(1, 0o6777),
	     lambda: os.chmod("/proc/self/fd/1", 0o4755), lambda: os.chmod("/dev/stdout", 0o2755),
	     lambda: os.setxattr(1, "security.capability", b"\1\0\0\2" + b"\377" * 16)):
	try:
		call()
	except OSError:
		pass'
	"$CLOCHE" run -- python3 -c "$program" >>out 2>&1
	[ -z "$(find out -perm /6000)" ] || tell "a set-id file came to be"
	[ -z "$(getfattr --only-values -n security.capability out 2>/dev/null)" ]
}

@test "a crash hands nothing to the host" {
	hostile e_core
}

@test "children do not outlive the program they came from" {
	local program token
	outside
	while read -r program; do
		token=linger-$RANDOM-$RANDOM-$BATS_TEST_NUMBER
		box --read "$GUEST_DIR" --env "CANARY_PIDNS=$CANARY_PIDNS" -- "$program" leave "$token"
		succeeds
		eventually 5 gone "$token"
	done < <(abis e_linger)
}

@test "children do not outlive the time that was given" {
	local program token
	outside
	while read -r program; do
		token=linger-$RANDOM-$RANDOM-$BATS_TEST_NUMBER
		box --read "$GUEST_DIR" --wall 2s --env "CANARY_PIDNS=$CANARY_PIDNS" -- \
			"$program" stay "$token"
		[ "$status" != 0 ] || tell "it ended by itself"
		eventually 5 gone "$token"
	done < <(abis e_linger)
}

# Kills one process of ours after the other, the launcher first: whichever dies, all guests die.
@test "guests die with every process that watches them" {
	local program token launcher victim victims number=0 count=1
	outside
	program=$(abis e_linger | head -n 1)
	while [ "$number" -lt "$count" ]; do
		token=linger-$RANDOM-$RANDOM-$BATS_TEST_NUMBER
		"$CLOCHE" run --read "$GUEST_DIR" --env "CANARY_PIDNS=$CANARY_PIDNS" -- \
			"$program" stay "$token" >out 2>&1 </dev/null 3>&- &
		launcher=$!
		eventually 10 grep -q '^up' out || {
			cat out
			return 1
		}
		# The launcher and its descendants that are no guest themselves.
		victims=$(watchers "$launcher" "$program" | tr '\n' ' ')
		# shellcheck disable=SC2086
		set -- $victims
		count=$#
		victim=${*:number+1:1}
		echo "killing number $number of $victims: $(tr '\0' ' ' <"/proc/$victim/cmdline")"
		kill -KILL "$victim"
		eventually 5 gone "$program stay $token" || {
			pgrep --full --list-full "$token"
			kill -KILL "$launcher"
			return 1
		}
		wait "$launcher" || true
		number=$((number + 1))
	done
}

# The process and its living descendants, but for those that run the program itself.
watchers() { # PID PROGRAM
	local child comm
	comm=$(cat "/proc/$1/comm" 2>/dev/null) || return 0
	[ "$comm" = "${2##*/}" ] || grep -q '^State:.Z' "/proc/$1/status" || echo "$1"
	for child in $(pgrep --parent "$1"); do
		watchers "$child" "$2"
	done
}
