-- SPDX-License-Identifier: Apache-2.0
-- Beside hooks.lua: who wants the results has the calls take the stop route.

local function nothing() end

after["%file"] = nothing
after.connect, after.sendto, after.sendmsg = nothing, nothing, nothing
after.execve, after.execveat = nothing, nothing
