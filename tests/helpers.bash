# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2153,SC2154
#
# Shared by all bats files: load '../helpers'. See docs/HOWTO_TEST.md.
#
# From tools/run-suites: CLOCHE (the command), GUEST_DIR (test programs), CLOCHE_AS (root or user:
# who runs this). Made for each test: SCRATCH, a folder outside of the home directory that the
# test starts in; it is removed when the test succeeds and kept when it fails.

bats_require_minimum_version 1.5.0

setup() {
	scratch
}

teardown() {
	scratch_done
}

# A fresh folder for this test, and boxes' storage in it, so that tests leave nothing behind.
scratch() {
	SCRATCH=$(mktemp -d "/var/tmp/cloche-$CLOCHE_AS.XXXXXX")
	chmod 755 "$SCRATCH"
	mkdir "$SCRATCH"/{work,data,state,config,cache}
	export XDG_DATA_HOME=$SCRATCH/data XDG_STATE_HOME=$SCRATCH/state
	export XDG_CONFIG_HOME=$SCRATCH/config XDG_CACHE_HOME=$SCRATCH/cache
	cd "$SCRATCH/work" || return
}

scratch_done() {
	[ -z "${CANARY_PID:-}" ] || kill -KILL "$CANARY_PID" 2>/dev/null || true
	[ -z "${CANARY_HOME:-}" ] || rm -rf "$CANARY_HOME"
	cd / || return
	if [ "${BATS_TEST_COMPLETED:-}" = 1 ]; then
		chmod -R u+rwX "$SCRATCH"
		rm -rf "$SCRATCH"
	else
		echo "kept: $SCRATCH"
	fi
}

# What this test cannot do without -------------------------------------------------------------

need_root() {
	[ "$(id -u)" = 0 ] || skip "root only"
}

need_user() {
	[ "$(id -u)" != 0 ] || skip "ordinary user only"
}

need_command() {
	local name
	for name; do
		command -v "$name" >/dev/null || skip "no $name here"
	done
}

need_kernel() { # 6.10
	local have
	have=$(uname -r)
	[ "$(printf '%s\n%s\n' "$1" "${have%%-*}" | sort -V | head -n 1)" = "$1" ] ||
		skip "needs Linux $1, this is $have"
}

# Running ----------------------------------------------------------------------------------------

# box [OPTION...] [--] PROGRAM [ARG...]: cloche run, with $status, $output and $stderr afterwards.
# BOX_INPUT is a file for its standard input.
box() {
	run --separate-stderr "$CLOCHE" run "$@" <"${BOX_INPUT:-/dev/null}"
}

# The same for any command line: cloche explain, cloche doctor ...
cloche() {
	run --separate-stderr "$CLOCHE" "$@" </dev/null
}

# A program from tests/guest or tests/escape in a box: guest g_files, guest e_abi_32.
guest() {
	box --read "$GUEST_DIR" -- "$GUEST_DIR/$1" "${@:2}"
}

# The command line on a terminal of its own, as somebody would type it.
on_tty() {
	run script --quiet --return --command "$(printf '%q ' "$@")" /dev/null </dev/null
}

# Looking at what happened -----------------------------------------------------------------------

tell() {
	echo "status: $status"
	echo "output: $output"
	echo "stderr: ${stderr:-}"
	echo "$@"
	return 1
}

succeeds() {
	[ "$status" = 0 ] || tell "wanted success"
}

fails_with() { # STATUS
	[ "$status" = "$1" ] || tell "wanted exit status $1"
}

prints() { # TEXT: the whole output
	[ "$output" = "$1" ] || tell "wanted the output: $1"
}

says() { # TEXT: somewhere in the output
	[[ $output == *"$1"* ]] || tell "wanted in the output: $1"
}

says_not() {
	[[ $output != *"$1"* ]] || tell "not wanted in the output: $1"
}

complains() { # TEXT: somewhere in what went to stderr
	[[ $stderr == *"$1"* ]] || tell "wanted in stderr: $1"
}

