#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
#
# What a box has made of its registry, in cloche diff.
load '../helpers'
load 'windows'

reg() { # ARG...: reg.exe in the box
	box -b "$BOX" -- reg.exe "$@"
	succeeds
}

@test "a box that has changed nothing in its registry says nothing about it" {
	box -b "$BOX" -- cmd.exe /c ver
	cloche diff "$BOX"
	succeeds
	says_not HKLM
	says_not HKCU
	says_not .reg
}

# reg.exe draws no window, but has the library that would, with its fonts.
@test "a box has its programs' changes, and none of Wine's own" {
	reg add 'HKCU\Software\Made' /f
	box -b "$BOX" -- 'C:\windows\syswow64\reg.exe' add 'HKCU\Software\Made' /v by /d both /f
	cloche diff "$BOX"
	[ "${#lines[@]}" = 4 ] || tell "more than was changed"
	says 'M /wine/user.reg'
	says 'A HKCU\Software\Made'
	says 'A HKCU\Software\Made : by = REG_SZ "both"'
}

@test "interfaces are the same for both bitnesses, and in one place" {
	local key='{00000000-0000-0000-C000-000000000046}' made='{11111111-0000-0000-C000-000000000046}' reg
	for reg in 'C:\windows\system32\reg.exe' 'C:\windows\syswow64\reg.exe'; do
		box -b "$BOX" -- "$reg" query "HKCR\\Interface\\$key" /ve
		succeeds
		says IUnknown
		box -b "$BOX" -- "$reg" query "HKLM\\Software\\Classes\\Wow6432Node\\Interface\\$key" /ve
		succeeds
		says IUnknown
	done
	box -b "$BOX" -- "$reg" add "HKCR\\Interface\\$made" /ve /d IMade /f
	succeeds
	reg query "HKCR\\Interface\\$made" /ve
	says IMade
	cloche diff "$BOX"
	says "A HKLM\\Software\\Classes\\Interface\\$made : (Default) = REG_SZ \"IMade\""
	says_not Wow6432Node
}

@test "keys and values that were made, changed and deleted are listed in Windows notation" {
	reg add 'HKCU\Software\Made\Below' /v word /d 'a "b" \c' /f
	reg add 'HKLM\Software\Made' /v number /t REG_DWORD /d 42 /f
	reg add 'HKCU\Software\Wine' /v Version /d win7 /f
	reg delete 'HKCU\Control Panel\Colors' /v Background /f
	reg delete 'HKCU\Control Panel\Accessibility\ShowSounds' /f
	cloche diff "$BOX"
	succeeds
	says 'A HKCU\Software\Made\Below'
	says 'A HKCU\Software\Made\Below : word = REG_SZ "a "b" \\c"'
	says 'A HKLM\Software\Made : number = REG_DWORD 0x2a'
	says 'M HKCU\Software\Wine : Version = REG_SZ "win10" -> REG_SZ "win7"'
	says 'D HKCU\Control Panel\Colors : Background = REG_SZ "'
	says 'D HKCU\Control Panel\Accessibility\ShowSounds'
	says_not 'ShowSounds :'
	cloche diff --json "$BOX"
	says '"key":"HKLM\\Software\\Made","change":"added","value":"number","after":{"type":"REG_DWORD","number":42}}'
}

