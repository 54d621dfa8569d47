#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
#
# Boxes as things that last: cloche box.

load ../helpers

setup() {
	scratch
	BOX=t$$-$RANDOM
}

teardown() {
	local name
	chmod -R u+rwX "$SCRATCH" 2>/dev/null || true
	# A base goes after what stands on it.
	for _ in 1 2; do
		for name in $("$CLOCHE" box list | awk -v b="$BOX" 'index($1, b) == 1 { print $1 }'); do
			"$CLOCHE" box remove "$name" 2>/dev/null || true
		done
	done
	scratch_done
}

store() {
	[ "$(id -u)" = 0 ] && echo /var/lib/cloche || echo "$SCRATCH/data/cloche"
}

# What a box shows below a directory, names and contents.
shown() { # BOX DIRECTORY
	"$CLOCHE" run -b "$1" -- sh -c 'cd "$1" && find . ! -name . -printf "%P %y %m\n" | sort &&
		find . -type f -readable | sort | xargs -r head -c 100' sh "$2" </dev/null
}

@test "create, list, rename, remove" {
	cloche box create "$BOX"
	succeeds
	cloche box create "$BOX"
	fails_with 125
	complains "there is a box '$BOX' already"
	cloche box list
	says "$BOX "
	cloche box list --json
	python3 -c 'import json, sys; [b] = [b for b in json.load(sys.stdin) if b["name"] == sys.argv[1]]
assert b["snapshots"] == 0 and b["base"] is None and b["runs"] is False and b["made"] > 0, b' "$BOX" <<<"$output"
	cloche box rename "$BOX" "$BOX.b"
	succeeds
	cloche box show "$BOX"
	fails_with 125
	complains "there is no box '$BOX'"
	cloche box remove "$BOX.b"
	succeeds
	cloche box list
	says_not "$BOX"
}

@test "the command line: parts, their help, what is wrong with it" {
	cloche box
	fails_with 125
	complains "snapshot"
	cloche box snapshoot x
	fails_with 125
	complains "did you mean 'snapshot'?"
	cloche box clone x
	fails_with 125
	complains "wanted BOX NAME"
	cloche box show --jsno x
	fails_with 125
	complains "did you mean '--json'?"
	cloche help box
	succeeds
	says "rollback"
	cloche help box drop
	succeeds
	says "BOX SNAPSHOT"
	cloche box create --help
	succeeds
	says "--base BOX"
	for name in .. . a/b -x '' .hidden $'a\nb'; do
		run "$CLOCHE" box create -- "$name"
		[ "$status" = 125 ] || tell "'$name' was taken"
	done
}

@test "a snapshot, and back" {
	mkdir dir
	echo host >file
	box -b "$BOX" -- sh -c 'echo 1 >file; echo 1 >dir/new; mkdir -m 750 ~/own; echo 1 >/tmp/x'
	cloche box snapshot "$BOX" one
	succeeds
	prints ""
	shown "$BOX" "$PWD" >"$SCRATCH/one.work"
	shown "$BOX" /tmp >"$SCRATCH/one.tmp"
	box -b "$BOX" -- sh -c 'echo 2 >file; rm -r dir ~/own; mkdir dir; echo 2 >dir/other; rm /tmp/x; chmod 700 .'
	succeeds
	[ "$(cat file)" = host ]
	box -b "$BOX" -- sh -c 'ls dir ~; stat -c %a .; ls /tmp/x'
	says $'dir:\nother'
	says_not own
	says 700
	complains "No such file"
	cloche box snapshot "$BOX"
	prints 1
	cloche box rollback "$BOX" one
	succeeds
	diff "$SCRATCH/one.work" <(shown "$BOX" "$PWD")
	diff "$SCRATCH/one.tmp" <(shown "$BOX" /tmp)
	# What came later is still there to go to.
	cloche box rollback "$BOX" 1
	box -b "$BOX" -- sh -c 'cat file dir/*'
	prints $'2\n2'
	cloche box snapshots "$BOX"
	[[ $output =~ \*\ one.*\*\ 1 ]] || tell "both are below what it is now"
	cloche box rollback "$BOX" one
	cloche box snapshots "$BOX"
	[[ $output =~ \*\ one.*\ \ 1 ]] || tell "the second is not"
	cloche box rollback "$BOX" none
	fails_with 125
	complains "has no snapshot 'none'"
	cloche box snapshot "$BOX" one
	fails_with 125
	complains "already"
}

