#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What a box has changed, put on the host: cloche commit.

load ../helpers

setup() {
	scratch
	BOX=test-$$-$RANDOM
	HERE=$SCRATCH/work
	RACER=
	[ "$(id -u)" = 0 ] && STORE=/var/lib/cloche || STORE=$SCRATCH/data/cloche
}

teardown() {
	[ -z "$RACER" ] || kill "$RACER" 2>/dev/null || true
	"$CLOCHE" box remove "$BOX" >/dev/null 2>&1 || true
	scratch_done
}

# Its output goes to a pipe: with a file of the caller's there would be no set-id bits.
changes() { # SCRIPT
	run bash -c '"$0" run -b "$1" -- sh -ec "$2" 2>&1 | cat; exit "${PIPESTATUS[0]}"' \
		"$CLOCHE" "$BOX" "$1" </dev/null
	succeeds
}

commit() {
	cloche commit "$BOX" "$@"
}

nothing_left() {
	[ -z "$(find "$SCRATCH/work" -name '.cloche-*')" ] || tell "left: $(find "$SCRATCH/work")"
	[ ! -e "$STORE/commits/$BOX" ] || tell "the journal was left"
}

# Not just its own: other layers than the one of these names.
layer_of() {
	find "$STORE"/layers/*/u -maxdepth 1 -name "*$(basename "$SCRATCH")*" | head -n 1
}

@test "all of it, and then there is nothing more to do" {
	mkdir d
	echo old >d/changed
	echo old >removed
	changes 'echo new >d/changed; rm removed; mkdir -p n/deep; echo x >n/deep/file; ln -s d link; chmod 700 d'
	commit
	succeeds
	[ "$(cat d/changed n/deep/file)" = $'new\nx' ]
	[ ! -e removed ]
	[ "$(readlink link)" = d ]
	[ "$(stat -c %a d)" = 700 ]
	nothing_left
	cloche diff "$BOX"
	prints ""
	commit
	succeeds
	prints ""
}

@test "some of it: by path, and without what is excluded" {
	mkdir a b
	changes 'touch a/1 a/2 b/3; mkdir -p new/deep; touch new/deep/x new/y'
	commit a new/deep -x a/2
	succeeds
	[ -e a/1 ]
	[ ! -e a/2 ]
	[ ! -e b/3 ]
	[ -e new/deep/x ]
	[ ! -e new/y ]
	commit nothing/here
	fails_with 125
	complains "has changed nothing at '$HERE/nothing/here'"
}

@test "--dry-run says the same and does nothing" {
	changes 'touch a'
	commit --dry-run
	succeeds
	says "to be committed:
  A $HERE/a"
	[ ! -e a ]
}

@test "--interactive asks about each" {
	changes 'echo 1 >a; echo 2 >b; echo 3 >c; echo 4 >.bashrc'
	run --separate-stderr "$CLOCHE" commit -i "$BOX" <<<$'n\ny\nd\nn\nq\n'
	succeeds
	complains "[shell: "
	[ -e .bashrc ] && tell "no was yes"
	[ -e a ]
	[ ! -e b ]
	[ ! -e c ]
}

@test "owners are those that the box showed" {
	need_root
	changes 'touch a b; chown 1000:7 b; mkdir d; chown 33 d'
	commit
	succeeds
	[ "$(stat -c %u:%g a b d)" = $'0:0\n1000:7\n33:0' ] || tell "$(ls -ln)"
}

@test "times, modes, attributes, hard links and holes are as in the box" {
	changes 'mkdir d; echo x >d/a; ln d/a d/b; chmod 640 d/a; touch -d "2001-02-03 04:05:06.789" d/a
		truncate -s 1G d/hole; echo end >>d/hole; touch -d 2002-02-02 d
		python3 -c "import os; os.setxattr(\"d/a\", \"user.x\", b\"\0\xff\")"'
	commit
	succeeds
	[ d/a -ef d/b ]
	[ "$(stat -c %a:%y d/a | cut -c -27)" = "640:2001-02-03 04:05:06.789" ] || tell "$(stat d/a)"
	[ "$(stat -c %y d | cut -c -10)" = 2002-02-02 ] || tell "$(stat d)"
	[ "$(stat -c %b d/hole)" -lt 1000 ]
	python3 -c 'import os; assert os.getxattr("d/a", "user.x") == b"\0\xff"'
}

@test "what has changed on the host since is left alone, on both sides" {
	echo 1 >a
	echo 1 >b
	mkdir d
	touch d/x
	changes 'echo box >a; rm b; rm -r d; echo free >free'
	echo host >a
	echo host >b
	touch d/y
	echo host >free
	commit
	fails_with 1
	says "in conflict, left out"
	for name in a b d free; do
		says " $HERE/$name"
	done
	[ "$(cat a b free)" = $'host\nhost\nhost' ]
	[ -e d/y ]
	box -b "$BOX" -- cat a
	prints box
	commit --force-conflict a --force-conflict "$HERE/b"
	fails_with 1
	[ "$(cat a)" = box ]
	[ ! -e b ]
	[ "$(cat free)" = host ]
	commit --force-conflict .
	succeeds
	[ "$(cat free)" = free ]
	[ ! -e d ]
}

@test "what was removed on the host since stays removed" {
	echo 1 >a
	mkdir d
	echo 1 >d/x
	changes 'echo box >>a; echo box >>d/x; touch d/new'
	rm -r a d
	commit
	fails_with 1
	says "the host's was removed since"
	[ ! -e a ]
	[ ! -e d ]
	commit --force-conflict .
	succeeds
	[ "$(cat a d/x)" = $'1\nbox\n1\nbox' ]
}

@test "what a commit has written itself is no conflict for the next one" {
	mkdir d
	echo 1 >d/a
	changes 'echo 2 >d/a; mkdir n; echo 1 >n/b'
	commit
	succeeds
	changes 'echo 3 >d/a; echo 2 >n/b; chmod 700 n d'
	commit
	succeeds
	[ "$(cat d/a n/b)" = $'3\n2' ]
}

# Each class, for a file that was there and for one that was not.
@test "every class of risk is named, left out, and taken when it is accepted" {
	local class path
	while read -r class path; do
		mkdir -p "$(dirname "there/$path")"
		echo old >"there/$path"
	done <"$BATS_TEST_DIRNAME/risky-paths"
	changes "while read -r class path; do
		mkdir -p \"\$(dirname \"new/\$path\")\"
		echo new | tee \"there/\$path\" >\"new/\$path\"
		chmod 755 \"there/\$path\" \"new/\$path\"
	done <<'END'
$(cat "$BATS_TEST_DIRNAME/risky-paths")
END"
	commit
	fails_with 1
	while read -r class path; do
		[[ $output == *"M $HERE/there/$path"*"[$class: "* ]] || tell "not $class: there/$path"
		[[ $output == *"A $HERE/new/$path"*"[$class: "* ]] || tell "not $class: new/$path"
		[ "$(cat "there/$path")" = old ] || tell "there/$path"
		[ ! -e "new/$path" ] || tell "new/$path"
	done <"$BATS_TEST_DIRNAME/risky-paths"
	local accepted=()
	for class in $(cut -d ' ' -f 1 "$BATS_TEST_DIRNAME/risky-paths" | sort -u); do
		accepted+=(--accept-risk "$class")
	done
	commit "${accepted[@]}"
	succeeds
	while read -r class path; do
		[ "$(cat "there/$path" "new/$path")" = $'new\nnew' ] || tell "$path"
	done <"$BATS_TEST_DIRNAME/risky-paths"
}

@test "set-id bits, links out, wide permissions" {
	touch wide
	chmod 600 wide
	# Into a pipe: with output to a file of its own user's a guest sets no such bit.
	"$CLOCHE" run -b "$BOX" -- sh -ec 'echo x >suid; chmod 4755 suid; echo x >sgid; chmod 2755 sgid
		ln -s /etc/passwd out; ln -s ../../x up; mkdir d; ln -s ../wide d/in; chmod 666 wide; touch open
		chmod 666 open' 2>&1 </dev/null | cat
	commit
	fails_with 1
	says "A $HERE/suid  [set-id: "
	says "A $HERE/sgid  [set-id: "
	says "A $HERE/out  symlink  [link: "
	says "A $HERE/up  symlink  [link: "
	says "M $HERE/wide  mode 0600 -> 0666  [permission: "
	says "A $HERE/open  [permission: "
	[ "$(readlink d/in)" = ../wide ]
	[ "$(stat -c %a wide)" = 600 ]
	commit --accept-risk set-id ./suid
	succeeds
	[ "$(stat -c %a suid)" = 4755 ]
	[ ! -e sgid ]
	commit --accept-risk "$HERE/out"
	fails_with 1
	[ -L out ]
	[ ! -L up ]
	commit --accept-risk permision
	fails_with 125
	complains "did you mean 'permission'?"
}

@test "a start-up file that is a link is known by what it leads to" {
	need_user
	export HOME=$SCRATCH/home
	mkdir -p "$HOME/dotfiles"
	echo old >"$HOME/dotfiles/mine"
	ln -s dotfiles/mine "$HOME/.bashrc"
	cd "$HOME/dotfiles"
	changes 'echo evil >mine'
	commit
	fails_with 1
	says "[shell: "
	[ "$(cat mine)" = old ]
}

@test "device nodes and file capabilities are never made silently" {
	need_root
	changes 'touch capable other'
	local layer
	layer=$(layer_of)
	mknod "$layer/null" c 1 3
	python3 -c 'import os, sys
os.setxattr(sys.argv[1], "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))' \
		"$layer/capable"
	chown --reference "$layer/other" "$layer/null"
	commit
	fails_with 1
	says "A $HERE/null  device  [device: "
	says "A $HERE/capable  [set-id: "
	[ ! -e null ]
	[ ! -e capable ]
	[ -e other ]
	commit --accept-risk device --accept-risk set-id
	succeeds
	[ -c null ]
	[ "$(getcap capable 2>/dev/null || echo capable)" != "" ]
}

@test "marks of overlayfs that a guest has no business with are not believed" {
	need_root
	echo secret >"$SCRATCH/secret"
	mkdir d
	echo x >d/file
	changes 'touch redirected meta; mkdir n; echo y >d/other'
	local layer
	layer=$(layer_of)
	python3 - "$layer" <<'END'
import os, sys
layer = sys.argv[1]
os.setxattr(layer + "/n", "trusted.overlay.redirect", b"/etc")
os.setxattr(layer + "/meta", "trusted.overlay.metacopy", b"")
os.setxattr(layer + "/redirected", "trusted.overlay.redirect", b"/etc/shadow")
END
	commit
	fails_with 1
	says "cannot be believed"
	[ ! -e n ]
	[ ! -e meta ]
	[ ! -e redirected ]
	[ "$(cat d/other)" = y ]
}

@test "pipes, sockets and files of eight exabytes hold nobody up" {
	changes 'mkfifo pipe; python3 -c "import socket; socket.socket(socket.AF_UNIX).bind(\"s\")"
		for size in 7E 15T 4T; do truncate -s $size huge && break; done; touch ok'
	run timeout $((20 * ${CLOCHE_SLOW:-1})) "$CLOCHE" diff --text "$BOX"
	succeeds
	run timeout $((20 * ${CLOCHE_SLOW:-1})) "$CLOCHE" commit "$BOX" -x huge
	succeeds
	[ -p pipe ]
	[ -S s ]
	[ -e ok ]
	run timeout $((20 * ${CLOCHE_SLOW:-1})) "$CLOCHE" commit "$BOX"
	[ "$status" = 0 ] || [[ $output == *"cannot put '$HERE/huge'"* ]] || tell "wanted all or a reason"
	nothing_left
}

@test "names of every kind arrive as they are" {
	box -b "$BOX" -- python3 -c '
import os
for name in (b"new\nline", b"esc\x1b[31m", b"\xff\xfe", b"-n", b" ", b"a" * 255, b"%41", b"tab\t"):
    os.mkdir(name); open(name + b"/" + name, "x").close()'
	succeeds
	commit
	succeeds
	python3 -c '
import os
for name in (b"new\nline", b"esc\x1b[31m", b"\xff\xfe", b"-n", b" ", b"a" * 255, b"%41", b"tab\t"):
    os.stat(name + b"/" + name)'
}

# The host's own: a hostile process that may write where is committed.
@test "a directory that is swapped for a link while it is committed leads nowhere" {
	mkdir d "$SCRATCH/outside"
	changes 'for i in $(seq 200); do echo $i >d/$i; done; mkdir n; touch n/x'
	(
		trap 'exit 0' TERM
		while :; do
			mv -T d d.away 2>/dev/null && ln -s "$SCRATCH/outside" d || true
			rm -f d 2>/dev/null || true
			mv -T d.away d 2>/dev/null || true
		done
	) 3>&- &
	RACER=$!
	for _ in 1 2 3 4 5; do
		commit
		[ "$status" != 0 ] || break
	done
	kill "$RACER"
	wait "$RACER" || true
	RACER=
	[ -z "$(ls -A "$SCRATCH/outside")" ] || tell "went outside: $(ls "$SCRATCH/outside")"
	[ ! -L d ] || rm d
	[ -d d ] || mv d.away d
	commit
	succeeds
	[ "$(ls d | wc -l)" = 200 ] || tell "$(ls -la d)"
}

@test "a box that runs is not committed" {
	"$CLOCHE" run -b "$BOX" -- sh -c 'touch made; echo ready; exec sleep 1000' </dev/null >out 2>&1 3>&- &
	local launcher=$!
	eventually 10 grep -q ready out
	commit
	kill -TERM "$launcher"
	wait "$launcher" || true
	fails_with 125
	complains "box '$BOX'"
	[ ! -e made ]
}

@test "what is hidden from a box cannot be replaced or removed by it unseen" {
	mkdir -p d/deep
	echo secret >hidden
	echo secret >d/deep/hidden
	box -b "$BOX" --hide "$HERE/hidden" --hide "$HERE/d/deep/hidden" -- \
		sh -ec 'echo mine >hidden; rm -r d; touch fine'
	succeeds
	commit
	fails_with 1
	says "$HERE/hidden"
	says "the host has one that the box was not shown"
	[ "$(cat hidden d/deep/hidden)" = $'secret\nsecret' ]
	[ -e fine ]
	commit --force-conflict hidden
	[ "$(cat hidden)" = mine ]
}

@test "a single file that the box has a copy of" {
	echo one >single
	touch -d 2020-01-01 other
	mkdir below
	cd below
	box -b "$BOX" --copy ../single --copy ../other -- sh -c 'echo two >../single; cat ../other'
	succeeds
	commit
	succeeds
	says "M $HERE/single  content, time"
	says_not other
	[ "$(cat ../single)" = two ]
}

@test "what somebody else put under a name of ours does not hold up the journal" {
	local directory
	directory=$(stat --format '%d %i %Y 0' .)
	mkdir -p "$STORE/commits"
	chmod 700 "$STORE/commits"
	echo theirs >.cloche-0000000000000001-0
	printf '%s\n' "cloche-commit 1" "put .cloche-0000000000000001-0 $directory $HERE/f -" \
		"staged 0 ${directory%% *} 1" "state 1" >"$STORE/commits/.$BOX"
	mv "$STORE/commits/.$BOX" "$STORE/commits/$BOX" # At once: other commands look at all journals.
	changes 'echo x >g'
	[ ! -e "$STORE/commits/$BOX" ]
	[ "$(cat .cloche-0000000000000001-0)" = theirs ]
	[ ! -e f ]
	rm .cloche-0000000000000001-0
	commit
	succeeds
	nothing_left
}

# In a directory where others may rename, the old file's temporary name is given to something else
# between "done" and the removal.
@test "what others put in the place of what is to be removed is not removed" {
	local temp=.cloche-0000000000000001-0 old
	mkdir -p shared victim "$STORE/commits"
	chmod 700 "$STORE/commits"
	chmod 777 shared
	echo new >shared/file
	echo precious >victim/kept
	for replaced in no yes; do
		echo old >"shared/$temp"
		old=$(stat --format '%d %i' "shared/$temp")
		old="$old $((16#$(stat --format %f "shared/$temp"))) 4 $(stat --format %Y "shared/$temp") 0"
		[ "$replaced" = no ] || { rm "shared/$temp" && mv victim "shared/$temp"; }
		printf '%s\n' "cloche-commit 1" "put $temp $(stat --format '%d %i %Y 0' shared) $HERE/shared/file $old" \
			"staged 0 $(stat --format '%d %i' shared/file)" "state 1" "state 3" >"$STORE/commits/.$BOX"
		mv "$STORE/commits/.$BOX" "$STORE/commits/$BOX"
		cloche box list
		cloche diff "$BOX" # Recovers it, or there is no such box.
		[ ! -e "$STORE/commits/$BOX" ] || tell "not finished"
		[ "$replaced" = yes ] || [ ! -e "shared/$temp" ]
	done
	[ "$(cat "shared/$temp/kept")" = precious ]
	[ "$(cat shared/file)" = new ]
	mv "shared/$temp" victim
	nothing_left
}

@test "a link in the place of a directory is what could be below it" {
	changes 'mkdir -p stuff .config two/.config; echo x >stuff/config.fish; ln -s ../stuff .config/fish
		ln -s .config/git two/x; ln -s stuff .vim; ln -s ../stuff two/.config/nvim; ln -s stuff .local; ln -s stuff plain'
	commit
	fails_with 1
	says "A $HERE/.config/fish  symlink  [shell: "
	says "A $HERE/.vim  symlink  [editor: "
	says "A $HERE/two/.config/nvim  symlink  [editor: "
	says "A $HERE/.local  symlink  [preload: "
	[ ! -L .config/fish ]
	[ ! -L .vim ]
	[ -L plain ]
}

@test "a folder that git would take for a repository, whatever it is called and in whichever order it comes" {
	mkdir -p whole/objects whole/refs parts/refs plain work/.git/objects work/.git/refs
	echo "ref: refs/heads/x" | tee whole/HEAD >work/.git/HEAD
	changes 'echo x >whole/config; mkdir whole/hooks; echo x >whole/hooks/post-update; echo x >whole/notes
		echo x >parts/config; mkdir parts/objects; echo x >parts/HEAD
		echo x >plain/config; mkdir plain/hooks; echo x >plain/hooks/post-update
		mkdir work/.git/objects/ab; echo x >work/.git/objects/ab/cd; echo y >work/.git/HEAD'
	commit parts/config
	fails_with 1
	says "A $HERE/parts/config  [git: "
	commit parts/objects
	fails_with 1
	commit
	fails_with 1
	for name in whole/config whole/hooks/post-update parts/HEAD; do
		says "A $HERE/$name  [git: "
		[ ! -e "$name" ] || tell "$name"
	done
	[ -e whole/notes ]
	[ -e plain/config ]
	[ -e plain/hooks/post-update ]
	[ -e work/.git/objects/ab/cd ]
	[ "$(cat work/.git/HEAD)" = y ]
}

@test "a command in a directory of PATH that is not there yet" {
	changes 'mkdir -p tools/bin; echo x >tools/bin/ls; echo x >tools/bin/notes; chmod 755 tools/bin/ls'
	PATH=$PATH:$HERE/tools/bin commit
	fails_with 1
	says "A $HERE/tools/bin/ls  [path: "
	[ -e tools/bin/notes ]
	[ ! -e tools/bin/ls ]
}

@test "a long one tells a terminal how far it is, and nobody else" {
	changes 'i=0; while [ $i -lt 2100 ]; do echo $i >f$i; i=$((i + 1)); done'
	run python3 -I - "$BATS_TEST_DIRNAME" "$BOX" <<-'EOT'
		import sys
		sys.path.insert(0, sys.argv[1])
		from terminal import CLOCHE, Terminal
		terminal = Terminal([CLOCHE, "commit", "--exclude", "f7", sys.argv[2]])
		terminal.expect("cloche: 1 of 2099, 0 of 0 MiB")
		terminal.expect("\r ")
		terminal.expect("committed:")
		assert terminal.wait() == 0, terminal.status
	EOT
	succeeds
	[ -e f2099 ]
	changes 'i=0; while [ $i -lt 2100 ]; do echo other >f$i; i=$((i + 1)); done'
	cloche commit "$BOX"
	succeeds
	[ "$(cat f2099)" = other ]
	[ -z "$stderr" ] || tell "not empty"
}

@test "a full disk is called that, and all is as it was" {
	need_root
	mkdir small
	# shellcheck disable=SC2016
	run unshare --mount sh -c 'mount -t tmpfs -o size=1M tmpfs small && cd small && echo old >a &&
		"$0" run -b "$1" -- sh -c "echo new >a; head -c 3000000 /dev/urandom >b" &&
		"$0" commit "$1"; status=$?; cat a; ls -A; exit "$status"' "$CLOCHE" "$BOX"
	fails_with 125
	says "small/b': No space left on device"
	[ "${lines[-2]}" = old ]
	[ "${lines[-1]}" = a ]
}
