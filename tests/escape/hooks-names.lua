-- SPDX-License-Identifier: Apache-2.0
-- As hooks.lua, but only what the monitor carries out itself: no guest is traced from its start.

extends "default"

local function path(call)
	for _, text in ipairs { call.path or "", call.new_path or "" } do
		if text:find("forbidden", 1, true) then
			return deny "EACCES"
		end
	end
end

on.open, on.openat, on.openat2, on.creat = path, path, path, path
on.stat, on.lstat, on.newfstatat, on.statx = path, path, path, path
on.access, on.faccessat, on.faccessat2, on.readlink, on.readlinkat = path, path, path, path, path
on.link, on.linkat, on.symlink, on.symlinkat = path, path, path, path
on.rename, on.renameat, on.renameat2 = path, path, path
