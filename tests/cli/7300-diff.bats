#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What a box has changed: cloche diff.

load ../helpers

setup() {
	scratch
	BOX=test-$$-$RANDOM
	HERE=$SCRATCH/work
}

teardown() {
	"$CLOCHE" box remove "$BOX" >/dev/null 2>&1 || true
	scratch_done
}

# Each test's own changes, then what diff says of them below the work folder.
changed() { # SCRIPT
	box -b "$BOX" -- sh -ec "$1"
	succeeds
	cloche diff "$BOX"
	succeeds
}

@test "nothing changed is nothing said" {
	echo x >a
	changed 'cat a; ls -la . >/dev/null'
	prints ""
}

@test "files, directories, links: added, changed, removed" {
	mkdir d
	echo x >d/changed
	echo x >d/removed
	ln -s old d/link
	changed 'echo y >d/changed; rm d/removed; ln -sf new d/link; mkdir n; echo z >n/file; ln n/file n/twin; mkfifo p'
	prints "M $HERE/d/changed  content, time
M $HERE/d/link  symlink, content, time
D $HERE/d/removed
A $HERE/n/
A $HERE/n/file
L $HERE/n/twin  same file as $HERE/n/file
A $HERE/p  fifo"
}

@test "what is written and is the same again is no change but of its time" {
	echo x >a
	touch -d 2020-01-01 b
	changed 'echo x >a; touch -r b a b'
	[[ $output == "M $HERE/a  time" ]] || tell "wanted the time of a alone"
	changed 'chmod 600 b; chmod 644 b'
	says_not "/b"
}

@test "modes, kinds and attributes" {
	echo x >mode
	echo x >kind
	echo x >attribute
	touch -d 2020-01-01 mode attribute
	changed 'chmod 600 mode; rm kind; mkdir kind
		python3 -c "import os; os.setxattr(\"attribute\", \"user.x\", b\"1\")"'
	prints "M $HERE/attribute  attributes
M $HERE/kind/  kind file -> directory
M $HERE/mode  mode 0644 -> 0600"
}

@test "a directory that was removed and made again holds what it holds" {
	mkdir -p d/inner
	echo x >d/old
	echo x >d/inner/x
	changed 'rm -r d; mkdir d; touch d/new'
	prints "D $HERE/d/inner/
A $HERE/d/new
D $HERE/d/old"
}

@test "a file that was moved is told as that, also when it was moved with its directory" {
	mkdir d
	head -c 3000 /dev/urandom >d/file
	changed 'mv d/file moved'
	prints "R $HERE/moved  from $HERE/d/file"
}

@test "names are shown escaped, and exact in JSON" {
	box -b "$BOX" -- python3 -c '
for name in (b"new\nline", b"esc\x1b[31m", b"\xff\xfe", "\u202eright".encode(), b"back\\slash"):
    open(name, "x").close()'
	succeeds
	cloche diff "$BOX"
	succeeds
	says 'new\nline'
	says 'esc\x1b[31m'
	says '\xff\xfe'
	says '\xe2\x80\xaeright'
	says 'back\\slash'
	[[ $output != *$'\x1b'* ]] || tell "an escape came through"
	cloche diff --json "$BOX"
	python3 -c '
import json, sys
names = {json.loads(line)["path"].rsplit("/", 1)[1] for line in sys.stdin}
wanted = {r"new\nline", r"esc\x1b[31m", r"\xff\xfe", r"\xe2\x80\xaeright", r"back\\slash"}
sys.exit(names != wanted)' <<<"$output" || tell "not these names"
}

@test "paths choose, and one that nothing is below says nothing" {
	mkdir a b
	changed 'touch a/1 b/2'
	cloche diff "$BOX" a
	prints "A $HERE/a/1"
	cloche diff "$BOX" "$HERE/b/2"
	prints "A $HERE/b/2"
	cloche diff "$BOX" /nowhere
	prints ""
}

@test "--text shows lines, --stat sizes and a sum" {
	printf 'one\ntwo\n' >a
	changed 'printf "one\n2\n" >a; printf "\0" >binary; echo hello >new'
	cloche diff --text "$BOX"
	succeeds
	says "--- a$HERE/a
+++ b$HERE/a
@@ -1,2 +1,2 @@
 one
-two
+2"
	says "A $HERE/binary"
	says "--- /dev/null"
	cloche diff --stat "$BOX"
	says "$HERE/a  content, time  | 8 B -> 6 B"
	says "2 added, 1 changed, 0 deleted, 0 renamed; 13 B written"
}