# Every TAP line that a guest program printed is ok, and it printed its plan. A program that has
# nothing to try here ("1..0 # SKIP reason") skips the test.
all_ok() {
	if [[ $status == 77 && $output =~ 1\.\.0\ #\ SKIP\ ([^$'\n']*) ]]; then
		skip "${BASH_REMATCH[1]}"
	fi
	succeeds
	[[ $output =~ (^|$'\n')1\.\.[0-9] ]] || tell "no plan: it ended too soon"
	! grep -q '^not ok' <<<"$output" || tell "not everything is ok"
}

# Waits for a state: eventually 5 test -e file. The time is only there to fail.
eventually() {
	local end=$((SECONDS + 1 + $1 * ${CLOCHE_SLOW:-1})) # SECONDS may be about to change.
	shift
	until "$@"; do
		((SECONDS < end)) || {
			echo "still not: $*"
			return 1
		}
		sleep 0.05
	done
}

# No process's command line has this text (use something that only the test at hand has).
nothing_runs() {
	eventually 5 no_process "$1" || {
		pgrep --full --list-full "$1"
		return 1
	}
}

no_process() {
	! pgrep --full "$1" >/dev/null
}

# The canary -------------------------------------------------------------------------------------
#
# What nothing in a box may reach: a secret in the home directory (hidden), a file in the work
# folder that any guest may see but never change, listening sockets, and a sibling process of the
# same user which has the secret in its memory.

canary() {
	CANARY_HOME=$(mktemp -d "$HOME/.cloche-canary.XXXXXX")
	CANARY_FILE=$CANARY_HOME/secret
	CANARY_KEPT=$SCRATCH/work/kept
	CANARY_SECRET=secret-$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
	echo "$CANARY_SECRET" >"$CANARY_FILE"
	chmod 600 "$CANARY_FILE"
	echo "as it was" >"$CANARY_KEPT"
	mkdir "$SCRATCH/canary"
	CANARY_SECRET=$CANARY_SECRET "${BATS_TEST_DIRNAME%/*}/canary.py" "$SCRATCH/canary" \
		</dev/null >"$SCRATCH/canary/log" 2>&1 3>&- &
	disown
	eventually 20 test -e "$SCRATCH/canary/state"
	# shellcheck disable=SC1091
	. "$SCRATCH/canary/state"
	CANARY_SUM=$(canary_sum)
}

canary_sum() {
	{
		stat --format '%a %u %g %s %Y %n' "$CANARY_HOME" "$CANARY_FILE" "$CANARY_KEPT"
		cat "$CANARY_FILE" "$CANARY_KEPT"
		ls -A "$CANARY_HOME"
	} | sha256sum
}

canary_intact() {
	local state
	[[ "$output${stderr:-}" != *"$CANARY_SECRET"* ]] || tell "the secret came out" || return
	[ "$(canary_sum)" = "$CANARY_SUM" ] || tell "a file outside has changed" || return
	[ ! -s "$SCRATCH/canary/touched" ] ||
		tell "the canary was touched: $(cat "$SCRATCH/canary/touched")" || return
	state=$(sed 's/.*) \(.\).*/\1/' "/proc/$CANARY_PID/stat") ||
		tell "the canary is dead" || return
	[[ $state == [SR] ]] || tell "the canary is in state $state"
}

# contained [OPTION...] -- PROGRAM [ARG...]: runs the hostile program in a box, with the canary's
# coordinates in its environment; it must report every attempt as refused (TAP), and the canary
# must not have been touched, whatever the program says.
contained() {
	[ -n "${CANARY_PID:-}" ] || canary
	box --read "$GUEST_DIR" --env "CANARY_FILE=$CANARY_FILE" --env "CANARY_KEPT=$CANARY_KEPT" \
		--env "CANARY_PID=$CANARY_PID" --env "CANARY_TCP=$CANARY_TCP" \
		--env "CANARY_UDP=$CANARY_UDP" --env "CANARY_SOCKET=$CANARY_SOCKET" \
		--env "CANARY_ABSTRACT=$CANARY_ABSTRACT" "$@"
	canary_intact
	all_ok
}
