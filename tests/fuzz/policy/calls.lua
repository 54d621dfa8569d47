env { "LANG", "LC_*", DEBUG = "1" }
calls { refuse = { "ptrace", "%ipc", kcmp = "EPERM" }, native = { "modify_ldt" } }
user "nobody" hostname "judge" cwd "/work"