@test "--since tells what came after a snapshot" {
	echo x >a
	echo x >b
	box -b "$BOX" -- sh -c 'echo 1 >a; echo 1 >new; mkdir d; echo 1 >d/x'
	cloche box snapshot "$BOX" first
	succeeds
	box -b "$BOX" -- sh -c 'echo 22 >new; rm b; rm -r d; mkdir d; touch d/y'
	cloche diff --since first "$BOX"
	succeeds
	prints "D $HERE/b
D $HERE/d/x
A $HERE/d/y
M $HERE/new  content, time"
	cloche diff "$BOX"
	prints "M $HERE/a  content, time
D $HERE/b
A $HERE/d/
A $HERE/d/y
A $HERE/new"
	cloche diff --since nothing "$BOX"
	fails_with 125
	complains "no snapshot 'nothing'"
}

@test "files that are mostly holes, and very large ones, cost nothing" {
	box -b "$BOX" -- sh -c 'truncate -s 8T large || truncate -s 15T large; echo end >>large'
	succeeds
	run timeout $((10 * ${CLOCHE_SLOW:-1})) "$CLOCHE" diff --stat "$BOX"
	succeeds
	says "TiB written"
}

@test "a box that runs can be looked at" {
	"$CLOCHE" run -b "$BOX" -- sh -c 'touch made; echo ready; exec sleep 1000' </dev/null >out 2>&1 3>&- &
	local launcher=$!
	eventually 10 grep -q ready out
	cloche diff "$BOX" made
	kill -TERM "$launcher"
	wait "$launcher" || true
	prints "A $HERE/made"
}

@test "directories that a guest has closed are looked into" {
	mkdir d
	touch d/x
	changed 'echo y >d/x; mkdir n; touch n/y; chmod 0 n d'
	says "M $HERE/d/x"
	says "A $HERE/n/y"
	chmod 755 d
}

