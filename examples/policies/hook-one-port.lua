-- SPDX-License-Identifier: Apache-2.0
-- Programs connect to one port and no other, on any host.
--
--     cloche run --net host -p hook-one-port.lua -- curl https://example.org      (port 443)
--
-- Sockets of the box itself (Unix) stay as they are. Datagrams carry their address along, so
-- sending is asked about too (several at once, sendmmsg, message by message). Names are looked up
-- with datagrams to port 53, which are refused here as well: allow it below if names are needed.
-- What comes in from outside is not decided here.

extends "default"

local allowed = { [443] = true }

local function check(call)
	local address = call.address
	if address.family == nil or address.family == "AF_UNIX" then
		return -- none is named (it was connected before), or it is the box's own
	end
	if call.name == "connect" and address.family == "AF_UNSPEC" then
		return -- disconnects; in a message it would pass for AF_INET
	end
	if not allowed[address.port] then
		log("refused:", call, "to", address)
		return deny "EACCES"
	end
end

on.connect, on.sendto, on.sendmsg = check, check, check
