# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# For the attacks: load '../helpers' first, then this. Adds to the canary of helpers.bash what has
# names of its own (e_canary), a hidden, a read-only and a written folder, a set-user-id program,
# and secrets in the caller's environment; runs hostile programs for every ABI that was built.

escape_teardown() {
	unmake_more
	scratch_done
}

# Ends the second canary in peace, because it has to remove what the kernel would keep for ever.
unmake_more() {
	[ -n "${MORE_PID:-}" ] || return 0
	rm -f "${CANARY_HOST_TMP_FILE:-}"
	kill -TERM "$MORE_PID" 2>/dev/null || return 0
	eventually 5 test -e "$SCRATCH/canary/verdict" >/dev/null || kill -KILL "$MORE_PID"
}

# The program for each ABI, one path a line.
abis() { # NAME
	local suffix
	for suffix in '' _32 .i386; do
		[ ! -x "$GUEST_DIR/$1$suffix" ] || echo "$GUEST_DIR/$1$suffix"
	done
}

outside() {
	[ -z "${MORE_PID:-}" ] || return 0
	mkdir -p hidden read write
	canary
	echo "$CANARY_SECRET" | tee hidden/secret write-secret >/dev/null
	mv write-secret "$SCRATCH/canary/moved-secret"
	echo "as it was" >read/kept
	chmod 666 read/kept
	cp "$(abis e_setuid | head -n 1)" setuid
	chmod 4755 setuid
	CANARY_SECRET=$CANARY_SECRET "$GUEST_DIR/e_canary" "$SCRATCH/canary" "$PWD" \
		</dev/null >"$SCRATCH/canary/more.log" 2>&1 3>&- &
	MORE_PID=$!
	disown
	eventually 20 test -e "$SCRATCH/canary/more"
	# shellcheck disable=SC1091
	. "$SCRATCH/canary/more"
	CANARY_PIDNS=$(readlink /proc/self/ns/pid)
	CANARY_HOSTNAME=$(uname -n)
	CANARY_HIDDEN=$PWD/hidden/secret CANARY_HIDDEN_DIR=$PWD/hidden
	CANARY_READ=$PWD/read/kept CANARY_READ_DIR=$PWD/read
	CANARY_WRITE_DIR=$PWD/write CANARY_SETUID=$PWD/setuid
	CANARY_FILE_INODE=$(stat --format %i "$CANARY_FILE")
	CANARY_HOST_TMP_FILE=$(mktemp /tmp/cloche-canary.XXXXXX)
	echo "$CANARY_SECRET" >"$CANARY_HOST_TMP_FILE"
	export HOST_SECRET=$CANARY_SECRET SSH_AUTH_SOCK=$CANARY_SOCKET GITHUB_TOKEN=$CANARY_SECRET
	MORE_SUM=$(more_sum)
}

# Everything of the files outside that a guest could change.
more_sum() {
	find hidden read setuid kept -print0 | sort -z | {
		xargs -0 stat --format '%A %u %g %s %Y %h %i %N'
		cat hidden/secret read/kept setuid kept
		getfattr --absolute-names -d -m - -R hidden read setuid kept 2>/dev/null || true
		cat "$CANARY_HOST_TMP_FILE"
	} | sha256sum
}

# After this the second canary is gone, and has said how it was.
outside_intact() {
	[ "$(more_sum)" = "$MORE_SUM" ] || tell "hidden, read, setuid or kept is not as it was" || return
	unmake_more
	[ "$(cat "$SCRATCH/canary/verdict")" = untouched ] ||
		tell "touched: $(cat "$SCRATCH/canary/verdict")" || return
	[ "$(uname -n)" = "$CANARY_HOSTNAME" ] || tell "the host has another name"
}

# hostile NAME [OPTION...] [-- ARG...]: the attack, for each ABI. Its attempts must all be refused,
# both canaries be as they were. Skips if it could be tried by none.
hostile() {
	local name=$1 program variable options=() arguments=() coordinates=() tried=0 reason=
	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	[ $# -eq 0 ] || arguments=("${@:2}")
	outside
	for variable in ${!CANARY_@}; do
		case $variable in
		CANARY_SECRET | CANARY_SUM | CANARY_HOME) ;;
		*) coordinates+=(--env "$variable=${!variable}") ;;
		esac
	done
	while read -r program; do
		box --read "$GUEST_DIR" --hide "$CANARY_HIDDEN_DIR" --read "$CANARY_READ_DIR" \
			--write "$CANARY_WRITE_DIR" "${coordinates[@]}" "${options[@]}" -- \
			"$program" "${arguments[@]}"
		echo "--- ${program##*/}: exit status $status"
		canary_intact
		if [ "$status" = 77 ]; then
			reason=${output#*SKIP }
			continue
		fi
		refused_all
		tried=$((tried + 1))
	done < <(abis "$name")
	outside_intact
	[ "$tried" -gt 0 ] || skip "${reason:-$name is not built}"
}

# Like all_ok, but shows only what got through.
refused_all() {
	local through
	through=$(grep '^not ok' <<<"$output" || true)
	[ -z "$through" ] || {
		echo "$through" | head -n 40
		return 1
	}
	succeeds
	[[ $output =~ (^|$'\n')1\.\.[0-9] ]] || tell "no plan: it ended too soon"
}
