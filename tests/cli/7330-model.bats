#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
#
# Random operations in a box against a model of it: see tests/model/model.py. CLOCHE_SEED and
# CLOCHE_SEEDS choose which; without them other ones are tried each day.

load ../helpers

@test "diff names exactly what is different, and commit makes it so" {
	local first=${CLOCHE_SEED:-$((10#$(date +%j) * 1000))} count=${CLOCHE_SEEDS:-12}
	run /usr/bin/python3 "${BATS_TEST_DIRNAME%/*}/model/model.py" test "$CLOCHE" "$first" "$count"
	[ "$status" = 0 ] || tell "a seed failed"
}

@test "seeds that once found something" {
	local seed
	for seed in 1 2 4 5 10 24; do
		run /usr/bin/python3 "${BATS_TEST_DIRNAME%/*}/model/model.py" test "$CLOCHE" "$seed" 1
		[ "$status" = 0 ] || tell "seed $seed failed"
	done
}
