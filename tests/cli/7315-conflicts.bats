#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What is in conflict: what the host has at a name that a box has changed, by content and identity.

load ../helpers

setup() {
	scratch
	BOX=test-$$-$RANDOM
	HERE=$SCRATCH/work
	[ "$(id -u)" = 0 ] && STORE=/var/lib/cloche || STORE=$SCRATCH/data/cloche
}

teardown() {
	"$CLOCHE" box remove "$BOX" >/dev/null 2>&1 || true
	scratch_done
}

changes() { # SCRIPT
	box -b "$BOX" -- sh -ec "$1"
	succeeds
}

# What is in conflict, by name, all in one line.
conflicts() {
	cloche diff --json "$BOX"
	succeeds
	grep -h '"host":' <<<"$output" | sed 's/.*"path":"//; s/".*//' | sed "s|^$HERE/||" | sort | paste -sd ' '
}

in_conflict() { # NAMES
	local found
	found=$(conflicts)
	[ "$found" = "$1" ] || tell "in conflict: '$found', not '$1'"
}

known() {
	cat "$STORE/layers/$(sed -n 's/^top //p' "$STORE/boxes/$BOX/stack")/known"
}

@test "times alone, and new names of the same file, are no conflict" {
	mkdir -p d/deep e/deep p
	for name in a b d/x d/deep/y e/x e/deep/y p/q; do echo 1 >$name; done
	ln -s a l
	changes 'echo box >a; rm b; rm -r d; rm -r e; mkdir e; echo box >e/x; ln -sf b l; rm -r p; echo p >p'
	touch a b d d/x d/deep d/deep/y e e/x e/deep/y p p/q
	touch -h l
	ln a a2
	ln b b2
	ln d/x x2
	rm a2 b2 x2
	in_conflict ""
	cloche commit "$BOX"
	succeeds
	[ "$(cat a e/x p)" = $'box\nbox\np' ]
	[ ! -e b ]
	[ ! -e d ]
}

@test "content that is another one is, whatever the times say" {
	for name in a b c d; do echo 1 >$name; done
	mkdir -p t/deep
	echo 1 >t/deep/x
	ln -s a l
	changes 'for i in a b c; do echo box >$i; done; rm d; rm -r t; rm l'
	for name in a d t/deep/x; do
		touch -r "$name" "$SCRATCH/time"
		echo 2 >"$name"
		touch -r "$SCRATCH/time" "$name"
	done
	: >b
	ln -sfn b l
	in_conflict "a b d l t"
	cloche commit "$BOX"
	fails_with 1
	[ "$(cat a d t/deep/x c)" = $'2\n2\n2\nbox' ]
}

@test "another file with the same content is" {
	echo 1 >a
	echo 1 >b
	changes 'echo box >a; rm b'
	for name in a b; do
		cp -p $name "$SCRATCH/copy"
		mv "$SCRATCH/copy" $name
	done
	in_conflict "a b"
}

@test "so are modes and attributes, which a commit would replace" {
	for name in a b; do echo 1 >$name; done
	mkdir d e f
	changes 'echo box >a; echo box >b; chmod 700 d e; rmdir f'
	chmod 640 a
	python3 -c 'import os; os.setxattr("b", "user.x", b"1")'
	chmod 711 d
	# What happens in a directory is not about the directory.
	touch e/new
	chmod 700 f
	in_conflict "a b d f"
}

@test "what is new in a directory that the box has removed is; what is gone from it is not" {
	mkdir d e
	touch d/old e/old e/other
	changes 'rm -r d e'
	touch d/new
	rm e/other
	in_conflict d
}

@test "what changes on the host while the box runs is, also when the box makes it anew later" {
	echo 1 >a
	echo 1 >b
	mkfifo go
	"$CLOCHE" run -b "$BOX" --write "$HERE/go" -- sh -ec \
		'echo box >>a; echo box >>b; read x <go' </dev/null 3>&- &
	local launcher=$!
	# Both are in the layer once the box waits for a writer.
	timeout $((20 * ${CLOCHE_SLOW:-1})) sh -c "exec 9>'$HERE/go'; echo 2 >>a; echo >&9"
	wait "$launcher"
	in_conflict a
	changes 'rm a b; echo new >a; echo new >b'
	in_conflict a
}

@test "what was removed on the host is, also where the box has moved other files" {
	for name in a b c d; do echo $name >$name; done
	changes 'echo box >>a; rm b; mv c c2; echo more >>c2; mv d d2'
	in_conflict ""
	rm a
	in_conflict a
}

@test "it is known across snapshots, of the oldest layer, and when layers become one" {
	for name in a b c; do echo 1 >$name; done
	changes 'echo one >a; echo one >b; rm c'
	cloche box snapshot "$BOX" first
	succeeds
	changes 'echo two >a; rm b; echo two >c'
	touch a b c
	in_conflict ""
	cloche box drop "$BOX" first
	succeeds
	touch a b c
	in_conflict ""
	echo 2 >a
	in_conflict a
	changes 'echo three >a'
	in_conflict a
}

@test "directories that bar their owner hide nothing from it" {
	mkdir -p d/in
	echo 1 >d/in/a
	changes 'echo box >d/in/a; chmod 0 d/in d'
	touch d/in/a
	in_conflict ""
	echo 2 >d/in/a
	in_conflict d/in/a
}

@test "where nobody could look, or the file is too large, times tell: the safe side" {
	echo 1 >a
	truncate -s 1100M large
	"$CLOCHE" run -b "$BOX" -- sh -ec 'echo box >a; echo ready; exec sleep 1000' </dev/null >"$SCRATCH/out" 2>&1 3>&- &
	local launcher=$!
	eventually 10 grep -q ready "$SCRATCH/out"
	kill -KILL "$launcher"
	wait "$launcher" || true
	touch a
	eventually 10 cloche_commits_not
	in_conflict a
	changes 'echo x >>large'
	in_conflict a
	touch large
	in_conflict "a large"
}

# The killed launcher's box has ended.
cloche_commits_not() {
	"$CLOCHE" box snapshot "$BOX" >/dev/null 2>&1
}

@test "a run that changes nothing notes nothing, and one more file is one more line" {
	mkdir d e
	for i in $(seq 50); do echo 1 >d/$i; done
	changes 'for i in d/*; do echo box >$i; done'
	local before
	before=$(known | wc -l)
	changes 'cat d/1'
	[ "$(known | wc -l)" = "$before" ]
	echo 1 >e/one
	changes 'echo box >e/one'
	# The directory and the file.
	[ "$(known | wc -l)" = $((before + 2)) ] || tell "$before, then: $(known)"
}

@test "a guest can neither see nor write what is known" {
	echo 1 >a
	changes 'echo box >a'
	echo 2 >a
	changes "cat '$STORE'/layers/*/known && exit 1; find / -name known -path '*layers*' 2>/dev/null | grep . && exit 1; true"
	in_conflict a
}
