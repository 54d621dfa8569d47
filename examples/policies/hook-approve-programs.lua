-- SPDX-License-Identifier: Apache-2.0
-- Each program that is started for the first time waits for somebody's approval.
--
--     cloche run -p hook-approve-programs.lua -- sh
--
-- The question comes at the terminal that cloche was started from: "run /usr/bin/id? [y/N]". Other
-- programs of the box go on meanwhile. No answer within a minute, or no terminal, is a no, and the
-- program that wanted to start it sees EPERM. What runs is what was asked about, even if the caller
-- changes its memory meanwhile. The program that the box was made for is not asked about.

extends "default"

local approved = {}
local first = true

local function path_of(call)
	return call.path ~= "" and call.path or call:file(call.dirfd) or "?"
end

local function ask(call)
	local path = path_of(call)
	if first or approved[path] then
		first = false
		return
	end
	return hold("run " .. path, 60)
end

-- It was approved and it runs.
local function remember(call)
	if call.result == 0 and call.path then
		approved[call.path] = true
	end
end

on.execve, on.execveat = ask, ask
after.execve = remember
