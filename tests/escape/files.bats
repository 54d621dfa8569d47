#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
#
# Attacks on what a box's files are: hidden, private, read-only, copied.

load ../helpers
load escape

teardown() {
	[ "$CLOCHE_AS" != root ] || [ -z "${KEPT_BOX:-}" ] || "$CLOCHE" box remove "$KEPT_BOX" 2>/dev/null || true
	escape_teardown
}

@test "no call that takes a path reaches what is hidden or private" {
	hostile e_hidden
}

@test "nothing changes a host file that is copied or only read" {
	hostile e_copy_on_write
}

@test "links, folders and paths that change under the call lead nowhere" {
	hostile e_races
}

@test "file handles open nothing" {
	hostile e_handles
}

@test "no device and no whiteout can be made" {
	hostile e_mknod
}

@test "overlay's own attributes cannot be forged" {
	hostile e_overlay_xattr
}

@test "chroot and '..' lead to no other root" {
	hostile e_chroot
}

@test "magic links in /proc lead nowhere outside" {
	hostile e_magic_links
}

@test "nothing in /proc and /sys can be written, no diary of the kernel read" {
	hostile e_proc_files
}

@test "there are only harmless devices, and no control groups" {
	hostile e_devices
}

@test "a folder that the host moves away takes no guest with it" {
	local program end
	outside
	while read -r program; do
		rm -rf write "$SCRATCH/canary/inner"
		mkdir write
		"$CLOCHE" run --read "$GUEST_DIR" --write "$PWD/write" \
			--env "CANARY_WRITE_DIR=$PWD/write" -- "$program" >out 2>err </dev/null 3>&- &
		end=$!
		eventually 10 test -e write/ready || {
			wait "$end" || true
			cat out err
			return 1
		}
		mv write/inner "$SCRATCH/canary/inner"
		touch write/go
		status=0
		wait "$end" || status=$?
		output=$(cat out) stderr=$(cat err)
		refused_all
		canary_intact
	done < <(abis e_moved)
}

@test "what is mounted in a written folder stays where it is, for the next box, too" {
	mkdir -p write/above/deep/hidden write/above/deep/read
	echo secret-1 | tee write/above/deep/hidden/secret write/above/deep/file >/dev/null
	echo "as it was" >write/above/deep/read/kept
	local options=(--write write --hide write/above/deep/hidden --hide write/above/deep/file
		--read write/above/deep/read)
	local attack='import ctypes, os
libc = ctypes.CDLL(None)
for old in ("write/above", "write/above/deep", "write/above/deep/hidden", "write/above/deep/file",
	    "write/above/deep/read"):
	for flags in (0, 2):
		os.makedirs("write/other", exist_ok=True)
		libc.renameat2(-100, old.encode(), -100, b"write/other" if flags else b"write/moved", flags)
	try:
		os.link(old, "write/linked")
	except OSError:
		pass'
	box "${options[@]}" -- python3 -c "$attack"
	succeeds
	[ "$(cat write/above/deep/hidden/secret)" = secret-1 ]
	[ ! -e write/moved ] && [ ! -e write/linked ] || tell "$(ls -R write)"
	box "${options[@]}" -- sh -c 'grep -r secret- write; echo changed >write/above/deep/read/kept'
	says_not secret-1
	[ "$(cat write/above/deep/read/kept)" = "as it was" ]
}

@test "what a guest leaves in its private home and /tmp is not on the host" {
	outside
	box -- /bin/sh -c 'echo x >"$HOME/.cloche-left"; echo x >/tmp/cloche-left; echo x >left; ls -a "$HOME"'
	[[ $output != *cloche-canary* ]] || tell "the private home shows the host's files"
	[ ! -e "$HOME/.cloche-left" ]
	[ ! -e /tmp/cloche-left ]
	[ ! -e left ]
	outside_intact
}

# A kept box holds a secret; another box is shown what is around the storage, in every way.
@test "cloche's own storage is out of reach, whatever is shown around it" {
	local program way store=$XDG_DATA_HOME/cloche
	[ "$CLOCHE_AS" != root ] || store=/var/lib/cloche
	KEPT_BOX=victim-$RANDOM
	outside
	box -b "$KEPT_BOX" -- /bin/sh -c "echo $CANARY_SECRET >/etc/kept"
	succeeds
	cd "$SCRATCH"
	while read -r program; do
		for way in --copy --read --write; do
			box --read "$GUEST_DIR" "$way" "${store%/*}" --env "CANARY_STORE=$store" \
				--env "CANARY_PIDNS=$CANARY_PIDNS" -- "$program"
			echo "--- ${program##*/} $way ${store%/*}"
			refused_all
		done
		box --read "$GUEST_DIR" --env "CANARY_STORE=$store" \
			--env "CANARY_PIDNS=$CANARY_PIDNS" -- "$program"
		echo "--- ${program##*/} by default, in $PWD"
		refused_all
	done < <(abis e_store)
	box -b "$KEPT_BOX" -- /bin/cat /etc/kept
	prints "$CANARY_SECRET"
	cd work
	outside_intact
}

# Either it is hidden, or cloche says that it cannot be; never shown without a word.
@test "what is hidden is hidden however it is spelled" {
	local spelling
	outside
	ln -s hidden/.. round
	mkdir -p deep/er
	ln -s deep/er far
	ln -s "$PWD/hidden" link
	cp hidden/secret deep/secret
	for spelling in hidden ./hidden hidden/ "$PWD//hidden/." hidden/../hidden link round/hidden; do
		box --hide "$spelling" -- /bin/cat hidden/secret link/secret
		[[ $output != *"$CANARY_SECRET"* ]] || tell "--hide $spelling hides nothing"
	done
	# ".." behind a link is the parent of what the link names.
	box --hide far/../secret -- /bin/cat deep/secret
	[[ $output != *"$CANARY_SECRET"* ]] || tell "--hide far/../secret hides nothing"
}
