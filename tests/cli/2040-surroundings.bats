#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What a program finds around it: environment, descriptors, names, users, processes.

load ../helpers

@test "the environment is clean" {
	SECRET_TOKEN=abc LD_PRELOAD='' MYVAR=1 box -- env
	succeeds
	says_not SECRET_TOKEN
	says_not MYVAR
	says_not LD_PRELOAD
	says_not XDG_
	says_not BATS
	says "PATH="
	says "HOME=$HOME"
	says "USER=$(id -un)"
	says "LANG="
	[ "$(cut -d= -f1 <<<"$output" | sort | tr '\n' ' ')" = "HOME LANG PATH TERM USER " ] ||
		tell "wanted these and no others"
}

@test "--env passes a variable, sets one, passes a family" {
	ONE=1 TWO=2 FAM_A=a FAM_B=b box --env ONE --env TWO=zwei --env EMPTY= --env 'FAM_*' --env NONE -- env
	succeeds
	says "ONE=1"
	says "TWO=zwei"
	says "EMPTY="
	says "FAM_A=a"
	says "FAM_B=b"
	says_not "NONE"
}

@test "a value may be any text" {
	box --env $'X=a b\n=\xff' -- sh -c 'printf %s "$X"'
	succeeds
	[ "$output" = $'a b\n=\xff' ] || tell "changed"
}

@test "every descriptor above 2 is closed" {
	echo secret >"$SCRATCH/data/secret"
	run bash -c 'exec 7<"$2" 9<>/dev/null 3>&1; "$1" run -- sh -c "ls /proc/self/fd; cat <&7"' - \
		"$CLOCHE" "$SCRATCH/data/secret"
	says_not secret
	[[ $output == $'0\n1\n2\n3'* ]] || tell "wanted 0, 1, 2 and ls's own"
	[[ $output != *$'\n'7* && $output != *$'\n'9* ]] || tell "a descriptor came in"
}

@test "the current directory is the caller's, or --cwd's" {
	box -- pwd
	prints "$PWD"
	box --cwd /usr -- pwd
	prints /usr
	mkdir sub
	box --cwd sub -- pwd
	prints "$PWD/sub"
	box --cwd / -- pwd
	prints /
}

@test "where the caller's directory is not in the box, the root is" {
	box --hide "$PWD" -- pwd
	succeeds
	prints /
}

@test "the host name is the box's" {
	box -- uname -n
	prints box
	box --hostname other.example -- uname -n
	prints other.example
	[ "$(uname -n)" != other.example ]
}

@test "a program is who its caller is" {
	box -- id -un
	prints "$(id -un)"
	box -- id -u
	prints "$(id -u)"
}

@test "--user by name and by number, started by root" {
	need_root
	box --user nobody -- sh -c 'id -un; id -u; echo $HOME $USER'
	succeeds
	says nobody
	says "$(id -u nobody)"
	box --user 1234 -- id -u
	succeeds
	prints 1234
}

@test "--user of an ordinary user: root of the box, or nobody at all" {
	need_user
	box --user root -- id -u
	succeeds
	prints 0
	# It is the caller outside.
	mkdir out
	box --user root --write out -- touch out/file
	[ "$(stat -c %u out/file)" = "$(id -u)" ]
}

@test "root of the box is not root of the host" {
	need_root
	"$CLOCHE" run -- sh -c 'echo ready; exec sleep 1000' </dev/null >out 2>&1 3>&- &
	local launcher=$!
	eventually 10 grep -q ready out
	local uid
	uid=$(ps -eo uid,args | awk '$2 == "sleep" && $3 == "1000" && $1 > 65535 { print $1 }' | head -n 1)
	kill -TERM "$launcher"
	wait "$launcher" || true
	[ -n "$uid" ] || tell "no such process with an id of the box's range"
}

@test "processes of the host are not there" {
	box -- sh -c 'ls /proc | grep -c "^[0-9]"'
	succeeds
	((output <= 6)) || tell "too many processes"
	box -- ps -e
	succeeds
	says_not cloche
	says_not bats
}

@test "nothing of cloche is in the environment, arguments or mounts" {
	box -- sh -c 'cat /proc/1/cmdline /proc/1/environ /proc/self/environ 2>/dev/null | tr "\0" "\n"
		cat /proc/self/mounts /proc/self/cgroup'
	says_not "cloche run"
	says_not "$CLOCHE"
}

@test "set-id programs gain nothing, no capability is there" {
	box -- grep -E 'NoNewPrivs|CapEff' /proc/self/status
	succeeds
	[[ $output == *NoNewPrivs:$'\t'1* ]] || tell "wanted no_new_privs"
	[ "$(id -u)" = 0 ] || [[ $output == *CapEff:$'\t'0000000000000000* ]] || tell "wanted no capability"
}

@test "df, mount, id and ls -l / look right" {
	box -- sh -c 'df / >/dev/null && mount >/dev/null && id >/dev/null && ls -l / >/dev/null && ps >/dev/null'
	succeeds
	[ -z "$stderr" ] || tell "something complained"
}

@test "the umask and nice value are the caller's" {
	umask 027
	box -- sh -c umask
	prints 0027
}
