#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The command itself: help, version, and what it says to words it does not know.

load ../helpers

@test "without a command it says what there is, and fails" {
	cloche
	fails_with 125
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

@test "what cannot be printed is no success" {
	local words
	for words in version help "help run" "run --help" doctor "doctor --json"; do
		# shellcheck disable=SC2086 # words
		run sh -c '"$0" "$@" 2>&1 >/dev/full' "$CLOCHE" $words
		fails_with 125
		prints "cloche: cannot write to standard output"
	done
}

@test "an unknown command is told in one line, with what was meant" {
	cloche rum -- true
	fails_with 125
	complains "rum"
	complains "did you mean 'run'?"
	[ "$(wc -l <<<"$stderr")" = 1 ] || tell "wanted one line"
	cloche help rum
	fails_with 125
	complains "rum"
}

@test "an unknown option is told in one line, with what was meant, and nothing runs" {
	box --wirte /tmp -- touch here
	fails_with 125
	complains "--wirte"
	complains "did you mean '--write'?"
	complains "cloche help run"
	[ "$(wc -l <<<"$stderr")" = 1 ] || tell "wanted one line"
	[ ! -e here ]
	cloche explain --al
	succeeds # Short for --all.
	cloche explain --alll
	fails_with 125
	complains "did you mean '--all'?"
}

@test "an option without its value is told" {
	box --memory
	fails_with 125
	complains "--memory"
	[ "$(wc -l <<<"$stderr")" = 1 ] || tell "wanted one line"
}

@test "run without a program is told" {
	box
	fails_with 125
	complains "which program"
	box --
	fails_with 125
	complains "which program"
	[ "$(wc -l <<<"$stderr")" = 1 ] || tell "wanted one line"
}

@test "--help after a command is its help" {
	cloche help run
	local plain=$output
	for word in --help -h; do
		cloche run "$word"
		succeeds
		prints "$plain"
	done
	box -- printf '%s' --help
	prints --help
}

@test "words of the command line are shown, never obeyed" {
	for words in $'ru\e[31mn' $'run --b\e[31mog\x9b' $'run\t--b\xc2\x9b1mog' "run --read /no/\u009b"; do
		# shellcheck disable=SC2086
		cloche $words
		[ "$status" != 0 ] || tell "wanted a failure"
		! LC_ALL=C grep -q $'[\e\x9b]' <<<"$stderr" || tell "a control byte came out"
	done
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
	for command in run trace learn explain doctor; do
		cloche help "$command"
		succeeds
		for option in $(grep -o -- '--[a-z]*' <<<"$output"); do
			grep -q -- "\\*$option\\*" "$source/man/cloche-$command.1.scd" ||
				tell "$option is not in cloche-$command.1.scd"
		done
		grep -q -- "cloche help" "$source/completions/cloche.bash" ||
			tell "the completions do not ask the command"
	done
	cloche help box
	for part in $(sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' <<<"$output"); do
		grep -q "\*cloche box $part\*" "$source/man/cloche-box.1.scd" || tell "$part is not there"
		cloche help box "$part"
		for option in $(grep -o -- '--[a-z]*' <<<"$output"); do
			grep -q -- "\*$option\*" "$source/man/cloche-box.1.scd" || tell "$part $option"
		done
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
	run complete_line cloche exp
	prints "explain"
	run complete_line cloche exec --rep
	prints "--report"
	"$CLOCHE" box create "complete$$"
	run complete_line cloche exec --wall 3s "complete$$"
	"$CLOCHE" box remove "complete$$"
	prints "complete$$"
	run complete_line cloche run --mem
	prints "--memory"
	run complete_line cloche run --net h
	prints "host"
	run complete_line cloche box snapshots --j
	prints "--json"
	run complete_line cloche box rem
	prints "remove"
	run complete_line cloche run -p str
	prints "strict"
}
