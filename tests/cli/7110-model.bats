#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
#
# Random changes, snapshots, rollbacks, drops and clones: each snapshot shows for ever what it showed.

load ../helpers

setup() {
	scratch
	BOX=m$$-$RANDOM
}

teardown() {
	local name
	for name in $("$CLOCHE" box list | awk -v b="$BOX" 'index($1, b) == 1 { print $1 }'); do
		"$CLOCHE" box remove "$name" 2>/dev/null || true
	done
	chmod -R u+rwX "$SCRATCH"
	scratch_done
}

@test "random changes and snapshots" {
	run python3 "$BATS_TEST_DIRNAME/boxes-model.py" "$BOX" "${CLOCHE_SEED:-$RANDOM}" "${CLOCHE_STEPS:-120}"
	echo "$output"
	succeeds
}
