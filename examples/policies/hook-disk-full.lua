-- SPDX-License-Identifier: Apache-2.0
-- The disk is full at the third write to a file: does the program notice?
--
--     cloche run -p hook-disk-full.lua -- sh -c 'for i in 1 2 3 4; do echo $i >>out; done'
--
-- Counted over all programs of the box, and only for regular files in directories, neither for
-- terminals and pipes nor for devices. Files that are mapped into memory are not written by a call.

extends "default"

local nth = 3
local count = 0

local function write(call)
	local file = call:file(call.fd)
	if not file or file:sub(1, 1) ~= "/" or file:find("^/dev/") then
		return
	end
	count = count + 1
	if count == nth then
		log("no space for", call, "to", file)
		return deny "ENOSPC"
	end
end

for _, name in ipairs { "write", "writev", "pwrite64", "pwritev", "pwritev2" } do
	on[name] = write
end