@test "the .reg file makes another box's registry the same" {
	reg add 'HKCU\Software\Made' /v word /d 'a "b" \c' /f
	reg add 'HKCU\Software\Made' /v 'the ünicode €' /d '日本' /f
	reg add 'HKCU\Software\Made' /ve /d default /f
	reg add 'HKCU\Software\Made' /v more /t REG_MULTI_SZ /d 'one\0two' /f
	reg add 'HKCU\Software\Made' /v path /t REG_EXPAND_SZ /d '%PATH%;x' /f
	reg add 'HKLM\Software\Made' /v bytes /t REG_BINARY /d 00ff10 /f
	reg delete 'HKCU\Control Panel\Accessibility\ShowSounds' /f
	"$CLOCHE" diff --reg "$BOX" >changes.reg </dev/null
	[ "$(head -c 2 changes.reg | od -An -tx1)" = " ff fe" ]
	iconv -f utf-16 -t utf-8 changes.reg | grep -qF '[-HKEY_CURRENT_USER\Control Panel\Accessibility\ShowSounds]'
	box -b "$BOX-2" -- regedit.exe /S changes.reg
	succeeds
	"$CLOCHE" diff --json "$BOX" </dev/null | grep '"key"' >one
	"$CLOCHE" diff --json "$BOX-2" </dev/null | grep '"key"' >two
	diff one two
}

@test "since a snapshot only what came after it; rollback takes it back; a clone has it" {
	reg add 'HKCU\Software\First' /f
	cloche box snapshot "$BOX" one
	succeeds
	reg add 'HKCU\Software\Second' /f
	cloche diff --since one "$BOX"
	says 'A HKCU\Software\Second'
	says_not First
	cloche box clone "$BOX" "$BOX-2"
	succeeds
	cloche diff "$BOX-2"
	says 'A HKCU\Software\First'
	says 'A HKCU\Software\Second'
	cloche box rollback "$BOX" one
	succeeds
	cloche diff "$BOX"
	says 'A HKCU\Software\First'
	says_not Second
}

@test "a policy says where programs believe to be, and what the registry begins with" {
	cat >policy.lua <<-'EOF'
		extends "default"
		windows {
			computer = "OFFICE-7", version = "7", guid = "01234567-89ab-cdef-0123-456789abcdef",
			registry = {
				["HKCU\\Software\\Vendor"] = { Edition = "Pro \"ü\" C:\\x", Seats = 5 },
				["HKCU\\Control Panel\\Colors"] = { Background = false },
				["HKLM\\Software\\Microsoft\\Shared Tools"] = false,
			},
		}
	EOF
	box -p ./policy.lua -b "$BOX" -- cmd.exe /c 'ver & echo %COMPUTERNAME% & hostname'
	succeeds
	says 'Microsoft Windows 6.1.7601'
	says OFFICE-7
	says_not BOX
	box -b "$BOX" -- reg.exe query 'HKLM\Software\Microsoft\Cryptography' /v MachineGuid
	says 01234567-89ab-cdef-0123-456789abcdef
	box -b "$BOX" -- reg.exe query 'HKCU\Software\Vendor'
	says 0x5
	box -b "$BOX" -- reg.exe query 'HKLM\Software\Microsoft\Shared Tools'
	fails_with 1
	# Once: what the programs make of it stays.
	reg add 'HKCU\Software\Vendor' /v Seats /t REG_DWORD /d 6 /f
	box -p ./policy.lua -b "$BOX" -- reg.exe query 'HKCU\Software\Vendor' /v Seats
	says 0x6
}

presets() { # COLOUR
	cat >policy.lua <<-EOF
		extends "default"
		windows {
			computer = "OFFICE-7", version = "7", user = "ada", serial = "1234-ABCD",
			guid = "01234567-89ab-cdef-0123-456789abcdef",
			registry = {
				["HKCU\\\\Software\\\\Vendor ä"] = { Edition = "Pro \\"ü\\" äa C:\\\\x 😀", Seats = 5 },
				["HKCU\\\\Control Panel\\\\Colors"] = { Background = false, Window = "$1" },
				["HKLM\\\\Software\\\\Microsoft\\\\Shared Tools"] = false,
				["HKU\\\\.Default\\\\Software\\\\Vendor"] = { Given = "too" },
			},
		}
	EOF
}

# Nothing but what is in directories of the box alone.
nothing_differs() { # ARG...
	cloche diff "$@" "$BOX"
	succeeds
	says_not ' /wine'
	says_not HK
}