@test "a directory that no path leads to hides nothing else" {
	need_command python3
	changed "/usr/bin/python3 -c '
import os
for name in [\"b\" * 250] * 20:
    os.mkdir(name)
    os.chdir(name)
'; echo x >a; echo x >c"
	[[ ${lines[0]} == "A $HERE/a" && ${lines[-2]} == *"/  too deep: not looked into" &&
		${lines[-1]} == "A $HERE/c" ]] || tell "wanted the files and the directory"
	cloche commit "$BOX"
	fails_with 1 # It stays out.
	[ -e a ] && [ -e c ]
	cloche diff "$BOX"
	[ ${#lines[@]} = 1 ] || tell "what was committed is still there"
	says "too deep: not looked into"
}

@test "what there is not, and what is not asked right, is said" {
	cloche diff no-such-box
	fails_with 125
	complains "there is no box 'no-such-box'"
	cloche diff
	fails_with 125
	cloche diff --statt x
	complains "did you mean '--stat'?"
}

@test "many layers of deep folders take no more descriptors than there are" {
	local deep='i=0; while [ $i -lt 150 ]; do mkdir -p d; cd d; : >"f$0"; i=$((i + 1)); done'
	local layer
	for layer in 1 2 3 4 5 6; do
		box -b "$BOX" -- sh -ec "$deep" "$layer"
		succeeds
		cloche box snapshot "$BOX" "s$layer"
		succeeds
	done
	box -b "$BOX" -- sh -ec ": >seen; $deep" last
	succeeds
	run --separate-stderr bash -c 'ulimit -n 1024; exec "$@"' - "$CLOCHE" diff "$BOX" </dev/null
	succeeds
	says "too deep: not looked into"
	says "A $HERE/seen"
}

hive() { # KEYS: as Wine writes a registry's file
	printf 'WINE REGISTRY Version 2\n;; All keys relative to \\\\User\\\\S-1-5-21-0-0-0-1000\n\n%s\n' "$1"
}

@test "a Windows registry: keys and values, not the lines of its file" {
	hive '[Software\\App] 1
#time=1
"old"="x"
"same"=dword:00000001' >user.reg
	hive '[Software\\App] 2
#time=2
"same"=dword:00000001

[Software\\Microsoft\\Windows\\CurrentVersion\\Run] 2
"App"="C:\\app.exe"' >new
	changed 'cat new >user.reg'
	prints "M $HERE/user.reg  content, time
    D HKCU\\Software\\App : old = REG_SZ \"x\"
    A HKCU\\Software\\Microsoft
    A HKCU\\Software\\Microsoft\\Windows
    A HKCU\\Software\\Microsoft\\Windows\\CurrentVersion
    A HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Run
    A HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Run : App = REG_SZ \"C:\\\\app.exe\""
	cloche diff --json "$BOX"
	says '"key":"HKCU\\Software\\App","change":"deleted","value":"old","before":{"type":"REG_SZ","text":"x"}}'
	"$CLOCHE" diff --reg "$BOX" >file.reg
	iconv -f UTF-16 -t UTF-8 file.reg | tr -d '\r' >text
	diff text - <<-'END'
	Windows Registry Editor Version 5.00

	[HKEY_CURRENT_USER\Software\App]
	"old"=-

	[HKEY_CURRENT_USER\Software\Microsoft]

	[HKEY_CURRENT_USER\Software\Microsoft\Windows]

	[HKEY_CURRENT_USER\Software\Microsoft\Windows\CurrentVersion]

	[HKEY_CURRENT_USER\Software\Microsoft\Windows\CurrentVersion\Run]
	"App"="C:\\app.exe"
	END
}

@test "a file that is only named as a registry's is a file" {
	echo x >user.reg
	changed 'echo y >user.reg; mkfifo system.reg; ln -s / userdef.reg'
	prints "A $HERE/system.reg  fifo
M $HERE/user.reg  content, time
A $HERE/userdef.reg  symlink"
	cloche diff --reg "$BOX"
	succeeds
}

@test "a registry that is larger than any is a file, and hides nothing else" {
	hive '[A] 1
"x"="1"' >user.reg
	# By its size, and by how long a list of it would be.
	changed 'echo y >new; truncate -s 300M user.reg
		printf "WINE REGISTRY Version 2\n\n[%01000000d]\n%s\n" 0 "$(seq 2000 | sed "s/.*/\"&\"=\"x\"/")" >system.reg'
	prints "A $HERE/new
A $HERE/system.reg
M $HERE/user.reg  content, time"
	complains "'$HERE/user.reg' of the box or of the host is larger than a registry is"
	complains "'$HERE/system.reg' of the box or of the host is larger than a registry is"
	cloche diff --json "$BOX"
	succeeds
	says "\"$HERE/user.reg\""
	cloche diff --reg "$BOX"
	succeeds
}

@test "what is in directories of the box's own is listed, and cannot be committed" {
	mkdir -p "$SCRATCH/given/deep"
	echo x >"$SCRATCH/given/file"
	box -b "$BOX" --private /var/tmp/own --read "$SCRATCH/given:/var/tmp/own/a/given" \
		--read "$SCRATCH/given/file:/var/tmp/own/file" -- \
		sh -ec 'cd /var/tmp/own; echo mine >mine; mkdir -p a/d; ln -s mine link; echo here >"$0"/here' "$PWD"
	succeeds
	cloche diff "$BOX"
	prints "A $PWD/here
A /var/tmp/own/a/d/  private
A /var/tmp/own/link  symlink, private
A /var/tmp/own/mine  private"
	cloche diff --json "$BOX" /var/tmp/own/mine
	says '"private":true'
	cloche diff --text "$BOX" /var/tmp/own/mine
	says "+mine"
	cloche commit "$BOX" /var/tmp/own/mine
	fails_with 125
	complains "'/var/tmp/own/mine' is in a directory of the box's own"
	cloche commit "$BOX"
	succeeds
	prints "committed:
  A $PWD/here"
	[ ! -e /var/tmp/own ]
	cloche diff "$BOX"
	says_not here
	says "A /var/tmp/own/mine  private"
}

@test "a box that never stands still can be looked at" {
	mkdir d
	for n in $(seq 40); do head -c 200 /dev/zero >d/f$n; done
	"$CLOCHE" run -b "$BOX" -- /usr/bin/python3 -c '
import os
print("ready", flush=True)
for n in range(3):
    if os.fork() == 0:
        break
else:
    n = 3
while True:
    for i in range(1 + n, 41, 4):
        name, new = "d/f%d" % i, "d/new%d" % n
        os.unlink(name)
        os.mkdir(name); os.mkdir(name + "/x"); os.rmdir(name + "/x"); os.rmdir(name)
        os.symlink("a", new); os.rename(new, name)
        with open(new, "wb") as file: file.write(bytes(200))
        os.rename(new, name)' </dev/null >"$SCRATCH/out" 2>&1 3>&- &
	local launcher=$! n
	eventually 10 grep -q ready "$SCRATCH/out"
	for n in $(seq 100); do
		"$CLOCHE" diff "$BOX" >"$SCRATCH/said" 2>&1 || break
		"$CLOCHE" diff --json "$BOX" >>"$SCRATCH/said" 2>&1 || break
	done
	kill "$launcher" || tell "it had ended: $(cat "$SCRATCH/out")"
	wait "$launcher" || true
	[ "$n" = 100 ] || tell "look $n: $(tail -n 3 "$SCRATCH/said")"
}
