-- SPDX-License-Identifier: Apache-2.0
-- Shows one file in the place of another.
--
--     cloche run -p hook-redirect-file.lua -- cat /etc/hostname      (shows /etc/debian_version)
--
-- The path is changed before the kernel sees it: the program itself opens the other file. That
-- holds for each call that is named here, so that looking at the file (stat) agrees with opening
-- it. To show a file elsewhere for good, without asking at each call, write
-- files { read = { ["/etc/debian_version"] = "/etc/hostname" } } instead.

extends "default"

local from = "/etc/hostname"
local to = "/etc/debian_version"

local function redirect(call)
	if call.path == from then
		call.path = to
	end
end

for _, name in ipairs {
	"open", "openat", "openat2", "stat", "lstat", "newfstatat", "statx", "access", "faccessat",
	"faccessat2", "readlink", "readlinkat", "stat64", "lstat64", "fstatat64",
} do
	on[name] = redirect
end
