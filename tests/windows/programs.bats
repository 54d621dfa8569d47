#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
#
# Real programs for Windows, as npm's packages have them.
load '../helpers'
load 'windows'

@test "7za packs and unpacks a tree, both bitnesses" {
	package 7zip-bin-5.2.0.tgz 7zip-bin@5.2.0
	mkdir -p tree/deep/er
	seq 20000 >tree/numbers
	head -c 300000 /dev/urandom >'tree/deep/random bytes'
	: >tree/deep/er/empty
	for bits in ia32 x64; do
		rm -rf "out-$bits" && mkdir "out-$bits"
		box --write "$PWD/out-$bits" -- "$PACKAGE/win/$bits/7za.exe" a "out-$bits/a.7z" tree
		succeeds
		says "Everything is Ok"
		box --write "$PWD/out-$bits" -- "$PACKAGE/win/$bits/7za.exe" x "out-$bits\\a.7z" "-oout-$bits"
		succeeds
		diff -r tree "out-$bits/tree"
	done
}

@test "rcedit changes the version of a program, both bitnesses" {
	package rcedit-4.0.1.tgz rcedit@4.0.1
	for name in rcedit rcedit-x64; do
		cp "$PACKAGE/bin/$name.exe" victim.exe
		box --write "$PWD" -- "$PACKAGE/bin/$name.exe" victim.exe --set-file-version 7.8.9.10
		succeeds
		box -- "$PACKAGE/bin/$name.exe" victim.exe --get-version-string FileVersion
		says 7.8.9.10
	done
}

@test "esbuild bundles a project, both bitnesses" {
	mkdir -p src
	echo 'export const add = (a, b) => a + b;' >src/add.js
	echo 'import { add } from "./add.js"; console.log(add(40, 2));' >src/main.js
	for arch in ia32 x64; do
		package "esbuild-win32-$arch-0.28.2.tgz" "@esbuild/win32-$arch@0.28.2"
		rm -rf out && mkdir out
		box --write "$PWD/out" -- "$PACKAGE/esbuild.exe" src/main.js --bundle --outfile=out/bundle.js
		succeeds
		grep -q 'a + b' out/bundle.js
		[ "$(node out/bundle.js)" = 42 ]
	done
}

@test "node reads files, hashes, starts a child and talks to itself over TCP, both bitnesses" {
	cat >work.js <<-'EOF'
		const fs = require('fs'), net = require('net'), crypto = require('crypto');
		const { execFileSync } = require('child_process');
		fs.writeFileSync('written', 'text');
		const sum = crypto.createHash('sha256').update(fs.readFileSync('written')).digest('hex');
		const child = execFileSync(process.execPath, ['-p', '6*7']).toString().trim();
		const server = net.createServer((s) => s.end('over tcp')).listen(0, '127.0.0.1', () => {
		  net.connect(server.address().port, '127.0.0.1').on('data', (d) => {
		    console.log(process.platform, sum.slice(0, 8), child, d.toString(), require('os').hostname());
		    server.close();
		  });
		});
	EOF
	for version in x86-22.23.2 x64-22.23.3; do
		package "node-win-$version.tgz" "node-win-${version%%-*}@${version#*-}"
		box -- "$PACKAGE/bin/node.exe" work.js
		succeeds
		prints "win32 982d9e3e 42 over tcp box"
		[ ! -e written ]
		rm -rf "$PACKAGE"
	done
}