@test "many snapshots: layers are found in their order" {
	local i
	box -b "$BOX" -- sh -c 'echo 0 >file'
	for i in $(seq 40); do
		"$CLOCHE" box snapshot "$BOX" >/dev/null
		"$CLOCHE" run -b "$BOX" -- sh -c "echo $i >file; echo $i >/tmp/f; touch f$i; rm -f f$((i - 2))" </dev/null
	done
	box -b "$BOX" -- sh -c 'cat file /tmp/f; ls'
	prints $'40\n40\nf39\nf40\nfile'
	cloche box rollback "$BOX" 20
	box -b "$BOX" -- sh -c 'cat file /tmp/f; ls'
	prints $'19\n19\nf18\nf19\nfile'
	for i in $(seq 1 19) $(seq 21 40); do
		"$CLOCHE" box drop "$BOX" "$i"
	done
	box -b "$BOX" -- sh -c 'cat file /tmp/f; ls'
	prints $'19\n19\nf18\nf19\nfile'
	cloche box show "$BOX"
	says "2, of them 1 with a name"
}

# What layers can be to each other, all in one tree; dropping the snapshots must not show.
@test "drop: what the box shows stays the same" {
	local i before
	mkdir -p host/{a,b,c}/{x,y}
	for i in host/*/*; do echo host >"$i/file"; done
	box -b "$BOX" -- sh -c '
		mkdir -p new/deep/er ~/p/q && echo 1 >new/deep/er/f && echo 1 >~/p/q/f && echo 1 >~/p/r
		rm host/a/x/file; rm -r host/b; mkdir host/b; echo 1 >host/b/new; ln new/deep/er/f link
		chmod 711 host/c; mkdir -m 000 closed; ln -s nowhere sym; mkfifo fifo; echo 1 >host/c/x/file'
	cloche box snapshot "$BOX" 1
	box -b "$BOX" -- sh -c '
		rm -r new/deep; rm ~/p/q/f ~/p/r; mkdir ~/p/r; echo 2 >~/p/r/f; rm -r host/a; echo 2 >host/a
		echo 2 >host/b/new; mkdir host/b/more; rm link; mkdir link; rmdir closed; rm sym; mkdir sym
		touch sym/x; chmod 1777 host/c; rm host/c/y/file; rm fifo'
	cloche box snapshot "$BOX" 2
	box -b "$BOX" -- sh -c '
		mkdir -p new/deep/er; rm -r ~/p/r; echo 3 >~/p/q/g; rm host/a; mkdir -p host/a/x; echo 3 >host/a/x/f
		rm -r host/b; mv sym ~/p/q/; rmdir link; echo 3 >host/c/y/file'
	cloche box snapshot "$BOX" 3
	box -b "$BOX" -- sh -c 'mkdir -p host/b/x; echo 4 >host/b/x/f; rm -r new; touch ~/p/r'
	both() {
		shown "$BOX" "$PWD/host"
		shown "$BOX" "$HOME"
		"$CLOCHE" run -b "$BOX" -- ls -l </dev/null | sed 1d
	}
	before=$(both)
	for i in 2 1 3; do
		cloche box drop "$BOX" "$i"
		succeeds
		[ "$(both)" = "$before" ] || tell "dropping $i: $(diff <(echo "$before") <(both))"
	done
	cloche box show "$BOX"
	says "layers       1,"
}

@test "a clone is another box" {
	box -b "$BOX" -- sh -c 'echo 1 >file; echo 1 >/tmp/x'
	cloche box snapshot "$BOX" one
	box -b "$BOX" -- sh -c 'echo 2 >file'
	cloche box clone "$BOX" "$BOX.c"
	succeeds
	box -b "$BOX.c" -- sh -c 'cat file /tmp/x; echo 3 >file; rm /tmp/x'
	prints $'2\n1'
	box -b "$BOX" -- sh -c 'cat file /tmp/x'
	prints $'2\n1'
	cloche box rollback "$BOX.c" one
	box -b "$BOX.c" -- cat file
	prints 1
	# Each can go, and the other one has what it had.
	cloche box remove "$BOX"
	succeeds
	box -b "$BOX.c" -- sh -c 'cat file /tmp/x'
	prints $'1\n1'
	cloche box clone "$BOX" "$BOX.d"
	fails_with 125
}

@test "many boxes on one base, which stays while they do" {
	box -b "$BOX.base" -- sh -c 'echo base >file; mkdir ~/tools; echo x >~/tools/x'
	cloche box create --base "$BOX.base" "$BOX.1"
	succeeds
	box -b "$BOX.2" --base "$BOX.base" -- sh -c 'cat file ~/tools/x; echo 2 >file'
	succeeds
	prints $'base\nx'
	box -b "$BOX.1" -- sh -c 'cat file; rm file'
	prints base
	# The base goes on, and they stay what they were.
	box -b "$BOX.base" -- sh -c 'echo later >file'
	box -b "$BOX.2" --base "$BOX.base" -- cat file
	prints 2
	cloche box remove "$BOX.base"
	fails_with 125
	complains "is the base of box"
	cloche box rename "$BOX.base" "$BOX.b"
	cloche box list
	[[ $output =~ $BOX.1[^$'\n']*\ $BOX.b ]] || tell "the base has its new name"
	box -b "$BOX.1" --base "$BOX.2" -- true
	fails_with 125
	complains "stands on another base"
	cloche box remove "$BOX.1" "$BOX.2" "$BOX.b"
	succeeds
}

@test "a throw-away box on a base" {
	box -b "$BOX" -- sh -c 'echo base >file'
	box --base "$BOX" -- sh -c 'cat file; echo 2 >file; cat file'
	prints $'base\n2'
	box -b "$BOX" -- cat file
	prints base
	cloche box list
	says_not run-
	box --base none -- true
	fails_with 125
	complains "there is no box 'none'"
	# One whose run was killed goes with the next one.
	"$CLOCHE" run --base "$BOX" -- sh -c 'echo ready; exec sleep 1000' </dev/null >out 2>&1 3>&- &
	eventually 10 grep -q ready out
	cloche box list
	says run-
	cloche box remove "$BOX"
	fails_with 125
	kill -KILL $!
	wait $! || true
	eventually 10 "$CLOCHE" box prune
	cloche box list
	says_not run-
}

@test "a removed box is gone, whatever was in it" {
	local before
	before=$(ls "$(store)/layers" 2>/dev/null | wc -l)
	[ "$CLOCHE_AS" = user ] || before=$(find /var/lib/cloche/ids -type f | wc -l)
	box -b "$BOX" -- sh -c '
		mkdir -p a/b; touch a/b/c; chmod 000 a/b a; mkdir ro; touch ro/f; chmod 555 ro
		rm -rf gone; cd /tmp; for i in $(seq 150); do mkdir d && cd d || exit 1; done; touch x'
	cloche box snapshot "$BOX"
	box -b "$BOX" -- sh -c 'chmod 755 ro; rm -r ro; mkfifo ~/fifo; chmod 000 ~'
	cloche box show --json "$BOX"
	says '"sizes_complete":true'
	cloche box remove "$BOX"
	succeeds
	[ ! -e "$(store)/boxes/$BOX" ]
	[ -z "$(ls -A "$(store)/trash")" ] || tell "left: $(ls -A "$(store)/trash")"
	[ "$CLOCHE_AS" = root ] || [ -z "$(ls "$(store)/layers")" ]
}

@test "a box that runs is not changed, and it is said who runs it" {
	"$CLOCHE" run -b "$BOX" -- sh -c 'echo ready; exec sleep 1000' </dev/null >out 2>&1 3>&- &
	local launcher=$! part
	eventually 10 grep -q ready out
	cloche box list
	says runs
	for part in "snapshot $BOX" "clone $BOX $BOX.c" "rename $BOX $BOX.r" "remove $BOX" "create --base $BOX $BOX.d"; do
		# shellcheck disable=SC2086
		cloche box $part
		[ "$status" = 125 ] || tell "$part"
		complains "process $launcher runs it"
	done
	kill -TERM "$launcher"
	wait "$launcher" || true
	cloche box snapshot "$BOX"
	succeeds
}

@test "commands on one box at once wait for each other" {
	local i
	box -b "$BOX" -- touch x
	for i in $(seq 12); do
		"$CLOCHE" box snapshot "$BOX" "s$i" </dev/null >"err$i" 2>&1 3>&- &
	done
	wait
	cat err*
	cloche box snapshots --json "$BOX"
	[ "$(grep -c '"name"' <<<"$output")" = 12 ] || tell "not all twelve"
}

@test "its storage is the caller's alone" {
	local bad
	box -b "$BOX" -- touch x
	bad=$(find "$(store)/boxes" "$(store)/layers" "$(store)/trash" -maxdepth 0 -perm /077)
	[ -z "$bad" ] || tell "$bad"
	[ "$(stat -c %a "$(store)/boxes/$BOX")" = 700 ]
}

@test "export, import elsewhere, run again" {
	local before
	mkdir -p host/{a,b,c}
	touch host/{a,b,c}/file
	box -b "$BOX" -- sh -c '
		mkdir -p ~/p/q; echo 1 >~/p/q/f; echo 1 >new; ln new link; chmod 4755 new; mkdir closed
		rm host/a/file; rm -r host/b; mkdir host/b; chmod 1777 host/c; mkfifo fifo; ln -s x sym
		truncate -s 1T sparse; touch "$(printf "a\nb")" closed/x; chmod 000 closed; mkdir -p d/e; touch d/e/f'
	succeeds
	cloche box snapshot "$BOX" one
	box -b "$BOX" -- sh -c 'rm ~/p/q/f; touch ~/p/q/g; rm d/e/f; echo 2 >new; mkdir later'
	succeeds
	both() { # BOX
		"$CLOCHE" run -b "$1" -- sh -c 'work=$PWD; for d in ~ "$work"; do cd "$d"
			find . ! -name . -printf "%P %y %m %n %s %U %G %l\n" | sort; done; cat new' </dev/null
	}
	before=$(both "$BOX")
	cloche box export "$BOX" "$SCRATCH/$BOX.tar"
	succeeds
	[ "$stderr" = "" ] || tell "not wanted"
	[ "$(stat -c '%a %s' "$SCRATCH/$BOX.tar" | awk '{ print $1, $2 < 1000000 }')" = "600 1" ]
	cloche box import "$SCRATCH/$BOX.tar"
	fails_with 125
	complains "there is a box '$BOX' already"
	cloche box import "$SCRATCH/$BOX.tar" "$BOX.i"
	succeeds
	diff <(echo "$before") <(both "$BOX.i")
	# Through pipes; it does not stand on what the first one has.
	"$CLOCHE" box export "$BOX.i" - | "$CLOCHE" box import - "$BOX.j"
	cloche box remove "$BOX" "$BOX.i"
	succeeds
	diff <(echo "$before") <(both "$BOX.j")
	cloche box rollback "$BOX.j" one
	box -b "$BOX.j" -- sh -c 'cat ~/p/q/* new; ls d/e'
	prints $'1\n1\nf'
	cloche box drop "$BOX.j" one
	box -b "$BOX.j" -- sh -c 'cat ~/p/q/* new; ls d/e'
	prints $'1\n1\nf'
}

@test "what is no archive, or only half of one, makes no box" {
	box -b "$BOX" -- sh -c 'head -c 3000000 /dev/urandom >x'
	"$CLOCHE" box export "$BOX" whole.tar
	head -c 2000000 whole.tar >half.tar
	echo nonsense >nonsense.tar
	tar -cf other.tar half.tar
	for file in half nonsense other missing; do
		run "$CLOCHE" box import $file.tar "$BOX.i"
		[ "$status" = 125 ] || tell "$file was taken"
		cloche box show "$BOX.i"
		fails_with 125
	done
	cloche box import whole.tar "../x"
	fails_with 125
	cloche box export "$BOX" /nowhere/x.tar
	fails_with 125
	complains "cannot write '/nowhere/x.tar'"
	# A disk that is full leaves the file that was there.
	echo old >old.tar
	(ulimit -f 100; trap "" XFSZ; ! "$CLOCHE" box export "$BOX" old.tar)
	[ "$(cat old.tar)" = old ]
	[ "$(ls)" = "$(printf '%s\n' half.tar nonsense.tar old.tar other.tar whole.tar)" ] || tell "$(ls)"
}

# The archive is a stranger's: where it would write, and what it says of the host.
@test "a hostile archive writes nothing outside" {
	local id
	box -b "$BOX" -- sh -c 'echo x >x; mkdir d'
	"$CLOCHE" box export "$BOX" good.tar
	id=$(tar -tf good.tar | sed -n 's,^marks/\(.\),\1,p')
	python3 - "$id" "$PWD" <<-'END'
		import io, sys, tarfile
		id, here = sys.argv[1:]
		def make(name, extra):
		    good = tarfile.open("good.tar")
		    with tarfile.open(name, "w", format=tarfile.PAX_FORMAT) as bad:
		        for member in good.getmembers():
		            data = good.extractfile(member) if member.isreg() else None
		            replaced = extra.get(member.name)
		            if replaced is not None:
		                member.size = len(replaced)
		                data = io.BytesIO(replaced)
		            bad.addfile(member, data)
		        for member, data in extra.get("", []):
		            bad.addfile(member, io.BytesIO(data) if data else None)
		def entry(name, data=b"", kind=tarfile.REGTYPE, link=""):
		    member = tarfile.TarInfo(name)
		    member.size, member.type, member.linkname, member.mode = len(data), kind, link, 0o777
		    return member, data
		make("up.tar", {"": [entry("../../../../../../planted" + here.replace("/", "_"), b"x")]})
		make("abs.tar", {"": [entry(here + "/planted", b"x")]})
		make("link.tar", {"": [entry("out", b"", tarfile.SYMTYPE, here), entry("out/planted", b"x")]})
		make("mark.tar", {f"marks/{id}": b"o ../../../..\n"})
		make("mark2.tar", {f"marks/{id}": b"o sym\n", "": [entry(f"layers/{id}/u/sym", b"", tarfile.SYMTYPE, here)]})
		make("views.tar", {f"views/{id}": b"u %252Fetc /tmp /etc\n"})
		make("device.tar", {"": [entry(f"layers/{id}/u/disk", b"", tarfile.BLKTYPE)]})
		make("stack.tar", {"stack": b"cloche-stack 1\nlayer ../../x - 0 -\n"})
		make("fifo.tar", {"": [entry("stack", b"", tarfile.FIFOTYPE)]})
		make("kind.tar", {"": [entry(f"layers/{id}/p", b"", tarfile.SYMTYPE, here)]})
	END
	rm good.tar
	touch -d '1 hour ago' "$SCRATCH/work"
	for file in *.tar; do
		run timeout $((20 * ${CLOCHE_SLOW:-1})) "$CLOCHE" box import "$file" "$BOX.$file" </dev/null
		[ "$status" != 124 ] || tell "$file: waits"
		case $file in
		mark*.tar | views.tar | device.tar | stack.tar | fifo.tar) [ "$status" = 125 ] || tell "$file was taken" ;;
		esac
		! ls -d planted* /planted* 2>/dev/null || tell "$file: something was planted"
		"$CLOCHE" box remove "$BOX.$file" 2>/dev/null || true
	done
	[ -z "$(getfattr -d -m - "$PWD" 2>/dev/null | grep overlay)" ]
}

@test "a box from before there were stacks" {
	local id
	box -b "$BOX" -- sh -c 'echo old >file'
	id=$(sed -n 's/^top //p' "$(store)/boxes/$BOX/stack")
	# Other commands look at it at any time.
	mv "$(store)/layers/$id" "$(store)/boxes/$BOX/later"
	rm "$(store)/boxes/$BOX/stack"
	mv "$(store)/boxes/$BOX/later" "$(store)/boxes/$BOX/files"
	cloche box snapshot "$BOX" one
	succeeds
	box -b "$BOX" -- cat file
	prints old
}

# As where /home is mounted from somewhere else that is seen, too.
@test "a store that is below what is copied by another name as well" {
	need_root
	mkdir real alias
	chown nobody real
	cat >steps <<-'E'
		set -e
		cd "$1/real"
		export HOME=$1/alias XDG_DATA_HOME=$1/alias/data
		"$2" run --copy "$1" -b aliased -- sh -c 'echo one >file'
		"$2" box snapshot aliased one
		"$2" run --copy "$1" -b aliased -- sh -c 'cat file; echo two >file'
		"$2" run --copy "$1" -b aliased -- cat file
		"$2" diff aliased
		"$2" box remove aliased
	E
	# shellcheck disable=SC2016
	run unshare --mount sh -c 'mount --bind "$1/real" "$1/alias" && exec setpriv --reuid nobody \
		--regid nogroup --clear-groups sh "$1/steps" "$@"' - "$PWD" "$CLOCHE"
	succeeds
	[[ $output == $'one\ntwo\nA '*/real/file ]] || tell "not what was written"
}

