#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
#
# Attacks on what enters a box that runs (cloche exec), and by it.

load ../helpers
load escape

setup() {
	scratch
	BOX=enter-$$-$RANDOM
}

teardown() {
	[ -z "${LAUNCHER:-}" ] || "$CLOCHE" kill "$BOX" 2>/dev/null || true
	"$CLOCHE" box remove "$BOX" 2>/dev/null || true
	escape_teardown
}

# A box in which the program waits for who enters.
lurk() { # PROGRAM HOW [OPTION...]
	rm -f "$SCRATCH/lurker"
	"$CLOCHE" run -b "$BOX" --read "$GUEST_DIR" --env "CANARY_PIDNS=$(readlink /proc/self/ns/pid)" \
		--env "CANARY_PART=${CANARY_PART:-}" "${@:3}" -- "$1" "$2" \
		</dev/null >"$SCRATCH/lurker" 2>&1 3>&- &
	LAUNCHER=$!
	eventually 20 grep -qs ready "$SCRATCH/lurker"
}

# It says what it could do.
lurked() {
	status=0
	kill -TERM "$LAUNCHER"
	wait "$LAUNCHER" || status=$?
	LAUNCHER=
	output=$(<"$SCRATCH/lurker")
	refused_all
	"$CLOCHE" box remove "$BOX"
}

looked_into() { # [OPTION...]
	local program round
	while read -r program; do
		lurk "$program" look "$@"
		for ((round = 0; round < 40; round++)); do
			cloche exec "$BOX" -- true
			# Where hooks decide, one that is stopped just then is not let execute.
			[[ $status == 0 || ($status == 126 && $# -gt 0) ]] || succeeds
		done
		lurked
	done < <(abis e_enter)
}

@test "nobody can look into who enters before it is a program" {
	looked_into
}

@test "nor where hooks decide about it" {
	looked_into -p "$BATS_TEST_DIRNAME/hooks.lua"
}

@test "nor where it is traced by the monitor" {
	looked_into --route stop
}

@test "who is killed on the way in ends, and nobody waits for it" {
	local program round
	program=$(abis e_enter | head -n 1)
	lurk "$program" kill
	for ((round = 0; round < 60; round++)); do
		cloche exec "$BOX" -- true
		[[ $status == 0 || $status == 125 || $status == 137 ]] || tell "not one of its ends"
	done
	cloche exec "$BOX" -- true
	lurked
}

@test "who is stopped on the way in is given up in time" {
	local program round
	program=$(abis e_enter | head -n 1)
	lurk "$program" stop
	# One of them is met in time.
	for ((round = 0; round < 20; round++)); do
		cloche exec --wall 3s "$BOX" -- true
		[[ $status == 0 ]] || break
	done
	[[ $status == 125 || $status == 124 ]] || tell "not given up"
	lurked
}

@test "who is made poor on the way in does less, never more" {
	local program round
	program=$(abis e_enter | head -n 1)
	export CANARY_PART=secret-of-$RANDOM$RANDOM
	export HOST_SECRET=$CANARY_PART-and-more
	lurk "$program" limit
	for ((round = 0; round < 60; round++)); do
		cloche exec "$BOX" -- sh -c 'grep Seccomp: /proc/self/status; exec 2>&-; echo x >&2'
		[[ $status != 0 || $output == Seccomp:*2 ]] || tell "it ran without a guard"
	done
	CANARY_PART='' lurked
}

# The attacks of other files, by a program that has entered.
entered() { # NAME [OPTION...]
	local name=$1 program variable coordinates=() tried=0
	shift
	outside
	for variable in ${!CANARY_@}; do
		case $variable in
		CANARY_SECRET | CANARY_SUM | CANARY_HOME) ;;
		*) coordinates+=(--env "$variable=${!variable}") ;;
		esac
	done
	"$CLOCHE" run -b "$BOX" --read "$GUEST_DIR" --hide "$CANARY_HIDDEN_DIR" --read "$CANARY_READ_DIR" \
		--write "$CANARY_WRITE_DIR" "$@" -- sh -c 'trap "" TERM USR1; echo ready; exec sleep 1000' \
		</dev/null >"$SCRATCH/first" 2>&1 3>&- &
	LAUNCHER=$!
	eventually 20 grep -q ready "$SCRATCH/first"
	while read -r program; do
		cloche exec "${coordinates[@]}" "$BOX" -- "$program"
		echo "--- ${program##*/}: exit status $status"
		canary_intact
		[ "$status" != 77 ] || continue
		refused_all
		tried=$((tried + 1))
	done < <(abis "$name")
	outside_intact
	[ "$tried" -gt 0 ] || skip "$name found nothing to try"
	"$CLOCHE" kill "$BOX"
	wait "$LAUNCHER" || true
	LAUNCHER=
}

@test "who has entered finds no descriptor of the caller's" {
	outside
	exec 4</etc/passwd 5</ 200<"$CANARY_FILE"
	entered e_descriptors
	exec 4<&- 5<&- 200<&-
}

@test "who has entered finds nothing of the caller's environment" {
	export BASH_ENV=/nonexistent LD_AUDIT=/nonexistent
	entered e_environment
}

@test "who has entered reaches no process outside" {
	entered e_processes
}

@test "who has entered has no capability and no other user" {
	entered e_capabilities
}

@test "who has entered has the guard: numbers and ABIs" {
	entered e_numbers
}

@test "who has entered has the guard: calls" {
	entered e_calls
}

@test "who has entered finds nothing in /proc" {
	entered e_proc_files
}

@test "who has entered reaches no file that is hidden" {
	entered e_hidden
}

@test "who has entered makes no namespace and mounts nothing" {
	entered e_namespaces
}

@test "hooks hold for who has entered, whoever races" {
	entered e_filter -p "$BATS_TEST_DIRNAME/hooks.lua"
}

@test "no box can knock at its own door" {
	local store=/var/lib/cloche
	[ "$(id -u)" = 0 ] || store=$XDG_DATA_HOME/cloche
	"$CLOCHE" run -b "$BOX" --copy / --read "$GUEST_DIR" -- sh -c 'echo ready; exec sleep 1000' \
		</dev/null >"$SCRATCH/first" 2>&1 3>&- &
	LAUNCHER=$!
	eventually 20 grep -q ready "$SCRATCH/first"
	[ -S "$store/boxes/$BOX/door" ]
	cloche exec "$BOX" -- python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
try:
    s.connect(sys.argv[1])
except OSError as e:
    sys.exit(3)
print("it is open")' "$store/boxes/$BOX/door"
	fails_with 3
}
