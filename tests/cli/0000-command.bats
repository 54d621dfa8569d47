#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The command itself: help, version, and what it says to words it does not know.

load ../helpers

@test "without a command it says what there is, and fails" {
	cloche
	fails_with 2
	complains "usage: cloche COMMAND"
	complains "run a program in a box"
}

@test "help lists the commands, on standard output" {
	cloche help
	succeeds
	says "run"
	says "explain"
	says "doctor"
	local plain=$output
	cloche --help
	succeeds
	prints "$plain"
}

@test "help of a command lists its options" {
	cloche help run
	succeeds
	for option in box report policy copy read write hide private net env cwd hostname user \
		memory tasks cpu wall disk; do
		says "--$option "
	done
	cloche help explain
	succeeds
	says "--json"
	cloche help doctor
	succeeds
	says "--json"
}

@test "version is one line" {
	cloche version
	succeeds
	[[ $output =~ ^cloche\ [0-9]+\.[0-9]+\.[0-9]+$ ]] || tell "wanted cloche X.Y.Z"
	local plain=$output
	cloche --version
	prints "$plain"
}

@test "an unknown command is told in one line" {
	cloche rum -- true
	fails_with 2
	complains "rum"
	[ "$(wc -l <<<"$stderr")" = 1 ] || tell "wanted one line"
	cloche help rum
	fails_with 2
	complains "rum"
}

@test "an unknown option is told, and nothing runs" {
	box --wirte /tmp -- touch here
	fails_with 2
	complains "--wirte"
	complains "cloche help run"
	[ ! -e here ]
}

@test "an option without its value is told" {
	box --memory
	fails_with 2
	complains "--memory"
}

@test "run without a program is told" {
	box
	fails_with 2
	complains "which program"
	box --
	fails_with 2
	complains "which program"
}

@test "options end at the program: its own are its own" {
	box echo --memory 1 -b x --net
	succeeds
	prints "--memory 1 -b x --net"
}

@test "the program may stand behind two dashes" {
	box -- printf '%s\n' -- x
	succeeds
	prints $'--\nx'
}

@test "every option of every command is in its manual page and in the completions" {
	local source=${CLOCHE_SOURCE:-${BATS_TEST_DIRNAME%/*/*}}
	[ -d "$source/man" ] || skip "no source tree here"
	[ -r "$source/man/cloche-run.1.scd" ] || skip "the source tree is not readable here"
	for command in run explain doctor; do
		cloche help "$command"
		succeeds
		for option in $(grep -o -- '--[a-z]*' <<<"$output"); do
			grep -q -- "\\*$option\\*" "$source/man/cloche-$command.1.scd" ||
				tell "$option is not in cloche-$command.1.scd"
		done
		grep -q -- "cloche help" "$source/completions/cloche.bash" ||
			tell "the completions do not ask the command"
	done
}

@test "the completions offer commands, options and presets" {
	local source=${CLOCHE_SOURCE:-${BATS_TEST_DIRNAME%/*/*}}
	[ -r "$source/completions/cloche.bash" ] || skip "the source tree is not readable here"
	complete_line() {
		PATH=$(dirname "$CLOCHE"):$PATH bash -c '
			. "$1"; shift
			COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
			_cloche; printf "%s\n" "${COMPREPLY[@]}"' - \
			"$source/completions/cloche.bash" "$@"
	}
	run complete_line cloche ex
	prints "explain"
	run complete_line cloche run --mem
	prints "--memory"
	run complete_line cloche run --net h
	prints "host"
	run complete_line cloche run -p str
	prints "strict"
}
