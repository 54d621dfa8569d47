-- SPDX-License-Identifier: Apache-2.0
-- A coding agent, or anything that acts on its own, in one project.
--
--     cd project && cloche run -p agent.lua -- agent
--
-- It works on a copy of the project: look at what it did before any of it reaches the host. It
-- finds no credentials, neither those of the account nor those that lie in the project.

extends "default"

files {
	hide = {
		optional ".env",
		optional ".env.local",
		optional ".env.production",
		optional ".envrc",
		optional "secrets",
		optional "credentials.json",
		optional "terraform.tfstate",
		optional "kubeconfig",
	},
	-- Who the author is, for commits; credentials are in other files.
	read = { optional "~/.gitconfig" },
}

limits {
	memory = "4G",
	tasks = 500,
	wall = "2h",
	disk = "10G",
}

env { "EDITOR", PAGER = "cat", GIT_TERMINAL_PROMPT = "0" }

-- It starts no debugger on its own children and reads nobody's memory.
calls { refuse = { "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd" } }
