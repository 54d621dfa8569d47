#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
#
# Python, and what its own test modules say in a box and outside of it.
load '../helpers'
load 'programs'

PYTHON=/usr/bin/python3
MODULES=(test_os test_subprocess test_socket test_threading test_mmap test_signal)

@test "python starts, imports, forks, threads and makes a virtual environment" {
	box -- "$PYTHON" -c '
import concurrent.futures as f, ctypes, json, multiprocessing as m, os, sqlite3, ssl, subprocess
print(sum(f.ThreadPoolExecutor(8).map(len, ["ab"] * 100)))
with m.Pool(3) as pool: print(pool.map(abs, range(-3, 0)))
print(subprocess.run(["echo", "child"], capture_output=True, text=True).stdout.strip())
print(ctypes.CDLL(None).getpid() == os.getpid())'
	succeeds
	prints $'200\n[3, 2, 1]\nchild\nTrue'
}

outcomes() { # FILE TEST...: outside to FILE.outside, in a box to FILE.box, at the same time
	local file=$1
	shift
	outside "$PYTHON" "$PROGRAMS/python_modules.py" "$@" >"$file.outside" 2>"$file.err" 3>&- &
	# To pipes: beside files of the caller's own there are no set-id bits.
	"$CLOCHE" run --read "$PROGRAMS" -- "$PYTHON" "$PROGRAMS/python_modules.py" "$@" \
		</dev/null 3>&- 2> >(cat >"$file.box.err") | cat >"$file.box"
	wait $!
}

# Tests whose outcomes differ and that python.reasons does not name.
differing() { # FILE
	local name pattern
	diff "$1.outside" "$1.box" | sed -n 's/^[<>] [a-z]* //p' | sort -u | while read -r name; do
		while read -r pattern; do
			# shellcheck disable=SC2053
			[[ $name != $pattern ]] || continue 2
		done < <(sed -n '/^#/!s/ -- .*//p' "$PROGRAMS/python.reasons")
		echo "$name"
	done
}

@test "python's own test modules say in a box what they say outside" {
	"$PYTHON" -c 'import test.test_os' 2>/dev/null ||
		skip "Python's tests are not here (Debian: libpython3-testsuite)"
	outcomes all "${MODULES[@]/#/test.}"
	[ "$(wc -l <all.box)" -gt 1000 ] || tail -n 20 all.box all.box.err
	[ "$(wc -l <all.box)" -gt 1000 ]
	mapfile -t names < <(differing all)
	# Some depend on what else the machine does (who took too long is only in one of the lists):
	# they get a second chance, on both sides.
	if [ ${#names[@]} -gt 0 ]; then
		outcomes again "${names[@]}"
		mapfile -t names < <(differing again)
	fi
	[ ${#names[@]} -eq 0 ] || {
		grep -F "${names[@]/#/-e}" again.outside again.box
		tail -n 40 again.box.err
		false
	}
}
