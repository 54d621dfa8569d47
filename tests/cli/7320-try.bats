#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Run, look, decide: cloche try.

load ../helpers

setup() {
	scratch
	[ "$(id -u)" = 0 ] && STORE=/var/lib/cloche || STORE=$SCRATCH/data/cloche
}

teardown() {
	local name
	for name in ${KEPT:-}; do
		"$CLOCHE" box remove "$name" >/dev/null 2>&1 || true
	done
	scratch_done
}

# try ANSWERS SCRIPT: without a terminal the answers come from standard input.
try() {
	run --separate-stderr setsid --wait "$CLOCHE" try -- sh -ec "$2" <<<"$1"
	KEPT=$(sed -n "s/.*cloche:.* kept as box '\(.*\)'$/\1/p" <<<"$stderr")
}

@test "what was changed is shown, and thrown away" {
	echo old >a
	try d 'echo new >a; touch b'
	succeeds
	says "M $SCRATCH/work/a  content, time"
	says "A $SCRATCH/work/b"
	[ "$(cat a)" = old ]
	[ ! -e b ]
	[ -z "$KEPT" ]
}

@test "all is committed, and the program's status is kept" {
	try c 'touch b; exit 7'
	fails_with 7
	[ -e b ]
	[ -z "$KEPT" ]
}

@test "some is chosen, and the rest kept" {
	try $'l\nh\ny\nn\n' 'echo 1 >a; echo 2 >b'
	succeeds
	says '+1'
	[ -e a ]
	[ ! -e b ]
	try k 'echo 3 >c'
	[ ! -e c ]
	KEPT="$KEPT mine-$$"
	try $'k\nmine-'$$ 'echo 4 >d'
	cloche diff "mine-$$"
	succeeds
	says "A $SCRATCH/work/d"
}

@test "what is risky stays out of a commit of all, and is kept" {
	try c 'echo x >.bashrc; echo y >fine'
	succeeds
	[ -e fine ]
	[ ! -e .bashrc ]
	[ -n "$KEPT" ]
	cloche commit "$KEPT" --accept-risk shell
	succeeds
	[ -e .bashrc ]
}

@test "nothing changed asks nothing" {
	try '' 'cat /etc/hostname'
	succeeds
	complains "nothing of the host was changed"
	try '' 'exit 3'
	fails_with 3
	try '' 'echo x >~/.private; echo y >/tmp/private'
	complains "nothing of the host was changed"
	says "and 2 in directories of the box alone, such as "
}

@test "who does not answer keeps it" {
	run --separate-stderr setsid --wait "$CLOCHE" try -- touch x </dev/null
	succeeds
	KEPT=$(sed -n "s/.*cloche:.* kept as box '\(.*\)'$/\1/p" <<<"$stderr")
	[ -n "$KEPT" ]
	[ ! -e x ]
}

@test "Ctrl-C at the question keeps it, and says where" {
	run python3 -I - "$BATS_TEST_DIRNAME" <<-'EOT'
		import sys
		sys.path.insert(0, sys.argv[1])
		from terminal import CLOCHE, Terminal
		terminal = Terminal([CLOCHE, "try", "--", "sh", "-c", "echo x >x"])
		terminal.expect("[d]iscard? ")
		terminal.send("\x03")
		terminal.expect("kept as box '")
		assert terminal.wait() == 0, terminal.status
		print(terminal.seen)
	EOT
	succeeds
	KEPT=$(sed -n "s/.*cloche: kept as box '\(.*\)'.*$/\1/p" <<<"$output")
	[ ! -e x ]
	cloche diff "$KEPT"
	says "A $SCRATCH/work/x"
}