@test "what a policy has put into a box is not what its programs have changed" {
	presets red
	box -p ./policy.lua -b "$BOX" -- cmd.exe /c 'echo %USERNAME% %COMPUTERNAME%'
	says "ada OFFICE-7"
	nothing_differs
	nothing_differs --stat
	"$CLOCHE" diff --reg "$BOX" </dev/null | iconv -f utf-16 -t utf-8 >changes.reg
	if grep '^\[' changes.reg; then false; fi
	"$CLOCHE" diff --json "$BOX" </dev/null >json
	if grep -e '"key"' -e '\.reg"' -e ada json | grep -v '"/home/'; then false; fi
	cloche box snapshot "$BOX" one
	succeeds
	# Other presets: of them, too, nothing since.
	presets blue
	box -p ./policy.lua -b "$BOX" -- reg.exe query 'HKCU\Control Panel\Colors' /v Window
	says blue
	nothing_differs
	nothing_differs --since one
	# A program that changes one, and what it does beside them.
	box -p ./policy.lua -b "$BOX" -- reg.exe add 'HKCU\Control Panel\Colors' /v Window /d mine /f
	succeeds
	box -p ./policy.lua -b "$BOX" -- reg.exe add 'HKCU\Software\Own' /v v /d x /f
	succeeds
	cloche diff "$BOX"
	says 'M HKCU\Control Panel\Colors : Window = REG_SZ "blue" -> REG_SZ "mine"'
	says 'A HKCU\Software\Own'
	says_not Vendor
	says_not users
	[ "$(grep -c HK <<<"$output")" = 3 ] || tell "more than three"
	cloche diff --since one "$BOX"
	[ "$(grep -c HK <<<"$output")" = 3 ] || tell "more than three"
	"$CLOCHE" diff --reg "$BOX" </dev/null | iconv -f utf-16 -t utf-8 >changes.reg
	[ "$(grep -c '^\[' changes.reg)" = 2 ] || tell "$(cat changes.reg)"
	cloche box rollback "$BOX" one
	succeeds
	nothing_differs
	cloche box drop "$BOX" one
	nothing_differs
	run --separate-stderr "$CLOCHE" try -p ./policy.lua -- reg.exe add 'HKCU\Software\Tried' /f <<<d
	says 'A HKCU\Software\Tried'
	says_not Vendor
	says_not /wine/drive_c
}

