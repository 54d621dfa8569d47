#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What was committed leaves the box's layer, which then shows the host's.

load ../helpers

setup() {
	scratch
	BOX=test-$$-$RANDOM
	HERE=$SCRATCH/work
	[ "$(id -u)" = 0 ] && STORE=/var/lib/cloche || STORE=$SCRATCH/data/cloche
}

teardown() {
	"$CLOCHE" box remove "$BOX-on" >/dev/null 2>&1 || true
	"$CLOCHE" box remove "$BOX" >/dev/null 2>&1 || true
	scratch_done
}

changes() { # SCRIPT
	box -b "$BOX" -- sh -ec "$1"
	succeeds
}

commits() {
	cloche commit "$BOX" "$@"
	succeeds
}

in_box() { # BOX TEXT COMMAND...
	box -b "$1" -- "${@:3}"
	prints "$2"
}

top() {
	echo "$STORE/layers/$(sed -n 's/^top //p' "$STORE/boxes/$BOX/stack")"
}

# What the top layer has of the working directory.
layered() {
	(cd "$(top)"/u/*"$(basename "$SCRATCH")"*work && find . -mindepth 1 | sort)
}

@test "all of it was committed: nothing is in the layer, and the box shows what happens on the host" {
	mkdir -p d/deep gone/deep kind
	for name in a b d/deep/x d/y gone/deep/z kind/in; do echo 1 >$name; done
	ln a twin
	changes 'echo 2 >>a; rm b; echo 2 >d/deep/x; chmod 711 d/deep; rm -r gone; rm -r kind; echo 2 >kind
		rm -r d/deep; mkdir -p d/deep/new; echo 2 >d/deep/new/x; mkdir -p n/n; echo 2 >n/n/x
		ln n/n/x n/twin; ln -s d link; mkfifo pipe; rm twin; ln a twin'
	commits
	[ -z "$(layered)" ] || tell "left: $(layered)"
	for name in a b d/y d/deep/new/x gone kind n/n/x; do echo host >$name; done
	in_box "$BOX" $'host\nhost\nhost\nhost\nhost\nhost\nhost\nhost' \
		cat a b d/y d/deep/new/x gone kind n/n/x n/twin
	cloche diff "$BOX"
	prints ""
}

@test "what was left out stays in the layer, and what it hides stays hidden" {
	mkdir d e
	for name in a b d/1 d/2 e/1 e/2; do echo 1 >$name; done
	changes 'echo 2 >a; echo 2 >b; rm -r d; mkdir d; echo 2 >d/1; echo 3 >d/3; echo 2 >e/1; echo 2 >e/2'
	commits a d/1 d/3 e/1
	for name in a b d/1 e/1 e/2; do echo host >$name; done
	in_box "$BOX" $'host\n2\n2\n3\nhost\n2' cat a b d/1 d/3 e/1 e/2
	box -b "$BOX" -- ls d
	prints $'1\n3'
	commits --force-conflict .
	[ -z "$(layered)" ] || tell "left: $(layered)"
	[ ! -e d/2 ]
}

@test "a file with several names goes with all of them" {
	changes 'echo 1 >a; ln a b; echo 1 >c; ln c d'
	commits a c d
	echo host >c
	in_box "$BOX" $'1\n1\nhost' cat a b c
	box -b "$BOX" -- sh -c '[ a -ef b ]'
	succeeds
}

@test "what an older layer would show stays, and what only the newest has goes" {
	for name in a b; do echo 1 >$name; done
	mkdir d
	echo 1 >d/x
	changes 'echo 2 >a; rm b; rm -r d; mkdir d'
	cloche box snapshot "$BOX" first
	succeeds
	changes 'echo 3 >a; echo 3 >b; echo 3 >c; echo 3 >d/x; mkdir n; echo 3 >n/x'
	commits
	for name in a b c d/x n/x; do echo host >$name; done
	in_box "$BOX" $'3\n3\nhost\n3\nhost' cat a b c d/x n/x
	cloche box rollback "$BOX" first
	succeeds
	in_box "$BOX" 2 cat a
	box -b "$BOX" -- ls
	prints $'a\nc\nd\nn'
}

@test "a base keeps what it has" {
	echo 1 >a
	changes 'echo base >a; echo base >b'
	cloche box create "$BOX-on" --base "$BOX"
	succeeds
	box -b "$BOX-on" -- sh -c 'echo on >a; echo on >c'
	cloche commit "$BOX-on"
	succeeds
	for name in a b c; do echo host >$name; done
	in_box "$BOX-on" $'on\nbase\nhost' cat a b c
	in_box "$BOX" $'base\nbase' cat a b
}

@test "what was committed where something is hidden does not go, which would hide it again" {
	echo secret >hidden
	mkdir d
	echo secret >d/hidden
	box -b "$BOX" --hide "$HERE/hidden" --hide "$HERE/d/hidden" -- sh -c 'echo mine >hidden; echo x >d/x; echo y >y'
	succeeds
	commits --force-conflict .
	box -b "$BOX" --hide "$HERE/hidden" --hide "$HERE/d/hidden" -- cat hidden d/x y
	prints $'mine\nx\ny'
	[[ $(layered) == *hidden* ]] || tell "left"
}

@test "a copied file is copied anew" {
	echo one >single
	mkdir below
	cd below
	box -b "$BOX" --copy ../single -- sh -c 'echo two >../single'
	commits
	echo three >../single
	box -b "$BOX" --copy ../single -- cat ../single
	prints three
}

@test "what was changed again and committed again, and again" {
	for round in 1 2 3; do
		changes "echo $round >a; mkdir -p d; echo $round >d/$round; rm -f b"
		commits
		echo host >b
		touch a
		[ "$(cat a d/$round)" = "$round"$'\n'"$round" ]
		[ -z "$(layered)" ] || tell "left: $(layered)"
	done
	[ -e b ]
}

@test "what was to leave before the box ran again stays" {
	changes 'echo 1 >a'
	printf 'of %s %s 1 0\nentry u/%s a\n' "$(sed -n 's/^box //p' "$STORE/boxes/$BOX/stack")" \
		"$(basename "$(top)")" "$(basename "$(top)"/u/*work)" >"$STORE/boxes/$BOX/leaving"
	in_box "$BOX" 1 cat a
	[ ! -e "$STORE/boxes/$BOX/leaving" ]
	cloche diff "$BOX"
	prints "A $HERE/a"
}

@test "a command that is killed before it has left is finished by the next one" {
	mkdir d
	for name in a d/b; do echo 1 >$name; done
	changes 'echo 2 >a; echo 2 >d/b; echo 2 >c'
	printf 'of %s %s %s\nentry u/%s a\nentry u/%s c\n' \
		"$(sed -n 's/^box //p' "$STORE/boxes/$BOX/stack")" "$(basename "$(top)")" \
		"$(stat -c %.9Y "$STORE/boxes/$BOX/running" | sed 's/\.0*\(.\)/ \1/')" \
		"$(basename "$(top)"/u/*work)" "$(basename "$(top)"/u/*work)" >"$STORE/boxes/$BOX/leaving"
	# As far as it had come.
	rm "$(top)"/u/*work/c
	in_box "$BOX" $'1\n2' cat a d/b
	[ ! -e "$STORE/boxes/$BOX/leaving" ]
}
