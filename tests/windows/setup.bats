#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
#
# What Windows boxes stand on: built, looked at, removed.
load '../helpers'
load 'windows'

# A store of this test's own, with the system of the real one in it, as a setup that was interrupted
# left it: not even a template.
half_built() {
	local runtime
	need_user # Root's store is where it is.
	runtime=$("$CLOCHE" windows status | tail -n 1)
	export XDG_DATA_HOME=$SCRATCH/data
	mkdir -p "$XDG_DATA_HOME/cloche/windows/new/apt/archives"
	chmod -R 700 "$XDG_DATA_HOME/cloche"
	cp -a "$runtime/root" "$XDG_DATA_HOME/cloche/windows/new/root"
	mkdir "$XDG_DATA_HOME/cloche/windows/new/prefix.new"
	echo half >"$XDG_DATA_HOME/cloche/windows/new/prefix.new/system.reg"
}

@test "setup does nothing where all is there; status and doctor say so" {
	cloche windows setup
	succeeds
	says "it is there already"
	cloche windows status
	succeeds
	says "Wine 8"
	cloche doctor
	says "yes  Windows programs"
}

@test "an interrupted setup goes on; a box in use keeps the runtime; remove removes it" {
	half_built
	cloche windows status
	fails_with 1
	says "cloche windows setup"
	box -- "$GUEST_DIR/w_probe64.exe" exit 3
	fails_with 125
	complains "cloche windows setup"
	cloche windows setup
	succeeds
	says "4 of 5"
	says_not "2 of 5"
	[ ! -e "$XDG_DATA_HOME/cloche/windows/new" ]
	box -- "$GUEST_DIR/w_probe32.exe" exit 3
	fails_with 3
	mkfifo in
	"$CLOCHE" run -- "$GUEST_DIR/w_probe64.exe" hold here <in >out 3>&- &
	exec 7>in
	eventually 20 grep -q held out
	cloche windows remove
	fails_with 1
	says "boxes run on it"
	exec 7>&-
	wait $!
	cloche windows remove
	succeeds
	run find "$XDG_DATA_HOME/cloche/windows" -name root
	prints ""
}

@test "what nothing uses any more of other cloches is removed, by setup and by prune" {
	local windows each held=0
	windows=$(dirname "$("$CLOCHE" windows status | tail -n 1)")
	for each in setup prune; do
		mkdir -p "$windows/parts-00000000000000000000000$each/lib" "$windows/.parts-unfinished-1" \
			"$windows/parts-used-$$-$each"
		echo old >"$windows/starter-0000000000000000"
		exec 8<"$windows/parts-used-$$-$each"
		flock -s 8
		if [ "$each" = setup ]; then
			cloche windows setup
		else
			cloche box prune
		fi
		succeeds
		[ ! -e "$windows/parts-00000000000000000000000$each" ]
		[ ! -e "$windows/.parts-unfinished-1" ]
		[ ! -e "$windows/starter-0000000000000000" ]
		[ -d "$windows/parts-used-$$-$each" ]
		exec 8<&-
		cloche box prune
		succeeds
		[ ! -e "$windows/parts-used-$$-$each" ]
	done
	# A box that runs holds those that it uses.
	mkfifo in
	exec 7<>in
	"$CLOCHE" run -- "$GUEST_DIR/w_probe64.exe" hold parts <in >out 7>&- 3>&- &
	eventually 20 grep -q held out
	for each in "$windows"/parts-*; do
		flock -n -x "$each" true || held=1
	done
	[ "$held" = 1 ]
	kill %1
	wait %1 || true
	exec 7>&-
}

@test "a kept box whose template is gone is held against the present one, and diff says so" {
	local other
	need_user # Root's store is where it is.
	runtime=$("$CLOCHE" windows status | tail -n 1)
	export XDG_DATA_HOME=$SCRATCH/data
	other=$XDG_DATA_HOME/cloche/windows/0123456789abcdef
	mkdir -p "${other%/*}"
	chmod -R 700 "$XDG_DATA_HOME/cloche"
	cp -al "$runtime" "${other%/*}/" 2>/dev/null || cp -a "$runtime" "${other%/*}/"
	mv "${other%/*}/${runtime##*/}" "$other"
	ln -s 0123456789abcdef "${other%/*}/current"
	box -b "$BOX" -- reg.exe add 'HKCU\Software\Made' /v word /d text /f
	succeeds
	# As a refresh leaves it.
	mv "$other" "${other%/*}/fedcba9876543210"
	ln -sfn fedcba9876543210 "${other%/*}/current"
	cloche diff "$BOX"
	succeeds
	complains "the template that C: and the registry began as is gone"
	says 'A HKCU\Software\Made : word = REG_SZ "text"'
	[ "$(grep -c HK <<<"$output")" = 2 ] || tell "more than was changed"
	box -b "$BOX" -- reg.exe query 'HKCU\Software\Made'
	succeeds
	cloche diff "$BOX"
	succeeds
	[ -z "$stderr" ] || tell "it is the present one now"
	cloche box remove "$BOX"
	succeeds
}

program_below() { # NAME PID
	local child
	for child in $(cat "/proc/$2/task/$2/children"); do
		if [ "$(cat "/proc/$child/comm")" = "$1" ]; then
			echo "$child"
		fi
		program_below "$1" "$child"
	done
}

# Wine's libraries are the runtime's pages, and what it clears of a stack nobody's.
little_of_its_own() {
	local pid
	mkfifo "in$bits"
	exec 7<>"in$bits"
	"$CLOCHE" run -- "$PROBE" hold little <"in$bits" >"out$bits" 7>&- 3>&- &
	eventually 20 grep -q held "out$bits"
	pid=$(program_below "w_probe$bits.exe" $!)
	[ -n "$pid" ]
	awk '/^Anonymous:/ { exit !($2 > 0 && $2 < 1500) }' "/proc/$pid/smaps_rollup" ||
		tell "$(cat "/proc/$pid/smaps_rollup")"
	kill $!
	wait $! || true
	exec 7>&-
}

@test "threads begin with the whole of their stacks" {
	begin() {
		box -- "$PROBE" begin
		succeeds
		prints 1040
	}
	both begin
}

@test "a program that waits has little memory of its own" {
	need_command objcopy
	both little_of_its_own
}

@test "what was built by another cloche is not used" {
	half_built
	mv "$XDG_DATA_HOME/cloche/windows/new" "$XDG_DATA_HOME/cloche/windows/0123456789abcdef"
	ln -s 0123456789abcdef "$XDG_DATA_HOME/cloche/windows/current"
	: >"$XDG_DATA_HOME/cloche/windows/0123456789abcdef/lock"
	echo "format 0" >"$XDG_DATA_HOME/cloche/windows/0123456789abcdef/about"
	cloche windows status
	fails_with 1
	says "of another cloche"
}
