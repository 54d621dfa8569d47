#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
#
# Bad pointers get the same word from the kernel, from the monitor's copies and from the argument
# area.

load ../helpers

# The program says in a box, with nobody looking, what it says on each route.
same_on_each_route() { # PROGRAM
	local suffix program route tried=0
	for suffix in '' _32 .i386; do
		program=$GUEST_DIR/$1$suffix
		[ -x "$program" ] || continue
		box --read "$GUEST_DIR" -- "$program"
		succeeds
		says "done"
		echo "$output" >"$SCRATCH/plain"
		for route in notify stop; do
			box --route "$route" --read "$GUEST_DIR" -- "$program"
			succeeds
			diff "$SCRATCH/plain" <(echo "$output")
		done
		tried=$((tried + 1))
	done
	[ "$tried" -gt 0 ] || skip "$1 is not built"
}

@test "wild, misaligned, cut off and overlong pointers are what they are natively" {
	same_on_each_route g_pointers
}

@test "wild pointers of every other family are what they are natively" {
	same_on_each_route g_wild
	run --separate-stderr "$GUEST_DIR/g_wild" </dev/null
	# clone3 is refused in every box.
	diff <(grep -v ^clone3 <<<"$output") <("$CLOCHE" run --route notify --read "$GUEST_DIR" -- \
		"$GUEST_DIR/g_wild" </dev/null 2>&1 | grep -v ^clone3)
}

@test "the same without a box" {
	local suffix program
	for suffix in '' _32 .i386; do
		program=$GUEST_DIR/g_pointers$suffix
		[ -x "$program" ] || continue
		run --separate-stderr "$program" </dev/null
		succeeds
		# Attributes are a matter of the filesystem.
		grep -v xattr <<<"$output" >"$SCRATCH/plain"
		# Into pipes: with output to a file of its own user's a guest has no openat2.
		diff "$SCRATCH/plain" <("$CLOCHE" run --route notify --read "$GUEST_DIR" -- "$program" \
			</dev/null 2>&1 | grep -v xattr)
	done
}
