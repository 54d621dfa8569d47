# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# For tests of Windows boxes. The runtime is built once for whoever runs them, where it always is,
# and stays; so does what npm has fetched. Boxes that a test keeps are called $BOX...

setup_file() {
	local said
	if ! "$CLOCHE" windows status >/dev/null 2>&1 </dev/null; then
		said=$("$CLOCHE" windows setup 2>&1 </dev/null) ||
			export WINDOWS_MISSING=${said##*$'\n'}
	fi
}

setup() {
	scratch
	unset XDG_DATA_HOME
	BOX=w$$-$BATS_TEST_NUMBER
	case ${WINDOWS_MISSING:-} in
	'') ;;
	*'without support for Windows'*) skip "built without mingw" ;;
	*'apt-get failed'*) skip "no network to Debian's mirror" ;;
	*) tell "$WINDOWS_MISSING" ;;
	esac
}

teardown() {
	local name
	for name in $("$CLOCHE" box list 2>/dev/null | awk -v box="$BOX" 'index($1, box) == 1 { print $1 }'); do
		"$CLOCHE" box remove "$name" >/dev/null 2>&1 </dev/null || true
	done
	scratch_done
}

# Runs the test's function for both bitnesses: each 64 and 32.
both() { # FUNCTION
	local bits
	for bits in 64 32; do
		PROBE=$GUEST_DIR/w_probe$bits.exe ESCAPE=$GUEST_DIR/w_escape$bits.exe "$1" || return
	done
}

# An unpacked package of npm's, pinned by its sum: package NAME-VERSION.tgz SPECIFIER. PACKAGE is
# its folder. Fetched once.
package() {
	local file=$1 store said
	store=$(getent passwd "$(id -u)" | cut -d: -f6)/.cache/cloche-tests
	mkdir -p "$store"
	if [ ! -e "$store/$file" ]; then
		need_command npm
		said=$(cd "$SCRATCH" && npm pack --silent "$2" 2>&1) ||
			skip "npm's registry cannot be reached: $(tail -n 1 <<<"$said")"
		mv "$SCRATCH/$file" "$store/"
	fi
	(cd "$store" && grep " $file\$" "$BATS_TEST_DIRNAME/sums" | sha256sum --check --quiet) ||
		tell "$file is not what it was"
	PACKAGE=$PWD/${file%.tgz}
	mkdir -p "$PACKAGE"
	tar xzf "$store/$file" -C "$PACKAGE" --strip-components=1 --no-same-owner
}
