-- SPDX-License-Identifier: Apache-2.0
-- Refuses to delete or rename what is not below the directory that the box was started in.
--
--     cd project && cloche run -p hook-deletes-inside.lua -- rm -rf /etc build
--
-- call:real says where a path leads, with links followed. It speaks of one moment: two processes
-- of the box together can exchange a directory for a link in between, so this keeps programs from
-- mistakes. What must hold whatever the programs do is said in files { }, where deletes outside
-- of what is "write" never reach the host anyway.

extends "default"

local inside

local function check(call, path, dirfd)
	local real = call:real(path, dirfd)
	inside = inside or call.process.cwd
	if not real or (real ~= inside and real:sub(1, #inside + 1) ~= inside .. "/") then
		log("refused:", call, path)
		return deny "EACCES"
	end
end

-- The first call of all tells where the box starts.
on.execve = function(call)
	inside = inside or call.process.cwd
end

local function delete(call)
	return check(call, call.path, call.dirfd)
end

local function rename(call)
	return check(call, call.path, call.dirfd) or check(call, call.new_path, call.new_dirfd)
end

on.unlink, on.unlinkat, on.rmdir = delete, delete, delete
on.rename, on.renameat, on.renameat2 = rename, rename, rename
