#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# bash and coreutils: pipelines, job control, and the small programs everything is made of.
load '../helpers'
load 'programs'

@test "a pipeline passes data and every stage's status" {
	box -- bash -c 'seq 1 10000 | sort -rn | head -n 2 | tr "\n" " "
		false | true | (exit 3) | true
		echo "${PIPESTATUS[*]}"'
	succeeds
	prints '10000 9999 1 0 3 0'
}

@test "process substitution, here documents and traps work" {
	box -- bash -c 'trap "echo caught" USR1; kill -USR1 $$
		diff <(seq 3) <(seq 4) && exit 1
		cat <<-EOF
		here $((6 * 7))
		EOF'
	succeeds
	prints $'caught\n3a4\n> 4\nhere 42'
}

@test "jobs run in the background, are listed, killed and waited for" {
	box -- bash -c 'set -m
		sleep 1000 & sleep 1000 &
		jobs -r | wc -l
		kill %1; wait %1; echo $?
		kill -STOP %2
		until [[ $(jobs -s) == *Stopped* ]]; do :; done
		bg %2 >/dev/null; kill -INT %2; wait %2; echo $?'
	succeeds
	prints $'2\n143\n130'
}

@test "an interactive shell stops a job with ctrl-z and continues it" {
	run timeout 40 "$PROGRAMS/converse.py" \
		'\$ $' 'sh -c "echo rea""dy; exec cat"' \
		'ready' '\x1a' \
		'Stopped.*\$ $' 'jobs' \
		'Stopped.*\$ $' 'fg && echo fin""ished' \
		'exec cat' 'sent to cat' \
		'sent to cat\s+sent to cat' '\x04' \
		'finished.*\$ $' 'sh -c "echo rea""dy; exec sleep 1000"' \
		'ready' '\x03' \
		'\$ $' 'echo st=$?; tty; exit 7' -- \
		"$CLOCHE" run --env PS1='$ ' -- bash --norc --noprofile --noediting -i
	fails_with 7
	says 'st=130'
	says '/dev/pts/'
}

@test "coreutils say inside what they say outside" {
	same <<-'EOF'
		uname -m; nproc; printf %s abc | sha256sum; date -u -d @0; factor 360; basename /a/b.c .c
		stat -c "%A %a %s %y %F %n" /etc/passwd /bin/ls /usr/bin/env; stat -c "%A %t %F %n" / /etc /tmp /usr /dev/null
		ls /usr/bin | wc -l; du -s /usr/share/perl5 | cut -f2; readlink -f /bin/sh; cksum /bin/true
		id -un; id -u; whoami; groups; pwd; seq 5 | paste -sd+; expr 6 \* 7; env -i /usr/bin/env; nice; umask
		head -c 100000 /dev/zero | wc -c; timeout 1 true; echo $?; numfmt --to=iec 1048576; od -An -c /dev/null
	EOF
}

@test "coreutils change files: copy, link, sparse, split, attributes" {
	box -- bash -ec 'mkdir -p a/b; echo x >a/b/f; cp -a a c; mv c d; ln -s d/b/f s; ln a/b/f hard
		test "$(stat -c %h a/b/f)" = 2; cat s; truncate -s 1M big; test "$(stat -c %b big)" = 0
		cp --sparse=always big big2; cmp big big2; dd if=/dev/urandom of=r bs=64k count=3 status=none
		split -n 3 r part.; cat part.* | cmp - r; chmod 640 s; stat -c %a d/b/f; touch -d @1000 r
		stat -c %Y r; install -m 755 /bin/true t; ./t; mkfifo p; (echo fifo >p &) ; cat p
		tar cf - a | tar tf - | wc -l; shred -u r; test ! -e r; tee one two <<<tee >/dev/null; cat two
		rm -rf a d; rmdir "$(mktemp -d)"; find . -type f | wc -l'
	succeeds
	prints $'x\n640\n1000\nfifo\n3\ntee\n9'
	[ -z "$(ls -A)" ] || tell "left outside: $(ls -A)"
}

@test "standard streams that are pipes are opened anew by their names, in their own direction" {
	run bash -c 'echo in | "$0" run -- sh -c "cat /dev/stdin; echo out >/dev/stdout
		echo err >/dev/stderr" 2>&1 | cat' "$CLOCHE"
	succeeds
	prints $'in\nout\nerr'
	need_root # who owns the pipe may turn it round
	run bash -c 'echo in | "$0" run -- sh -c "echo in >/dev/stdin" 2>&1 | cat' "$CLOCHE"
	says 'Permission denied'
}