@test "a program cannot have its changes taken for the policy's" {
	presets red
	box -p ./policy.lua -b "$BOX" -- cmd.exe /c ver
	box -b "$BOX" -- cmd.exe /c 'echo user.reg +[Software\\Evil]"v"="x">>Z:\wine\.orders & reg add HKCU\Software\Evil /v v /d x /f'
	box -b "$BOX" -- cmd.exe /c 'copy /y C:\windows\win.ini C:\.windows-serial & echo eve>Z:\wine\.user & rmdir C:\users\ada\Music'
	cloche diff "$BOX"
	says 'A HKCU\Software\Evil : v = REG_SZ "x"'
	says 'A /wine/.orders'
	says 'A /wine/.user'
	says 'A /wine/drive_c/.windows-serial'
	says 'D /wine/drive_c/users/user/'
	# An archive's word for what was preset is not taken.
	cloche box export "$BOX" "$PWD/box.tar"
	succeeds
	mkdir unpacked
	tar -xf box.tar -C unpacked
	if grep -r -l -F 'Vendor' --include=presets unpacked; then false; fi
	for layer in unpacked/layers/*/; do
		echo 'registry user.reg%20%2B%5BSoftware%5C%5CEvil%5D%22v%22%3D%22x%22%0A' >"$layer/presets"
	done
	tar -cf forged.tar -C unpacked --format=pax .
	cloche box import "$PWD/forged.tar" "$BOX-2"
	succeeds
	cloche diff "$BOX-2"
	says 'A HKCU\Software\Evil : v = REG_SZ "x"'
}

@test "a hive that a guest has written itself is only text" {
	box -b "$BOX" -- cmd.exe /c ver
	printf '[Software\\\\Evil\\x1b\\x5b31m] 1\n"\033]0;title\007"="\033[31m"\n"long"="%s"\n' \
		"$(head -c 100000 /dev/zero | tr '\0' x)" >hive
	box -b "$BOX" -- cmd.exe /c 'copy /y hive c:\evil & copy /y hive Z:\wine\userdef.reg'
	# With the server gone nothing is written over it.
	cloche diff "$BOX"
	succeeds
	[[ $output != *$'\033'* ]] || tell "an escape sequence came through"
}

@test "cloche try shows what a program did to the registry, and keeps or discards it" {
	run --separate-stderr "$CLOCHE" try -- reg.exe add 'HKCU\Software\Tried' /v word /d text /f <<<d
	succeeds
	says 'A HKCU\Software\Tried'
	says 'A HKCU\Software\Tried : word = REG_SZ "text"'
	run --separate-stderr "$CLOCHE" try -- reg.exe add 'HKLM\Software\Tried' /v n /t REG_DWORD /d 7 /f \
		<<<"k
$BOX"
	succeeds
	says 'A HKLM\Software\Tried : n = REG_DWORD 0x7'
	box -b "$BOX" -- reg.exe query 'HKLM\Software\Tried' /v n
	succeeds
	says 0x7
	run --separate-stderr "$CLOCHE" try -- cmd.exe /c ver <<<d
	says_not HKLM
	says_not HKCU
}

@test "an exported box has its registry and C: when it is imported, here and in another store" {
	reg add 'HKCU\Software\Taken' /v along /d 'here too' /f
	cloche box snapshot "$BOX" one
	succeeds
	reg add 'HKLM\Software\Taken' /v number /t REG_DWORD /d 9 /f
	reg delete 'HKLM\Software\Microsoft\Shared Tools' /f
	box -b "$BOX" -- cmd.exe /c 'echo made> C:\made.txt'
	cloche box export "$BOX" "$PWD/box.tar"
	succeeds
	cloche box remove "$BOX"
	succeeds
	cloche box import "$PWD/box.tar" "$BOX-2"
	succeeds
	imported "$BOX-2"
	if [ "$(id -u)" != 0 ]; then # Root's store is where it is.
		runtime=$("$CLOCHE" windows status | tail -n 1)
		export XDG_DATA_HOME=$SCRATCH/data
		mkdir -p "$XDG_DATA_HOME/cloche/windows"
		chmod -R 700 "$XDG_DATA_HOME/cloche"
		cp -al "$runtime" "$XDG_DATA_HOME/cloche/windows/" 2>/dev/null ||
			cp -a "$runtime" "$XDG_DATA_HOME/cloche/windows/"
		ln -s "${runtime##*/}" "$XDG_DATA_HOME/cloche/windows/current"
		cloche box import "$PWD/box.tar" "$BOX"
		succeeds
		imported "$BOX"
	fi
}

imported() { # BOX
	cloche diff "$1"
	succeeds
	says 'A HKCU\Software\Taken : along = REG_SZ "here too"'
	says 'A HKLM\Software\Taken : number = REG_DWORD 0x9'
	says 'D HKLM\Software\Microsoft\Shared Tools'
	says 'A /wine/drive_c/made.txt'
	box -b "$1" -- cmd.exe /c 'type C:\made.txt & reg query HKLM\Software\Taken /v number'
	succeeds
	says made
	says 0x9
	box -b "$1" -- reg.exe add 'HKCU\Software\After' /f
	succeeds
	cloche diff "$1"
	says 'A HKCU\Software\After'
	says 'A HKCU\Software\Taken'
	cloche box remove "$1"
	succeeds
}
