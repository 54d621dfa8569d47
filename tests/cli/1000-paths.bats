#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What a program sees of the host's files, class by class, in the default preset and by flags.

load ../helpers

@test "the current directory is copy-on-write" {
	echo old >file
	box -- sh -c 'echo new >file; echo more >other; rm -f gone; cat file'
	succeeds
	prints new
	[ "$(cat file)" = old ]
	[ ! -e other ]
}

@test "a file that is removed or renamed in a box stays outside" {
	echo a >one
	echo b >two
	mkdir folder
	touch folder/x
	box -- sh -c 'rm one; mv two three; rm -r folder; ls'
	succeeds
	prints three
	[ "$(cat one)" = a ]
	[ "$(cat two)" = b ]
	[ -e folder/x ]
}

@test "the system can be changed in the box, not outside" {
	local name=cloche-test-$$
	box -- sh -c "echo x >/etc/$name && cat /etc/$name"
	succeeds
	prints x
	[ ! -e "/etc/$name" ]
}

@test "the home directory is empty, private and writable" {
	touch "$HOME/.cloche-test-$$"
	box -- sh -c 'ls -A ~; echo x >~/new; cat ~/new'
	rm "$HOME/.cloche-test-$$"
	succeeds
	prints x
	[ ! -e "$HOME/new" ]
}

@test "/tmp is private" {
	local file
	file=$(mktemp /tmp/cloche-test.XXXXXX)
	box -- sh -c "ls -A /tmp; echo x >/tmp/new; cat /tmp/new"
	rm "$file"
	succeeds
	prints x
	[ ! -e /tmp/new ]
}

@test "secrets of the system are not there" {
	box -- sh -c 'ls /etc/shadow /etc/sudoers /run/docker.sock /var/run/docker.sock 2>/dev/null'
	[ -z "$output" ] || tell "wanted none"
}

@test "--read shows a path and refuses to change it" {
	mkdir "$SCRATCH/data/shown"
	echo text >"$SCRATCH/data/shown/file"
	box --read "$SCRATCH/data/shown" -- sh -c "cat '$SCRATCH/data/shown/file'
		echo x >'$SCRATCH/data/shown/file' || echo refused"
	succeeds
	prints $'text\nrefused'
	[ "$(cat "$SCRATCH/data/shown/file")" = text ]
}

@test "--read shows the host's own directory, also within a view that hides something" {
	local shown=$SCRATCH/data/shown
	mkdir "$shown"
	echo secret >"$SCRATCH/data/other"
	box --read / --read "$shown" --hide "$SCRATCH/data/other" -- sh -c '
		stat -f -c %T "$1"; ls "${1%/*}"' sh "$shown"
	succeeds
	prints "$(stat -f -c %T "$shown")"$'\nshown'
	# What is hidden in it needs a mask above it.
	echo secret >"$shown/secret"
	box --read / --read "$shown" --hide "$shown/secret" -- ls "$shown"
	succeeds
	prints ""
}

@test "--write writes to the host's own" {
	mkdir out
	box --write out -- sh -c 'echo result >out/file; mkdir out/folder; echo no >beside'
	succeeds
	[ "$(cat out/file)" = result ]
	[ -d out/folder ]
	[ ! -e beside ]
	[ "$(stat -c %u out/file)" = "$(id -u)" ] || tell "it is somebody else's"
}

@test "--write of the root directory: the host's own files, but a /sys of the box" {
	box --write / -- sh -c 'ls -A /sys; echo written >here; stat -c %U:%G /etc/passwd'
	succeeds
	if [ "$(id -u)" = 0 ]; then
		prints root:root
	else
		prints nobody:nogroup
	fi
	[ ! -e here ] # The current directory is still copied.
}

@test "--write of one file" {
	echo old >one
	box --write one -- sh -c 'echo new >one'
	succeeds
	[ "$(cat one)" = new ]
}