@test "node reads a pipe as its standard input, and lets go of it, both bitnesses" {
	cat >in.js <<-'EOF'
		let size = 0, start = '';
		process.stdin.on('data', (d) => { size += d.length; start += start ? '' : d; });
		process.stdin.on('end', () => console.log('got', size, start.split('\n')[0]));
	EOF
	cat >leave.js <<-'EOF'
		process.stdin.on('data', (d) => { console.log('read', d.toString().trim()); process.stdin.destroy(); });
		console.log('ready');
	EOF
	mkfifo in
	for version in x86-22.23.2 x64-22.23.3; do
		package "node-win-$version.tgz" "node-win-${version%%-*}@${version#*-}"
		[ "$(echo text | "$CLOCHE" run -- "$PACKAGE/bin/node.exe" in.js)" = "got 5 text" ]
		[ "$("$CLOCHE" run -- "$PACKAGE/bin/node.exe" in.js </dev/null)" = "got 0 " ]
		[ "$({ echo first; seq 200000; } | "$CLOCHE" run -- "$PACKAGE/bin/node.exe" in.js)" = \
			"got $((6 + $(seq 200000 | wc -c))) first" ]
		[ "$(seq 100000 | "$CLOCHE" run -- "$PACKAGE/bin/node.exe" -e 'process.stdin.pipe(process.stdout)' |
			md5sum)" = "$(seq 100000 | md5sum)" ]
		# Whoever has read what it wants ends, though the pipe stays open.
		exec 7<>in
		"$CLOCHE" run --wall 30s -- "$PACKAGE/bin/node.exe" leave.js <in >out 7>&- 3>&- &
		eventually 20 grep -q ready out
		echo line >&7
		wait $!
		exec 7>&-
		[ "$(cat out)" = $'ready\nread line' ] || tell "$(cat out)"
		# A child has the pipe, too.
		[ "$(echo text | "$CLOCHE" run -- cmd.exe /c "${PACKAGE//\//\\}\\bin\\node.exe in.js")" = "got 5 text" ]
		rm -rf "$PACKAGE"
	done
}

@test "esbuild reads a pipe as its standard input, both bitnesses" {
	for arch in ia32 x64; do
		package "esbuild-win32-$arch-0.28.2.tgz" "@esbuild/win32-$arch@0.28.2"
		[ "$(echo 'let number = 40 + 2; console.log(number)' | "$CLOCHE" run -- "$PACKAGE/esbuild.exe" --minify)" = \
			'let number=42;console.log(number);' ]
	done
}

@test "an installer made by nsis runs silently; diff shows all of it, rollback takes it back" {
	need_command makensis
	echo installed >payload.txt
	printf '@echo x> c:\\linked.txt\r\n@exit /b 8\r\n' >link.bat
	cat >setup.nsi <<-'EOF'
		Name "Probe"
		OutFile "setup.exe"
		InstallDir "$PROGRAMFILES\Probe"
		RequestExecutionLevel user
		Page instfiles
		Section
		  SetOutPath "$INSTDIR"
		  File payload.txt
		  File link.bat
		  CreateShortCut "$INSTDIR\Probe.lnk" "$INSTDIR\link.bat"
		  WriteRegStr HKCU "Software\Microsoft\Windows\CurrentVersion\Run" "Probe" "$INSTDIR\link.bat"
		SectionEnd
	EOF
	makensis -V1 setup.nsi
	box -b "$BOX" -- cmd.exe /c ver
	cloche box snapshot "$BOX" before
	succeeds
	box -b "$BOX" -- ./setup.exe /S
	succeeds
	cloche diff "$BOX"
	says 'A /wine/drive_c/Program Files (x86)/Probe/payload.txt'
	says 'A /wine/drive_c/Program Files (x86)/Probe/Probe.lnk'
	says 'A HKCU\Software\Microsoft\Windows\CurrentVersion\Run : Probe = REG_SZ "C:\\Program Files (x86)\\Probe\\link.bat"'
	box -- "$PWD/link.bat"
	fails_with 8
	box -b "$BOX" -- 'C:\Program Files (x86)\Probe\Probe.lnk'
	succeeds
	cloche diff "$BOX"
	says 'A /wine/drive_c/linked.txt'
	cloche box rollback "$BOX" before
	succeeds
	cloche diff "$BOX"
	says_not Probe
}
