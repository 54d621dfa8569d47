#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
#
# Programs that live on signals and children, under hooks on every path.

load ../helpers
load programs

policies() {
	cat >paths.lua <<-EOF
		extends "default"
		on["%file"] = function(call)
			if call.path and call.path:find("forbidden", 1, true) then return deny "EACCES" end
		end
	EOF
	echo 'after["%file"] = function() end' >results.lua
}

pipelines() {
	cat >pipelines.sh <<-'EOF'
		i=0
		while [ $i -lt 1000 ]; do
			n=$(echo "a b c d" | tr ' ' '\n' | grep -v b | wc -l)
			[ "$n" -eq 3 ] || { echo "round $i: '$n'"; exit 1; }
			i=$((i + 1))
		done
		cat forbidden 2>&1
		echo fine
	EOF
}

@test "a shell pipeline, a thousand times: dash, calls carried out" {
	need_command dash
	policies
	pipelines
	box -p ./paths.lua -- dash ./pipelines.sh
	succeeds
	prints $'cat: forbidden: Permission denied\nfine'
}

@test "a shell pipeline, a thousand times: bash, calls stopped" {
	need_command bash
	policies
	pipelines
	box -p ./paths.lua -p ./results.lua -- bash ./pipelines.sh
	succeeds
	prints $'cat: forbidden: Permission denied\nfine'
}

@test "a Go program with its preemption signals" {
	local arch program
	need_command go
	policies
	mkdir source
	cp "$BATS_TEST_DIRNAME/preempt.go" source/main.go
	export GOCACHE=$SCRATCH/go GOPATH=$SCRATCH/gopath GOFLAGS=-mod=mod CGO_ENABLED=0
	(cd source && go mod init preempt)
	for arch in amd64 386; do
		program=$PWD/preempt-$arch
		(cd source && GOARCH=$arch go build -o "$program" .)
		run --separate-stderr "$program" </dev/null
		prints fine
		box -p ./paths.lua -- "$program"
		succeeds
		prints fine
		box -p ./paths.lua -p ./results.lua -- "$program"
		succeeds
		prints fine
	done
}
