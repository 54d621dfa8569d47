-- SPDX-License-Identifier: Apache-2.0
-- Fetch something: the host's network, one directory to write, nothing to give away.
--
--     cloche run -p download.lua -- curl -fLO https://example.org/archive.tar.xz
--
-- The network is the host's, with all that listens on it. What the program could send away is what
-- it sees, and that is the system's programs and its own downloads.

extends "strict"

files {
	write = { ["~/Downloads"] = "/downloads" },
	read = {
		optional "/etc/resolv.conf",
		optional "/etc/hosts",
		optional "/etc/host.conf",
		optional "/etc/gai.conf",
		optional "/etc/services",
		optional "/run/systemd/resolve/stub-resolv.conf",
		optional "/run/systemd/resolve/resolv.conf",
	},
	hide = { "." }, -- strict shows the current directory; there is no need to.
}

limits { memory = "512M", tasks = 32, wall = "30m", disk = "4G" }
net "host"
env { "https_proxy", "http_proxy", "no_proxy", HOME = "/tmp" }
cwd "/downloads"
hostname "download"
