/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a program and interferes with its Nth system call (of those that touch files): the program
 * is killed before it, killed right after it, or the call fails. Not for boxes: for our own
 * commands, to see that they can be interrupted anywhere.
 *
 *     at_call N before|after|ENOSPC|EIO -- PROGRAM [ARG...]
 *
 * Status 99: it ended before it got so far; else what the program ends with, 137 where it was
 * killed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define NEVER_REACHED 99

/* What fails natively for no reason that a test could find, or ends the process. */
static int counts(unsigned long long number)
{
	static const long others[] = {
		SYS_mmap,
		SYS_munmap,
		SYS_brk,
		SYS_mprotect,
		SYS_exit,
		SYS_exit_group,
		SYS_rt_sigaction,
		SYS_rt_sigprocmask,
		SYS_arch_prctl,
		SYS_rseq,
		SYS_set_tid_address,
		SYS_set_robust_list,
		SYS_prlimit64,
		SYS_getrandom,
		SYS_getpid,
		SYS_geteuid,
		SYS_getegid,
		SYS_getuid,
		SYS_getgid,
		SYS_umask,
		SYS_fcntl,
		SYS_close,
		SYS_lseek,
		SYS_futex,
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (number == (unsigned long long)others[i])
			return 0;
	}
	return 1;
}

static int finish(pid_t pid, int status)
{
	while (!WIFEXITED(status) && !WIFSIGNALED(status)) {
		int pass = WIFSTOPPED(status) && WSTOPSIG(status) != (SIGTRAP | 0x80) &&
					   WSTOPSIG(status) != SIGTRAP
				   ? WSTOPSIG(status)
				   : 0;

		if (ptrace(PTRACE_CONT, pid, NULL, pass) < 0 || waitpid(pid, &status, 0) < 0)
			return 1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* To the next entry (or exit) of a call; its end: -1. */
static int next_stop(pid_t pid, int *status)
{
	for (int pass = 0;;) {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, pass) < 0 || waitpid(pid, status, 0) < 0)
			return -1;
		if (!WIFSTOPPED(*status))
			return -1;
		if (WSTOPSIG(*status) == (SIGTRAP | 0x80))
			return 0;
		pass = WSTOPSIG(*status) == SIGTRAP ? 0 : WSTOPSIG(*status);
	}
}

static int die(pid_t pid)
{
	int status;

	(void)kill(pid, SIGKILL);
	return waitpid(pid, &status, 0) < 0 ? 1 : 128 + SIGKILL;
}

static int interfere(pid_t pid, const char *how)
{
	struct user_regs_struct registers;
	int status = 0;
	int error = strcmp(how, "EIO") == 0 ? EIO : strcmp(how, "ENOSPC") == 0 ? ENOSPC : 0;

	if (strcmp(how, "before") == 0)
		return die(pid);
	if (error != 0) {
		(void)ptrace(PTRACE_GETREGS, pid, NULL, &registers);
		registers.orig_rax = (unsigned long long)-1;
		(void)ptrace(PTRACE_SETREGS, pid, NULL, &registers);
	}
	if (next_stop(pid, &status) < 0)
		return finish(pid, status);
	if (error == 0)
		return die(pid);
	(void)ptrace(PTRACE_GETREGS, pid, NULL, &registers);
	registers.rax = (unsigned long long)-error;
	(void)ptrace(PTRACE_SETREGS, pid, NULL, &registers);
	return finish(pid, SIGTRAP << 8 | 0x7f);
}

int main(int argc, char **argv)
{
	struct user_regs_struct registers;
	int status;

	if (argc < 5 || strcmp(argv[3], "--") != 0)
		return 2;
	long wanted = strtol(argv[1], NULL, 10);
	pid_t pid = fork();
	if (pid == 0) {
		(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		(void)execv(argv[4], argv + 4);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 1;
	if (ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) < 0)
		return 1;
	for (long n = 0; next_stop(pid, &status) == 0;) {
		(void)ptrace(PTRACE_GETREGS, pid, NULL, &registers);
		if (counts(registers.orig_rax) && ++n == wanted)
			return interfere(pid, argv[2]);
		if (next_stop(pid, &status) < 0)
			break;
	}
	(void)finish(pid, status);
	return NEVER_REACHED;
}