@test "--write lets no set-id bit come to be on a host file" {
	mkdir out
	box --write out -- sh -c 'touch out/x; chmod 4755 out/x; chmod 2755 out/x; true'
	[ -e out/x ]
	[ -z "$(find out -perm /6000)" ] || tell "a set-id file came to be"
}

@test "--copy shows a path copy-on-write" {
	mkdir "$SCRATCH/data/tree"
	echo old >"$SCRATCH/data/tree/file"
	box --copy "$SCRATCH/data/tree" -- sh -c "cd '$SCRATCH/data/tree'; cat file; echo new >file; cat file"
	succeeds
	prints $'old\nnew'
	[ "$(cat "$SCRATCH/data/tree/file")" = old ]
}

@test "--hide: a file or directory does not exist" {
	echo secret >file
	mkdir folder
	touch folder/inner seen
	box --hide file --hide folder -- sh -c 'ls -A; cat file; ls folder; cat folder/inner; true'
	prints seen
	complains "No such file"
	says_not secret
}

@test "--hide or --private of the root directory leaves nothing but what is named" {
	for class in hide private; do
		box "--$class" / -- true
		fails_with 127
		complains "true: No such file or directory"
		box "--$class" / --read "$GUEST_DIR" -- "$GUEST_DIR/g_memory"
		succeeds
	done
}

@test "--private: an empty directory of the box" {
	mkdir folder
	touch folder/inner
	box --private folder -- sh -c 'ls -A folder; echo x >folder/new; cat folder/new'
	succeeds
	prints x
	[ ! -e folder/new ]
}

@test "HOST:GUEST shows a host path elsewhere, for each class" {
	mkdir there
	echo text >there/file
	box --read "$PWD/there:/srv/r" --copy "$PWD/there:/srv/c" --write "$PWD/there:/srv/w" -- sh -c '
		cat /srv/r/file; echo x >/srv/r/file || echo refused
		echo copied >/srv/c/file; cat /srv/c/file
		echo written >/srv/w/new'
	succeeds
	prints $'text\nrefused\ncopied'
	[ "$(cat there/file)" = text ]
	[ "$(cat there/new)" = written ]
}

@test "what is hidden is hidden under another name, too" {
	mkdir -p tree/inner/deep
	echo secret | tee tree/inner/file tree/inner/deep/file tree/a.key >/dev/null
	for class in read copy write; do
		box --hide tree/inner/file --hide tree/inner/deep --hide tree/a.key \
			"--$class" tree:/srv/seen -- \
			sh -c 'cat /srv/seen/a.key /srv/seen/inner/file /srv/seen/inner/deep/file'
		fails_with 1
		says_not secret
	done
	box --hide tree/inner --read tree:/srv/seen --read tree/inner:/srv/seen/inner -- \
		cat /srv/seen/inner/file
	prints secret
	box --hide tree --read tree:/srv/seen -- cat /srv/seen/a.key
	prints secret
}

