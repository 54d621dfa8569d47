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
	[ "$(id -u)" != 0 ] || "$CLOCHE" box remove "$BOX" 2>/dev/null || true
	scratch_done
}

@test "a umask that takes the owner's rights leaves cloche its own" {
	(umask 0777 && "$CLOCHE" run -b "$BOX" -- true)
	cloche run -b "$BOX" -- true
	succeeds
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

# A guest that knows what the next run mounts may prepare the places for that.
@test "links in the way of what is mounted lead nowhere outside" {
	mkdir -p deep/cwd "$SCRATCH/outside"
	cd deep/cwd
	box -b "$BOX" -- sh -c "mv $SCRATCH /var/tmp/moved && ln -s $SCRATCH/outside $SCRATCH && ls /var/tmp"
	succeeds
	says moved
	box -b "$BOX" -- true
	fails_with 125
	complains "prepare the place"
	[ -z "$(ls -A "$SCRATCH/outside")" ] || tell "made outside: $(ls -lR "$SCRATCH/outside")"
}

@test "a /sys that leads elsewhere shows nothing of the host" {
	need_root
	mkdir -m 755 "$SCRATCH/data/host"
	echo secret >"$SCRATCH/data/host/file"
	box -b "$BOX" -- sh -c "rmdir /sys && ln -s $SCRATCH/data/host /sys"
	succeeds
	box -b "$BOX" -- sh -c 'ls -A /proc/pressure; cat /proc/pressure/* /sys/*; true'
	says_not secret
	box -b "$BOX" -- rm /sys
	box -b "$BOX" -- sh -c 'ls -A /proc/pressure'
	prints ""
}

@test "a directory with something covered in it cannot be moved away from that" {
	box -b "$BOX" -- python3 -c 'import os; os.rename("/var", "/moved")'
	[[ $stderr == *"Invalid cross-device link"* || $stderr == *"Device or resource busy"* ]] ||
		tell "wanted EXDEV or EBUSY"
	box -b "$BOX" -- test -e /moved
	fails_with 1
}

@test "a store that others can write to is not used: they could leave a journal there" {
	need_user
	box -b "$BOX" -- true
	succeeds
	chmod 770 "$SCRATCH/data/cloche"
	cloche box list
	fails_with 125
	complains "can be changed by others"
	chmod 700 "$SCRATCH/data/cloche"
	cloche box list
	succeeds
}
