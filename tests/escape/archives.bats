#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Attacks by archives that somebody else has made: cloche box import.

load ../helpers

setup() {
	scratch
	BOX=test-$$-$RANDOM
	mkdir "$SCRATCH/secret"
	echo secret >"$SCRATCH/secret/s"
	mkdir "$SCRATCH/read"
	echo host >"$SCRATCH/read/f"
	enter "$BOX" sh -c 'echo one >../read/f; echo one >g'
	succeeds
	cloche box snapshot "$BOX" s1
	succeeds
	enter "$BOX" sh -c 'echo two >../read/f; echo two >g'
	succeeds
	"$CLOCHE" box export "$BOX" "$SCRATCH/good.tar"
	mkdir "$SCRATCH/archive"
	tar xf "$SCRATCH/good.tar" -C "$SCRATCH/archive"
	TOP=$(sed -n 's/^top //p' "$SCRATCH/archive/stack")
	BELOW=$(sed -n "s/^layer $TOP \([0-9a-f]*\) .*/\1/p" "$SCRATCH/archive/stack")
	DIR=$(basename "$(printf '%s\n' "$SCRATCH/archive/layers/$TOP"/u/*work)")
	FILE=$(basename "$(printf '%s\n' "$SCRATCH/archive/layers/$TOP"/f/*f)")
	[ "$FILE" != '*f' ]
}

# The file is copied by itself into a folder that is only read.
enter() { # BOX PROGRAM...
	box -b "$1" --read "$SCRATCH/read" --copy "$SCRATCH/read/f" -- "${@:2}"
}

teardown() {
	"$CLOCHE" box remove "$BOX" >/dev/null 2>&1 || true
	"$CLOCHE" box remove "$BOX-bad" >/dev/null 2>&1 || true
	scratch_done
}

pack() {
	tar cf "$SCRATCH/bad.tar" -C "$SCRATCH/archive" cloche-box stack marks views layers
}

refused() {
	pack
	cloche box import "$SCRATCH/bad.tar" "$BOX-bad"
	fails_with 125
	complains "the archive is damaged"
	cloche box show "$BOX-bad"
	fails_with 125
	complains "there is no box"
}

@test "what was packed by hand, without an attack, is taken" {
	pack
	cloche box import "$SCRATCH/bad.tar" "$BOX-bad"
	succeeds
	enter "$BOX-bad" cat ../read/f g
	prints $'two\ntwo'
}

@test "a layer's tree that is a symlink shows nothing of the host's" {
	local layer
	for layer in "$TOP" "$BELOW"; do
		mv "$SCRATCH/archive/layers/$layer/u/$DIR" "$SCRATCH/kept"
		ln -s "$SCRATCH/secret" "$SCRATCH/archive/layers/$layer/u/$DIR"
		refused
		rm "$SCRATCH/archive/layers/$layer/u/$DIR"
		mv "$SCRATCH/kept" "$SCRATCH/archive/layers/$layer/u/$DIR"
	done
}

@test "a copied file that is a symlink is no way to the host's" {
	local layer
	for layer in "$TOP" "$BELOW"; do
		ln -sf "$SCRATCH/secret/s" "$SCRATCH/archive/layers/$layer/f/$FILE"
		refused
		rm "$SCRATCH/archive/layers/$layer/f/$FILE"
		echo x >"$SCRATCH/archive/layers/$layer/f/$FILE"
	done
	[ "$(cat "$SCRATCH/secret/s")" = secret ]
}