@test "secrets in a home directory that is shown are not there, unless they are named" {
	local secret plain option place
	secret=$(mktemp "$HOME/.authinfo.XXXXXX")
	plain=$(mktemp "$HOME/.cloche-plain.XXXXXX")
	echo secret | tee "$secret" >"$plain"
	for option in --read=~ --copy=~ "--read=$HOME:/srv/home" --read=/:/host; do
		place=$HOME
		[[ $option != *:* ]] || place=${option#*:}
		[[ $option != *:/host ]] || place=/host$HOME
		box "$option" -- cat "$place/${plain##*/}"
		echo "$option" >>seen
		[ "$output" = secret ] || echo "$option does not show a file" >>wrong
		box "$option" -- cat "$place/${secret##*/}"
		[[ $output != *secret* ]] || echo "$option shows a secret" >>wrong
	done
	box --read ~ --read "$secret" -- cat "$secret"
	rm -f "$secret" "$plain"
	prints secret
	[ ! -e wrong ] || tell "$(cat wrong)"
}

@test "HOST:GUEST of a single file" {
	echo text >one
	box --read "$PWD/one:/srv/a/b/c" -- cat /srv/a/b/c
	succeeds
	prints text
}

@test "the longest path decides, whatever the order" {
	mkdir -p a/b/c
	echo 1 >a/one
	echo 2 >a/b/two
	echo 3 >a/b/c/three
	box --read a/b/c --hide a/b --read a -- sh -c 'cat a/one; ls a/b; cat a/b/two; cat a/b/c/three'
	says 1
	says 3
	says_not 2
}

@test "of two rules for one path the later wins" {
	touch file
	box --hide file --read file -- ls
	prints file
	box --read file --hide file -- ls
	prints ""
}

@test "a rule holds for a symlink and for what it leads to" {
	mkdir real
	echo secret >real/file
	ln -s real link
	box --hide link/file -- sh -c 'cat real/file; cat link/file; true'
	says_not secret
	ln -s file real/alias
	box --hide real/alias -- sh -c 'cat real/file; cat real/alias; true'
	says_not secret
}

@test "a symlink that is shown leads where it leads" {
	mkdir real
	echo text >real/file
	ln -s real link
	box --read "$PWD/link" -- cat link/file
	succeeds
	prints text
}

@test "what links to a hidden file does not show it" {
	echo secret >"$SCRATCH/data/secret"
	ln -s "$SCRATCH/data/secret" link
	box -- cat link
	fails_with 1
	says_not secret
}

@test "owners of host files are as they are" {
	touch mine
	box -- sh -c 'stat -c %u:%g mine /etc/passwd'
	succeeds
	if [ "$(id -u)" = 0 ]; then
		prints "$(stat -c %u:%g mine /etc/passwd)"
	else
		says "$(id -u):$(id -g)"
	fi
}

@test "a mount far below a directory that has a copy of its own" {
	need_user # Host root's overlays have mounts below them.
	need_command unshare
	run unshare --user --map-current-user --keep-caps --mount true
	[ "$status" = 0 ] || skip "no mounts of an ordinary user's own here"
	dir=$(mktemp -d /tmp/cloche-mount.XXXXXX)
	mkdir -p "$dir/deep/mount"
	chmod -R 755 "$dir"
	run --separate-stderr unshare --user --map-current-user --keep-caps --mount sh -c '
		mount -t tmpfs none "$2/deep/mount" && echo there >"$2/deep/mount/file" || exit 77
		"$1" run -p open -- sh -c "cat $2/deep/mount/file && echo new >$2/made && cat $2/made"
	' sh "$CLOCHE" "$dir"
	rm -rf "$dir"
	[ "$status" != 77 ] || skip "no mounts of an ordinary user's own here"
	succeeds
	prints $'there\nnew'
}

@test "the current directory with mounts in it, devices among them" {
	need_root
	mkdir -p root/dev root/mnt/a
	# What is mounted in a copy is one; the kernel's own is not shown, but what is named in it.
	run --separate-stderr unshare --mount sh -c '
		cd root && mount --rbind /dev dev && mount -t tmpfs none mnt && mkdir mnt/a &&
			mount -t tmpfs none mnt/a && echo there >mnt/a/file || exit 77
		"$1" run -- sh -c "cat mnt/a/file; echo new >mnt/a/made; cat mnt/a/made; ls dev" &&
			"$1" run --write dev/shm --read dev/null -- ls dev && ls mnt/a
	' sh "$CLOCHE"
	[ "$status" != 77 ] || skip "no mounts here"
	succeeds
	prints $'there\nnew\nnull\nshm\nfile'
}

@test "the current directory is another file system within a private directory" {
	need_root
	mkdir -p root
	run --separate-stderr unshare --mount sh -c '
		mount -t tmpfs none "$PWD/root" && cd "$PWD/root" && echo there >file || exit 77
		"$1" run -- cat file
	' sh "$CLOCHE"
	[ "$status" != 77 ] || skip "no mounts here"
	succeeds
	prints there
}
