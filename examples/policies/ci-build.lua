-- SPDX-License-Identifier: Apache-2.0
-- A build of somebody else's code: a pull request, a package, a dependency's install scripts.
--
--     cd checkout && cloche run -p ci-build.lua -- make check
--
-- The checkout is written for real, so that what was built is there afterwards; its .git is only
-- read. Caches of compilers and package tools are used and changed in copies. Nothing is fetched:
-- do that before, or see download.lua.

extends "build"

files {
	-- Never the business of a build, where the checkout has them.
	hide = { optional ".env", optional ".env.local", optional ".npmrc" },
	-- Executed by others later: an editor, the next shell.
	read = { optional ".vscode", optional ".idea", optional ".envrc", optional ".github" },
}

limits {
	memory = "8G",
	tasks = 2000,
	wall = "1h",
	disk = "20G",
}

env { CI = "1", MAKEFLAGS = "-j4" }
hostname "ci"
