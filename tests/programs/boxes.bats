#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
#
# Boxes that last, as people use them: software is tried and undone, a formatter runs over a
# repository, several boxes share a base, a box goes somewhere else.
load '../helpers'
load 'programs'

setup() {
	scratch
	BOX=use-$$-$RANDOM
	HERE=$SCRATCH/work
}

teardown() {
	for name in "$BOX-1" "$BOX-2" "$BOX-far" "$BOX"; do
		"$CLOCHE" box remove "$name" >/dev/null 2>&1 || true
	done
	scratch_done
}

in_box() { # BOX COMMAND...
	box -b "$1" -- "${@:2}"
	succeeds
}

@test "a package from the network is installed, seen in diff, and gone after a rollback" {
	need_root
	need_command apt-get curl
	! command -v hello || skip "the package is already there"
	timeout 20 apt-get -qq download --print-uris hello >/dev/null 2>&1 || skip "apt knows no package 'hello'"
	timeout 20 curl -sfIo /dev/null "$(apt-get download --print-uris hello | cut -d\' -f2)" ||
		skip "no network to Debian's mirror"
	in_box "$BOX" true
	cloche box snapshot "$BOX" clean
	succeeds
	box -b "$BOX" --net host --env DEBIAN_FRONTEND=noninteractive -- sh -ec \
		'apt-get -qq -y -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 install --no-install-recommends hello >&2; hello'
	succeeds
	prints 'Hello, world!'
	cloche diff "$BOX" /usr /var/lib/dpkg
	says "A /usr/bin/hello"
	says "M /var/lib/dpkg/status  content"
	cloche commit --dry-run "$BOX" /usr/bin
	fails_with 1
	says "A /usr/bin/hello  [path: "
	cloche box rollback "$BOX" clean
	succeeds
	cloche diff "$BOX"
	prints ""
	box -b "$BOX" -- sh -c 'command -v hello; dpkg -s hello'
	[ "$status" != 0 ] || tell "it is still there"
	! command -v hello
}

@test "a package of one's own is installed, seen in diff, and gone after a rollback" {
	need_root
	need_command dpkg-deb
	mkdir -p p/DEBIAN p/opt/cloche-p
	printf 'Package: cloche-p\nVersion: 1\nArchitecture: all\nMaintainer: n <n@n>\nDescription: p\n' >p/DEBIAN/control
	echo data >p/opt/cloche-p/file
	dpkg-deb -b p p.deb >/dev/null
	in_box "$BOX" true
	cloche box snapshot "$BOX" clean
	in_box "$BOX" dpkg -i p.deb
	cloche diff "$BOX" /opt /var/lib/dpkg
	says "A /opt/cloche-p/file"
	says "A /var/lib/dpkg/info/cloche-p.list"
	says "M /var/lib/dpkg/status  content"
	in_box "$BOX" dpkg -s cloche-p
	cloche box rollback "$BOX" clean
	succeeds
	cloche diff "$BOX" /opt /var/lib/dpkg
	prints ""
	box -b "$BOX" -- dpkg -s cloche-p
	[ "$status" != 0 ] || tell "it is still there"
	[ ! -e /opt/cloche-p ]
}

# Of ugly files, whose formatter also leaves its traces elsewhere.
repository() {
	git init -q -b main repository
	cd repository || return
	mkdir src tests
	for n in $(seq 30); do
		printf 'int  f%s( int a ){return a+%s ;}\n' "$n" "$n" | tee "src/f$n.c" >"tests/t$n.c"
	done
	printf 'BasedOnStyle: LLVM\n' >.clang-format
	git add .
	git -c user.name=n -c user.email=n@n commit -q -m ugly
}

