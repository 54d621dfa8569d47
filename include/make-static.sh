#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# make-static.sh COMPILER... ROOMS.a OUT.a: all rooms as one object in which every hidden symbol is
# local, so that a program linked with it can have functions of the same names.
set -eu
compiler=
while [ $# -gt 2 ]; do
	compiler="$compiler $1"
	shift
done
rooms=$1
out=$2
object=$out.o

# shellcheck disable=SC2086 # The compiler may come with words of its own.
$compiler -nostdlib -r -o "$object" -Wl,--whole-archive "$rooms" -Wl,--no-whole-archive
objcopy --localize-hidden "$object"
rm -f "$out"
ar rcsD "$out" "$object"
rm -f "$object"
