-- SPDX-License-Identifier: Apache-2.0
-- A converter for files from strangers: documents, pictures, sound.
--
--     cd inbox && cloche run -p convert.lua -- ffmpeg -i /in/film.avi /out/film.mp4
--
-- The current directory is /in, only to read; ~/converted is /out and the only thing that is
-- written. Parsers of old formats are the classic way in: here there is nothing behind it.

extends "strict"

files {
	read = { ["."] = "/in", optional "/usr/share/fonts", optional "/etc/fonts" },
	write = { ["~/converted"] = "/out" },
	private = { "/var/tmp" },
}

limits { memory = "2G", tasks = 64, cpu = 2, wall = "10m", disk = "2G" }
env { HOME = "/tmp", XDG_RUNTIME_DIR = "/tmp", LANG = "C.UTF-8" }
calls { refuse = { "%ipc", "ptrace" } }
cwd "/out"
