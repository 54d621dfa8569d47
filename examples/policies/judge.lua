-- SPDX-License-Identifier: Apache-2.0
-- A contest judge: run one submission against its input.
--
--     cd submission && cloche run -p judge.lua -- ./solution < input.txt > output.txt
--
-- The program sees itself and the system's libraries, may write nothing but its own /tmp, has no
-- network at all, and ends when its time is up.

extends "strict"

limits {
	memory = "256M",
	tasks = 16,
	cpu = 1,
	wall = "10s",
	disk = "64M",
}

env { PATH = "/usr/bin:/bin", LANG = "C.UTF-8", HOME = "/tmp" }

calls {
	refuse = {
		"ptrace",
		"%ipc",
		"process_vm_readv",
		"process_vm_writev",
		"personality",
		"seccomp",
	},
}

hostname "judge"
user "nobody"
