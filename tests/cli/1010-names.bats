#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Names that break programs which are not careful.

load ../helpers

# A file of that name is shown, read-only, and hidden, as asked.
works_for() {
	mkdir "$SCRATCH/data/place"
	echo text >"$SCRATCH/data/place/$1"
	local path=$SCRATCH/data/place/$1 escaped
	escaped=${path//:/\\:}
	box --read "$escaped" -- cat "$path"
	succeeds
	prints text
	box --copy "$SCRATCH/data/place" --hide "$escaped" -- ls -A "$SCRATCH/data/place"
	succeeds
	prints ""
	box --write "$escaped" -- sh -c 'echo new >"$1"' - "$path"
	succeeds
	[ "$(cat "$path")" = new ]
	box --read "$escaped:/srv/x" -- cat /srv/x
	succeeds
	prints new
}

@test "a name with spaces" {
	works_for ' a  b '
}

@test "a name with a newline" {
	works_for $'a\nb'
}

@test "a name that is no UTF-8" {
	works_for $'a\xff\xfe\x80b'
}

@test "a name with a colon" {
	works_for 'a:b'
}

@test "a name with a comma, a backslash and quotes" {
	works_for $'a,b"\'c'
	rm -r "$SCRATCH/data/place"
	works_for 'lowerdir=x,upperdir=y'
}

@test "a name that looks like an option" {
	works_for '--help'
}

@test "directories with such names, copied and private" {
	local name
	for name in 'a b' $'a\nb' $'a\xffb' 'a,b' 'a:b'; do
		mkdir -p "$SCRATCH/data/$name"
		echo text >"$SCRATCH/data/$name/file"
		local path=$SCRATCH/data/$name
		box --copy "${path//:/\\:}" -- sh -c 'cd "$1" && cat file && echo new >file' - "$path"
		succeeds
		prints text
		[ "$(cat "$path/file")" = text ]
		box --private "${path//:/\\:}" -- ls -A "$path"
		succeeds
		prints ""
	done
}

@test "the current directory may have any name" {
	mkdir $'work \n\xff:,'
	cd $'work \n\xff:,'
	touch file
	box -- ls
	succeeds
	prints file
}

@test "arguments and output pass byte by byte" {
	box -- printf '%s' $'\xff\xfe \n\t"'\''\\'
	succeeds
	[ "$output" = $'\xff\xfe \n\t"'\''\\' ] || tell "changed"
}

@test "a path of nearly 4,000 characters" {
	local part path
	part=$(printf 'x%.0s' {1..199})
	path=$PWD
	while ((${#path} < 3800)); do
		path=$path/$part
	done
	python3 - "$path" <<-'END'
		import os, sys
		parts = sys.argv[1].split("/")[1:]
		at = os.open("/", os.O_RDONLY)
		for part in parts:
		    try:
		        os.mkdir(part, dir_fd=at)
		    except FileExistsError:
		        pass
		    at = os.open(part, os.O_RDONLY, dir_fd=at)
		os.write(os.open("file", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=at), b"text\n")
	END
	box --read "$path" -- cat "$path/file"
	succeeds
	prints text
	box --hide "$path" -- ls "$path"
	[ "$status" != 0 ] || tell "it was not hidden"
}

@test "messages escape what a terminal would obey" {
	box --read $'/no/such/\e]0;title\a' -- true
	fails_with 125
	[[ $stderr != *$'\e'* ]] || tell "an escape came through"
}
