-- SPDX-License-Identifier: Apache-2.0
-- Logs every program that is started, with its arguments, and how that ended.
--
--     cloche run -p hook-log-programs.lua -- make
--
-- Lines go to standard error: "cloche: 12 /usr/bin/cc [cc -c x.c]". Nothing is decided here, the
-- kernel runs each call as it is: what is logged is what was there when the hook looked. A process
-- that shares its memory with others can change it in between; where that matters use on.execve,
-- which has the kernel use what was looked at.

extends "default"

watch.execve = function(call)
	log(call.process.pid, call.path, call.argv)
end

watch.execveat = function(call)
	-- An empty path stands for the descriptor itself.
	local path = call.path ~= "" and call.path or call:file(call.dirfd)
	log(call.process.pid, path, call.argv)
end
