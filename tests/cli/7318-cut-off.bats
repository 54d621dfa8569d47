#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# alone
#
# Commits that were cut off, gone on with elsewhere and at another time; and file systems that know
# no flags of renameat2(2), where new and old change places by way of a third name. Alone, because any
# other command on boxes of the same store goes on with them.

load ../helpers

teardown() {
	"$CLOCHE" box remove "$BOX" >/dev/null 2>&1 || true
	scratch_done
}

# Three files are there before: one is changed, one replaced by a directory, one removed.
changed_box() {
	need_command strace
	BOX=cut-$$-$BATS_TEST_NUMBER
	echo old >file
	echo kind >kind
	echo gone >gone
	"$CLOCHE" run -b "$BOX" -- sh -c 'echo new >file; rm kind gone; mkdir kind; echo in >kind/in; echo made >made'
}

# The commit is killed before its Nth renameat2; more words go before it.
cut_off_at() { # N [WORD...]
	local nth=$1
	shift
	run strace -f -qq -o /dev/null -e trace=renameat2 -e "inject=renameat2:signal=KILL:when=$nth" \
		"$@" "$CLOCHE" commit "$BOX"
	[ "$status" = 137 ] || tell "it was not killed"
	[ -s "$(journal)" ] || tell "no journal"
}

journal() {
	echo "$(store)/commits/$BOX"
}

store() {
	if [ "$(id -u)" = 0 ]; then
		echo /var/lib/cloche
	else
		echo "$XDG_DATA_HOME/cloche"
	fi
}

nothing_lies_about() {
	[ -z "$(find . -name '.cloche-*')" ] || tell "$(find . -name '.cloche-*')"
	[ ! -e "$(journal)" ] || tell "the journal is there: $(cat "$(journal)")"
}

is_as_after() {
	[ "$(cat file)" = new ] || tell "file"
	[ "$(cat kind/in)" = in ] || tell "kind"
	[ "$(cat made)" = made ] || tell "made"
	[ ! -e gone ] || tell "gone is there"
	nothing_lies_about
}

is_as_before() {
	[ "$(cat file kind gone)" = "old
kind
gone" ] || tell "files"
	[ ! -e made ] || tell "made is there"
	nothing_lies_about
}

@test "whichever command is next goes on with it" {
	local words
	for words in "box list" "box show BOX" "box snapshots BOX" "box rename BOX BOX" "box snapshot BOX" \
		"box prune" "box remove BOX" "ps" "log BOX" "diff BOX" "run -- true" "run -b BOX -- true" \
		"exec BOX -- true" "box clone BOX BOX-two"; do
		changed_box
		cut_off_at 3
		read -ra words <<<"${words//BOX/$BOX}"
		run "$CLOCHE" "${words[@]}"
		is_as_after
		"$CLOCHE" box remove "$BOX" "$BOX-two" || true
		rm -r file kind made
	done
}

@test "devices have other numbers after the machine was started again" {
	changed_box
	cut_off_at 3
	local dev
	dev=$(stat -c %d .)
	sed -i "s/^begun [^ ]*/begun 0a1b2c3d-0000-4000-8000-000000000000/; s/ $dev / 424242 /g" "$(journal)"
	grep -q '^begun 0a1b.* [0-9]' "$(journal)" && grep -q ' 424242 ' "$(journal)"
	cloche box list
	succeeds
	is_as_after
}

@test "the same numbers are meant while the machine runs" {
	changed_box
	cut_off_at 3
	sed -i "s/ $(stat -c %d .) / 424242 /g" "$(journal)"
	cloche diff "$BOX"
	# Nothing is taken for what it is not: what is there stays beside its place.
	[ -n "$(find . -name '.cloche-*')" ]
	rm -r .cloche-*
}

@test "in another mount namespace, where it is another directory, nothing is given up" {
	need_root
	changed_box
	cut_off_at 3
	# shellcheck disable=SC2016
	run unshare --mount sh -c 'mount -t tmpfs tmpfs "$PWD" && cd "$PWD" && "$0" diff "$1"' "$CLOCHE" "$BOX"
	[ "$status" = 125 ]
	[[ $output == *"another mount namespace"*"'$PWD"* ]] || tell "not said"
	[ -s "$(journal)" ]
	cloche diff "$BOX"
	succeeds
	is_as_after
}

@test "in another mount namespace, where it is the same directory, it is gone on with" {
	need_root
	changed_box
	cut_off_at 3
	run unshare --mount "$CLOCHE" diff "$BOX"
	[ "$status" = 0 ]
	is_as_after
}

@test "names cannot be exchanged: all is committed" {
	local deep
	deep=$(printf 'd/%.0s' {1..120})
	mkdir -p "deep/$deep"
	changed_box
	box -b "$BOX" -- rm -r deep
	succeeds
	run "$GUEST_DIR/plain_renames" "$CLOCHE" commit "$BOX"
	[ "$status" = 0 ] || tell "not all"
	[ ! -e deep ]
	is_as_after
	cloche diff "$BOX"
	succeeds
	[ -z "$output" ]
}

@test "names cannot be exchanged: cut off at each rename it is gone on with" {
	local nth
	changed_box
	for nth in {1..30}; do
		run strace -f -qq -o /dev/null -e trace=renameat2,linkat,unlinkat \
			-e "inject=renameat2,linkat,unlinkat:signal=KILL:when=$nth" \
			"$GUEST_DIR/plain_renames" "$CLOCHE" commit "$BOX"
		[ "$status" = 137 ] || break
		run "$GUEST_DIR/plain_renames" "$CLOCHE" diff "$BOX"
		[ "$status" = 0 ]
		if [ -e made ]; then
			is_as_after
			"$CLOCHE" box remove "$BOX"
			rm -r file kind made
			changed_box
		else
			is_as_before
		fi
	done
	[ "$nth" -gt 10 ] || tell "it ended after $nth"
	[ "$nth" -lt 30 ] || tell "it never ended"
	is_as_after
}

@test "names cannot be exchanged: what came to the place meanwhile is not overwritten" {
	local nth
	for nth in {1..20}; do
		changed_box
		run strace -f -qq -o /dev/null -e trace=renameat2 -e "inject=renameat2:signal=KILL:when=$nth" \
			"$GUEST_DIR/plain_renames" "$CLOCHE" commit "$BOX"
		[ -e file ] || break
		"$CLOCHE" box remove "$BOX"
		rm -rf file kind gone made
	done
	[ ! -e file ] || tell "there is no moment without it"
	echo somebody >file
	run "$GUEST_DIR/plain_renames" "$CLOCHE" diff "$BOX"
	[ "$(cat file)" = somebody ]
	[ "$(cat .cloche-*-old)" = old ]
	[[ $output == *"cannot put back"*"/file'"* ]] || tell "not said"
	# Who takes it away has it gone on with.
	rm file
	run "$GUEST_DIR/plain_renames" "$CLOCHE" diff "$BOX"
	is_as_after
}