@test "a formatter runs over a git repository, and only src/ is committed" {
	need_command git clang-format
	repository
	local program
	program=$(readlink -f "$(command -v clang-format)")
	in_box "$BOX" sh -ec 'for file in src/*.c tests/*.c; do "$0" -i "$file"; done
		echo done >formatted' "$program"
	[ -z "$(git status --short)" ] || tell "the box's work is here: $(git status --short)"
	cloche diff --stat "$BOX" "$PWD"
	says "60 changed"
	cloche diff --text "$BOX" src/f1.c
	says "+int f1(int a) { return a + 1; }"
	cloche commit "$BOX" src/
	succeeds
	[ "$(git status --short | grep -c '^ M src/f')" = 30 ] || tell "$(git status --short)"
	[ "$(git status --short | grep -vc '^ M src/')" = 0 ] || tell "$(git status --short)"
	[ "$(cat src/f1.c)" = "int f1(int a) { return a + 1; }" ]
	[ "$(git diff --stat -- tests | wc -l)" = 0 ]
	# The rest is still to be had, and what was committed is the host's.
	git checkout -q src
	box -b "$BOX" -- cat src/f1.c tests/t1.c formatted
	prints $'int  f1( int a ){return a+1 ;}\nint f1(int a) { return a + 1; }\ndone'
}

@test "two boxes on one base share what it has, and nothing of each other" {
	in_box "$BOX" sh -c 'mkdir tools; echo "echo tool" >tools/tool; chmod 755 tools/tool; seq 10000 >tools/data'
	for name in "$BOX-1" "$BOX-2"; do
		box -b "$name" --base "$BOX" -- sh -ec './tools/tool; echo "$0" >mine; [ "$(wc -l <tools/data)" = 10000 ]' "$name"
		succeeds
		prints tool
	done
	in_box "$BOX-1" sh -c 'rm tools/data'
	box -b "$BOX-2" -- sh -c 'wc -l <tools/data; cat mine'
	prints $'10000\n'"$BOX-2"
	box -b "$BOX" -- ls
	prints tools
	cloche box remove "$BOX"
	fails_with 125
	complains "is the base of box"
	cloche commit "$BOX-2" mine
	succeeds
	[ "$(cat mine)" = "$BOX-2" ]
	[ ! -e tools ]
}

@test "a box is exported, imported somewhere else under another name, and goes on" {
	mkdir d
	echo host >d/kept
	in_box "$BOX" sh -ec 'echo one >d/one; mkdir -p deep/er; ln d/one deep/twin; ln -s ../d/one deep/er/link
		rm d/kept; chmod 640 d/one; touch -d 2001-02-03 d/one'
	cloche box snapshot "$BOX" early
	in_box "$BOX" sh -c 'echo two >>d/one'
	cloche box export "$BOX" "$SCRATCH/box.cloche"
	succeeds
	cloche box remove "$BOX"
	succeeds
	# Another store: for an ordinary user by what the session says, for root another account's.
	if [ "$(id -u)" = 0 ]; then
		chmod 644 "$SCRATCH/box.cloche"
		mkdir "$SCRATCH/theirs"
		chown cloche-test "$SCRATCH/theirs"
		elsewhere() {
			setpriv --reuid cloche-test --regid cloche-test --init-groups env -i PATH="$PATH" HOME="$SCRATCH/theirs" \
				USER=cloche-test "$CLOCHE" "$@" </dev/null
		}
	else
		mkdir "$SCRATCH/theirs"
		elsewhere() {
			XDG_DATA_HOME=$SCRATCH/theirs "$CLOCHE" "$@" </dev/null
		}
	fi
	run elsewhere box import "$SCRATCH/box.cloche" "$BOX-far"
	succeeds
	run elsewhere run -b "$BOX-far" -- sh -c 'cat d/one deep/twin; readlink deep/er/link; ls d; stat -c %a d/one; echo three >>d/one'
	succeeds
	prints $'one\ntwo\none\n../d/one\none\n640'
	run elsewhere box rollback "$BOX-far" early
	succeeds
	run elsewhere run -b "$BOX-far" -- sh -c 'cat d/one; date -r d/one +%F; [ d/one -ef deep/twin ]'
	succeeds
	prints $'one\n2001-02-03'
	run elsewhere diff "$BOX-far" "$HERE"
	says "A $HERE/d/one"
	says "D $HERE/d/kept"
	run elsewhere box remove "$BOX-far"
	succeeds
}
