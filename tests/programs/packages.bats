#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
# as: root
#
# The root of a box installs software; the host has none of it afterwards.
load '../helpers'
load 'programs'

state() { # what an installation would change
	sha256sum /var/lib/dpkg/status /var/lib/dpkg/lock /etc/ld.so.cache 2>/dev/null
	ls -la --time-style=full-iso /var/lib/dpkg/info /var/cache/apt/archives /usr/bin /var/log/apt
	stat -c '%n %y' /var/lib/apt/lists
}

@test "apt-get installs a small package in a box, and nothing on the host" {
	need_command apt-get
	! command -v hello || skip "the package is already there"
	timeout 20 apt-get -qq download --print-uris hello >/dev/null 2>&1 || skip "apt knows no package 'hello'"
	timeout 20 curl -sfIo /dev/null "$(apt-get download --print-uris hello | cut -d\' -f2)" ||
		skip "no network to Debian's mirror"
	state >../before
	box --net host --env DEBIAN_FRONTEND=noninteractive -- sh -ec '
		apt-get -qq -y -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 install --no-install-recommends hello >&2
		hello; dpkg -s hello | grep ^Status; stat -c "%U %G %a" /usr/bin/hello
		apt-get -qq -y remove hello >&2; test ! -e /usr/bin/hello'
	succeeds
	prints $'Hello, world!\nStatus: install ok installed\nroot root 755'
	state | diff ../before -
	! command -v hello
}

@test "dpkg unpacks owners, links and modes as the box's root" {
	need_command dpkg-deb
	mkdir -p p/DEBIAN p/opt/p
	printf 'Package: cloche-p\nVersion: 1\nArchitecture: all\nMaintainer: n <n@n>\nDescription: p\n' >p/DEBIAN/control
	printf '#!/bin/sh\nuseradd --system cloche-p && chown cloche-p /opt/p/file && ldconfig\n' >p/DEBIAN/postinst
	chmod 755 p/DEBIAN/postinst
	echo data >p/opt/p/file
	ln p/opt/p/file p/opt/p/hard
	ln -s file p/opt/p/soft
	chown 1:2 p/opt/p/file
	dpkg-deb -b p p.deb >/dev/null
	state >../before
	box -- sh -ec 'dpkg -i p.deb >&2; stat -c "%n %U %g %a %h %F" /opt/p/file /opt/p/soft; dpkg -V cloche-p
		dpkg -P cloche-p >&2; ! test -e /opt/p; su -s /bin/sh cloche-p -c "id -un"'
	succeeds
	prints $'/opt/p/file cloche-p 2 644 2 regular file\n/opt/p/soft root 0 777 1 symbolic link\ncloche-p'
	state | diff ../before -
	! getent passwd cloche-p
}
