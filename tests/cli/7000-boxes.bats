#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Boxes that are kept: -b NAME.

load ../helpers

setup() {
	scratch
	BOX=test-$$-$RANDOM
	# Host root's boxes have one place.
	[ "$(id -u)" = 0 ] && STORE=/var/lib/cloche/boxes || STORE=$SCRATCH/data/cloche/boxes
}

teardown() {
	[ "$(id -u)" != 0 ] || rm -rf "/var/lib/cloche/boxes/$BOX"
	scratch_done
}

@test "files of a named box are there the next time" {
	echo old >file
	box -b "$BOX" -- sh -c 'echo new >file; echo x >/tmp/kept; mkdir ~/folder; rm -f gone'
	succeeds
	[ "$(cat file)" = old ]
	box -b "$BOX" -- sh -c 'cat file /tmp/kept; ls ~'
	succeeds
	prints $'new\nx\nfolder'
	box --box "$BOX" -- cat file
	prints new
}

@test "a file that was removed in a named box stays removed there" {
	touch a b
	box -b "$BOX" -- rm a
	box -b "$BOX" -- ls
	succeeds
	prints b
	[ -e a ]
}

@test "another box, or none, knows nothing of it" {
	box -b "$BOX" -- sh -c 'echo x >/tmp/kept'
	box -- ls -A /tmp
	prints ""
}

@test "a second use while it runs is refused" {
	"$CLOCHE" run -b "$BOX" -- sh -c 'echo ready; exec sleep 1000' </dev/null >out 2>&1 3>&- &
	local launcher=$!
	eventually 10 grep -q ready out
	box -b "$BOX" -- true
	kill -TERM "$launcher"
	wait "$launcher" || true
	fails_with 125
	complains "box '$BOX' is in use"
	box -b "$BOX" -- true
	succeeds
}

@test "its directory is the caller's alone" {
	box -b "$BOX" -- true
	succeeds
	[ "$(stat -c %a "$STORE/$BOX")" = 700 ] || tell "$(stat -c '%a %n' "$STORE"/*)"
}

@test "owners and modes are kept" {
	box -b "$BOX" -- sh -c 'echo "#!/bin/sh" >x; chmod 750 x; ln -s x link'
	box -b "$BOX" -- sh -c 'stat -c %a:%u x; readlink link'
	succeeds
	prints $'750:'"$(id -u)"$'\nx'
}

@test "names that would leave the store are refused" {
	for name in .. . a/b -x '' .hidden $'a\nb'; do
		run --separate-stderr "$CLOCHE" run "--box=$name" -- true
		[ "$status" = 125 ] || tell "'$name' was taken"
	done
}
