#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
#
# Who a Windows program believes to be, and where: what the policy says, and nothing of the host.
load '../helpers'
load 'windows'

policy() {
	cat >names.lua <<-'EOF'
		extends "default"
		windows {
			user = "anna", computer = "OFFICE-7", locale = "de-AT", serial = "1234-ABcd",
			guid = "00000000-1111-2222-3333-444444444444",
		}
	EOF
}

# TZ has Wine find out itself.
@test "the time zone is UTC, told as Wine would tell it, or what TZ says" {
	as_wine_says() {
		local told
		box -- "$PROBE" zone
		succeeds
		says '44: 0 172 0000'
		says '102: 0 432 0000'
		[ "$(grep -c ' c0000004 [0-9]* c0000005 [0-9]* c0000004 c0000005 c0000005$' <<<"$output")" = 2 ]
		told=$output
		box --env TZ=UTC0 -- "$PROBE" zone
		prints "$told"
		box --env TZ=EST5EDT -- "$PROBE" zone
		says '44: 0 172 2c01'
	}
	both as_wine_says
}

@test "user, computer, locale, serial number and machine are the policy's" {
	says_all() {
		box --policy names.lua -- "$GUEST_DIR/w_names$1.exe" says
		succeeds
		says $'\nuser anna\n'
		says $'\ncomputer OFFICE-7\n'
		says "serial 1234abcd"
		says "system locale de-AT"
		says "user locale de-AT"
		says 'USERPROFILE=C:\users\anna'
		says 'LOGONSERVER=\\OFFICE-7'
	}
	# The first line has no line before it.
	says() { [[ $'\n'$output == *"$1"* ]] || tell "wanted '$1'"; }
	policy
	says_all 64
	says_all 32
	box --policy names.lua -- reg.exe query 'HKLM\Software\Microsoft\Cryptography' /v MachineGuid
	says "00000000-1111-2222-3333-444444444444"
	box --policy names.lua -- "$GUEST_DIR/w_names64.exe" registry
	succeeds
	says 'C:\users\anna\Documents'
	[[ $output != *'\users\user'* ]] || tell "the template's user is left"
	[[ $output != *$'text BOX'* ]] || tell "the template's computer is left"
}

@test "they stay in a box that is kept, with what the user's directory has, and can change" {
	policy
	box --box "$BOX" --policy names.lua -- cmd.exe /c 'echo mine> %USERPROFILE%\Documents\file.txt'
	succeeds
	box --box "$BOX" --policy names.lua -- cmd.exe /c 'type c:\users\anna\Documents\file.txt'
	says mine
	sed -i s/anna/bert/ names.lua
	box --box "$BOX" --policy names.lua -- cmd.exe /c 'type %USERPROFILE%\Documents\file.txt & dir /b c:\users'
	says mine
	says bert
	says_not anna
}

@test "a box without any is the same on every host" {
	LANG=fr_FR.UTF-8 box -- "$GUEST_DIR/w_names64.exe" says
	succeeds
	says "user user"
	says "computer BOX"
	says "serial 5c10c4e1"
	says "user locale en-US"
}

# Names of the host that could be anywhere: not "root", which is a word.
host_names() {
	uname -n
	[ "$(id -un)" = root ] || id -un
	echo "$HOME"
	cat /etc/machine-id 2>/dev/null || true
}

@test "nothing of the host's names is in the registry, the files' names or what the system says" {
	local part name
	for part in says registry files; do
		"$CLOCHE" run -- "$GUEST_DIR/w_names64.exe" "$part" >"$part" </dev/null
	done
	[ "$(wc -l <registry)" -gt 20000 ]
	[ "$(wc -l <files)" -gt 1000 ]
	cd /
	for name in $(host_names); do
		! grep -F -i -e "$name" "$SCRATCH"/*/says "$SCRATCH"/*/registry "$SCRATCH"/*/files "$SCRATCH"/says \
			"$SCRATCH"/registry "$SCRATCH"/files 2>/dev/null || tell "$name"
	done
}

@test "nothing of the host's names is in what boxes stand on" {
	local name prefix
	prefix=$("$CLOCHE" windows status | tail -n 1)/prefix
	for name in $(host_names); do
		run ! grep -r -a -l -F -e "$name" "$prefix" --include='*.reg' --include='*.ini' --include='*.inf' --include='*.txt'
		prints ""
	done
}

@test "what cannot be such a name is said" {
	local name
	for name in "user = 'Public'" "user = 'a b'" "user = '../x'" "locale = 'german'" "serial = '12345678'"; do
		echo "windows { $name }" >bad.lua
		box --policy bad.lua -- cmd.exe /c ver
		fails_with 125
		complains "is not understood"
	done
}