# CLOCHE_FILES=1000000 for what takes minutes.
@test "a removed box is gone completely, whatever is in it" {
	local many=${CLOCHE_FILES:-20000} id
	mkdir -p d/deep old
	touch d/1 d/deep/2 old/3
	run --separate-stderr "$CLOCHE" run -b "$BOX" -- sh -ec '
		rm -r d old/3; mkdir -p ro/inner; echo x >ro/inner/x; chmod 500 ro/inner ro; mkdir barred; chmod 0 barred
		mkdir -p "$(head -c 200 /dev/zero | tr "\0" n)/x"; i=0; p=.; while [ $i -lt 300 ]; do p=$p/deep; i=$((i+1)); done; mkdir -p $p
		mkfifo pipe; ln -s / link; mkdir other; echo x >other/x
		[ "$(id -u)" != 0 ] || { chown 33:44 other/x; chown 1234 other; chmod 700 other; }
		mkdir many /tmp/many; seq '"$many"' | awk "{ f = \"many/\" \$1; printf \"\" >f; close(f) }"
		seq 1000 | awk "{ f = \"/tmp/many/\" \$1; printf \"\" >f; close(f) }"' </dev/null
	succeeds
	cloche box snapshot "$BOX"
	succeeds
	box -b "$BOX" -- sh -ec 'rm -r many; chmod 700 ro; rm ro/inner/x 2>/dev/null || chmod 700 ro/inner && rm -f ro/inner/x; chmod 100 ro'
	succeeds
	id=$(sed -n 's/^layer \([0-9a-f]*\).*/\1/p' "$(store)/boxes/$BOX/stack")
	[ "$(wc -l <<<"$id")" -ge 2 ]
	cloche box remove "$BOX"
	succeeds
	[ ! -e "$(store)/boxes/$BOX" ]
	for name in $id; do
		[ ! -e "$(store)/layers/$name" ] || tell "layer $name is left"
		[ -z "$(find "$(store)/trash" -name "*$name*")" ] || tell "left in the trash: $(ls "$(store)/trash")"
	done
	[ -e d/deep/2 ] && [ -e old/3 ]
}
