-- SPDX-License-Identifier: Apache-2.0
-- Hides files by the pattern of their names: they cannot be opened, and directories do not list
-- them.
--
--     cloche run -p hook-hide-files.lua -- ls
--     cloche run -p hook-hide-files.lua -- cat server.key         (No such file or directory)
--
-- Every call with a path is asked about; a link to a hidden file cannot be made. A link that is
-- there already leads past the pattern, as its name is another: for files that are known by path
-- "hide" in files { } has no such gap and costs nothing.

extends "default"

local hidden = { "%.key$", "%.pem$", "^id_rsa", "^%.env$" }

local function is_hidden(name)
	for _, pattern in ipairs(hidden) do
		if name:find(pattern) then
			return true
		end
	end
	return false
end

local function leads_to_hidden(path)
	for name in (path or ""):gmatch("[^/]+") do
		if is_hidden(name) then
			return true
		end
	end
	return false
end

on["%file"] = function(call)
	if leads_to_hidden(call.path) or leads_to_hidden(call.new_path) or leads_to_hidden(call.target) then
		return deny "ENOENT"
	end
end

on.execve = on["%file"]
on.execveat = on["%file"]

-- The kernel's list: inode, offset, length, type, name.
after.getdents64 = function(call)
	local list = call.result > 0 and call.entries or ""
	local kept, at = {}, 1
	while at <= #list do
		local length = string.unpack("<I2", list, at + 16)
		local name = string.unpack("z", list, at + 19)
		if not is_hidden(name) then
			kept[#kept + 1] = list:sub(at, at + length - 1)
		end
		at = at + length
	end
	if #list == 0 then
		return
	end
	if #kept == 0 then
		-- Nothing would mean the end of the directory: one entry "." more does no harm.
		kept[1] = list:sub(1, 16) .. string.pack("<I2", 24) .. "\4.\0\0\0\0"
	end
	local text = table.concat(kept)
	call.entries = text
	call.result = #text
end
