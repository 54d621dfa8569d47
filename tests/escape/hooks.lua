-- SPDX-License-Identifier: Apache-2.0
-- What the attacks on hooks are up against: no path and no address with "forbidden" in it. "slow" takes
-- a while to decide.

extends "default"

local function bad(text)
	return text and text:find("forbidden", 1, true)
end

local function path(call)
	if call.path and call.path:find("slow", 1, true) then
		for _ = 1, 400000 do end
	end
	if bad(call.path) or bad(call.new_path) then
		return deny "EACCES"
	end
end

local function address(call)
	local to = call.address
	if to and (bad(to.path) or bad(to.abstract)) then
		return deny "EACCES"
	end
end

local function arguments(call)
	if bad(call.path) then
		return deny "EACCES"
	end
	for _, text in ipairs(call.argv or {}) do
		if bad(text) then
			return deny "EACCES"
		end
	end
end

on["%file"] = path
on.connect = address
on.sendto = address
on.sendmsg = address
on.execve = arguments
on.execveat = arguments
