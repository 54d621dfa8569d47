#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
#
# What the documents show is true: every fenced block "sh runnable" is run line by line. In such a
# block a line is a whole command, which must succeed, unless a comment right after it says
# otherwise:
#
#     cloche run -- false
#     # status: 1
#     # prints: TEXT            TEXT is somewhere in what the line before printed, errors too
#
# A block of a document shares the folder with those before it. "sh runnable root" and "sh runnable
# user" are for one of the two only. A block that shows a cloche command must be runnable.

load ../helpers

documents() {
	DOCUMENTS=${CLOCHE_SOURCE:-${BATS_TEST_DIRNAME%/tests/cli}}
	[ -r "$DOCUMENTS/README.md" ] || skip "the documents are not here to be read"
}

# Makes a script of the blocks: "step LINE TEXT" before a command, then what is expected of it.
script_of() { # FILE
	awk -v as="$CLOCHE_AS" '
		function quoted(text) {
			gsub(/\047/, "\047\\\047\047", text)
			return "\047" text "\047"
		}
		function finish() {
			if (command == "")
				return
			printf "step %d %s\n{\n%s\n} >\"$SAID\" 2>&1 </dev/null\nended %s\n%s",
				line, quoted(command), command, wanted, prints
			command = prints = ""
			wanted = 0
		}
		BEGIN { wanted = 0 }
		/^ *```/ {
			finish()
			fenced = !fenced
			runs = fenced && ($0 ~ /```sh runnable *$/ || $0 ~ "```sh runnable " as " *$")
			next
		}
		!runs { next }
		/^# status: / { wanted = $3; next }
		/^# prints: / { prints = prints "printed " quoted(substr($0, 11)) "\n"; next }
		/^ *(#|$)/ { next }
		open { command = command "\n" $0 }
		!open { finish(); command = $0; line = NR }
		{ open = /\\$/ }
		END { finish() }
	' "$1"
}

# Blocks that show a cloche command and are not run.
unmarked() { # FILE
	awk '
		/^ *```/ {
			fence = !fence
			skipped = fence && $0 !~ /```(sh runnable|lua|c|json)/
			next
		}
		fence && skipped && /^ *(\$ |sudo )*(build\/)?cloche [a-z-]/ { print FILENAME ":" NR ": " $0 }
	' "$1"
}

runs() { # FILE
	local count
	documents
	script_of "$DOCUMENTS/$1" >"$SCRATCH/blocks"
	count=$(grep -c '^step ' "$SCRATCH/blocks") || true
	[ "$count" -ge "${2:-0}" ] || tell "only $count commands found in $1"
	SAID=$SCRATCH/said DOCUMENT=$1 CLOCHE=$CLOCHE SCRIPT=$SCRATCH/blocks run bash -c '
		cloche() { timeout --signal KILL $((20 * ${CLOCHE_SLOW:-1})) "$CLOCHE" "$@"; }
		step() { where=$DOCUMENT:$1 what=$2; }
		ended() {
			local status=$?
			[ "$status" = "$1" ] || wrong "ended with status $status, not $1"
		}
		printed() { grep -qF -e "$1" "$SAID" || wrong "did not print: $1"; }
		wrong() {
			echo "$where: $what"
			echo "    $1; it printed:"
			head -n 20 "$SAID" | sed "s/^/    /"
			failed=1
		}
		failed=0
		. "$SCRIPT"
		exit $failed
	'
	succeeds
}

@test "README.md: the tour shows what it says" {
	runs README.md 10
}

@test "ARCHITECTURE.md, SECURITY.md and CONTRIBUTING.md: commands do what they say" {
	local file
	for file in ARCHITECTURE.md SECURITY.md CONTRIBUTING.md; do
		runs "$file"
	done
}

@test "docs: commands do what they say" {
	local file
	documents
	for file in "$DOCUMENTS"/docs/*.md; do
		runs "docs/${file##*/}"
	done
}

@test "no document shows a cloche command that is not run" {
	local file found=
	documents
	for file in "$DOCUMENTS"/*.md "$DOCUMENTS"/docs/*.md; do
		found+=$(unmarked "$file")
	done
	[ -z "$found" ] || tell "mark the block 'sh runnable': $found"
}

# The cloche commands in a manual page's examples, one a line, up to the program that they run.
examples() { # FILE
	awk '/^```/ { fenced = !fenced; next } fenced' "$1" | grep -o '\(^\|&& \)cloche [a-z].*' |
		sed 's/^&& //; s/ -- .*//; s/ #.*//'
}

@test "manual pages: commands and options of the examples exist" {
	local page line help words word count=0
	documents
	for page in "$DOCUMENTS"/man/*.scd; do
		while read -ra words; do
			help=$("$CLOCHE" help "${words[1]}") || tell "${page##*/}: ${words[*]}"
			if [[ $help == *PART* ]]; then
				help=$("$CLOCHE" help "${words[1]}" "${words[2]}") || tell "${page##*/}: ${words[*]}"
			fi
			for word in "${words[@]:2}"; do
				[[ $word != -?* ]] || grep -qwe "${word%%=*}" <<<"$help" ||
					tell "${page##*/}: no '$word': ${words[*]}"
			done
			count=$((count + 1))
		done < <(examples "$page")
	done
	((count > 30)) || tell "only $count examples found"
}
