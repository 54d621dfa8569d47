-- SPDX-License-Identifier: Apache-2.0
-- Answers what machine this is with chosen values: uname, time, number of processors.
--
--     cloche run -p hook-answer-machine.lua -- uname -r           (6.0.0-chosen)
--     cloche run -p hook-answer-machine.lua -- nproc              (3)
--
-- About time: most programs read the clock without any system call. The kernel puts code for it
-- into every process (the vDSO), which reads a page of the kernel's own; no hook, and no filter,
-- sees that. The hooks below answer the calls that are really made: those of programs without the
-- vDSO, and those for clocks that it does not know. A program that shall believe in another time
-- needs more than that; the times of new files tell the true one, too.
--
-- What the machine is also stands in files of /proc. Those that say something else than the calls do
-- are not there: then the C library counts processors by the call (sysconf, nproc --all). Instructions
-- that ask the processor itself (cpuid) cannot be answered by anybody.

extends "default"

local release = "6.0.0-chosen"
local processors = 3
local now = 1000000000 -- 2001-09-09 01:46:40 UTC

after.uname = function(call)
	if call.result == 0 then
		call.args.name.release = release
		call.args.name.nodename = "chosen"
	end
end

local function clock(call)
	if call.result == 0 and call.clock.realtime then
		call.time.tv_sec = now
		call.time.tv_nsec = 0
	end
end

after.clock_gettime = clock
after.clock_gettime64 = clock

after.gettimeofday = function(call)
	if call.result == 0 and call:pointer("time") ~= 0 then
		call.time.tv_sec = now
		call.time.tv_usec = 0
	end
end

on.time = function(call)
	local size = call.abi == "i386" and 4 or 8
	if call:pointer("time") ~= 0 and not call:write(call:pointer("time"), string.pack("<i" .. size, now)) then
		return deny "EFAULT"
	end
	return answer(now)
end

-- A bit for each processor, in as many bytes as the kernel uses here.
on.sched_getaffinity = function(call)
	if call.size < 8 then
		return deny "EINVAL"
	end
	if not call:write(call.mask, string.pack("<I8", (1 << processors) - 1)) then
		return deny "EFAULT"
	end
	return answer(8)
end

local telling = {
	["/proc/cpuinfo"] = true, ["/proc/stat"] = true, ["/proc/version"] = true,
	["/proc/sys/kernel/osrelease"] = true, ["/proc/sys/kernel/hostname"] = true,
	["/proc/sys/kernel/version"] = true,
}

local function open(call)
	-- Where it leads, by whatever name: "/proc/./stat", "../proc/stat".
	if call.path and telling[call:real(call.path, call.dirfd) or ""] then
		return deny "ENOENT"
	end
end

on.open, on.openat, on.openat2 = open, open, open
