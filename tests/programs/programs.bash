# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# For the tests of real programs: what they do in a box is held against what they do outside.

PROGRAMS=$BATS_TEST_DIRNAME

# The environment that a guest has by default, for what runs outside.
outside() {
	env -i PATH="$PATH" HOME="$HOME" USER="$USER" TERM="$TERM" LANG="$LANG" "$@"
}

# same [OPTION...]: the shell script on stdin says and does the same in a box as outside.
same() {
	local script native wanted
	script=$(cat)
	wanted=$(outside sh -c "$script" 2>&1 </dev/null) && native=0 || native=$?
	run "$CLOCHE" run "$@" -- sh -c "$script" </dev/null
	[ "$status" = "$native" ] || tell "wanted exit status $native as outside" || return
	[ "$output" = "$wanted" ] || {
		diff <(echo "$wanted") <(echo "$output")
		false
	}
}

need_multilib() {
	echo 'int main(void) { return 0; }' >multilib.c
	gcc -m32 multilib.c -o multilib 2>/dev/null || skip "the compiler makes no i386 programs"
}
