/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: a tracer in the box changes what its tracee asks for after the filter has looked at it: the
 * number at the entry of a call, the arguments, in a stop of a filter of its own (RET_TRACE), by
 * PTRACE_SYSEMU, by switching the code segment, by an own signal frame. The filter has to look
 * again. The forbidden call is io_uring_setup, which needs nothing that could be missing.
 */
#include "attempt.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/user.h>

#define FORBIDDEN 425
#define PARAMS	  120

static char *params; /* for io_uring_setup, zeroed */

static long *number_of(struct user_regs_struct *regs)
{
#ifdef __x86_64__
	return (long *)&regs->orig_rax;
#else
	return &regs->orig_eax;
#endif
}

static void set_arguments(struct user_regs_struct *regs, long a, long b)
{
#ifdef __x86_64__
	regs->rdi = (unsigned long)a;
	regs->rsi = (unsigned long)b;
#else
	regs->ebx = a;
	regs->ecx = b;
#endif
}

static long result_of(const struct user_regs_struct *regs)
{
#ifdef __x86_64__
	return (long)regs->rax;
#else
	return regs->eax;
#endif
}

/* Asks for its pid for ever. */
static pid_t tracee(bool with_filter)
{
	pid_t child = fork();

	if (child == 0) {
		struct sock_filter trace[] = {{0x20, 0, 0, 0},
					      {0x15, 0, 1, SYS_getppid},
					      {0x06, 0, 0, SECCOMP_RET_TRACE},
					      {0x06, 0, 0, SECCOMP_RET_ALLOW}};
		struct sock_fprog program = {4, trace};

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		if (with_filter)
			syscall(SYS_seccomp, 1, 0, &program);
		for (;;)
			syscall(SYS_getppid);
	}
	waitpid(child, NULL, __WALL);
	return child;
}

static void verdict(pid_t child, long result, const char *how)
{
	char link[100] = "";
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%ld", (int)child, result);
	if (result >= 0 && readlink(path, link, sizeof(link) - 1) < 0)
		link[0] = '\0';
	must_not(strstr(link, "io_uring") != NULL ||
			 (result < 0 && result != -ENOSYS && result != -EPERM && result != -4095),
		 "io_uring_setup by %s (result %ld %s)", how, result, link);
	kill(child, SIGKILL);
	waitpid(child, NULL, __WALL);
}

/* Stops at the entry of the call, makes it another one, and looks at what comes out. */
static void rewrite(void *arg)
{
	bool seccomp_stop = *(bool *)arg;
	pid_t child = tracee(seccomp_stop);
	struct user_regs_struct regs;
	int status = 0;

	ptrace(PTRACE_SETOPTIONS, child, 0,
	       PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | (seccomp_stop ? 0x80 : 0));
	for (int i = 0; i < 20; i++) {
		ptrace(seccomp_stop ? PTRACE_CONT : PTRACE_SYSCALL, child, 0, 0);
		if (waitpid(child, &status, __WALL) != child || !WIFSTOPPED(status))
			break;
		ptrace(PTRACE_GETREGS, child, 0, &regs);
		if (*number_of(&regs) == SYS_getppid && (seccomp_stop || i > 1))
			break;
	}
	*number_of(&regs) = FORBIDDEN;
	set_arguments(&regs, 4, (long)(uintptr_t)params);
	ptrace(PTRACE_SETREGS, child, 0, &regs);
	ptrace(PTRACE_SYSCALL, child, 0, 0);
	waitpid(child, &status, __WALL);
	ptrace(PTRACE_GETREGS, child, 0, &regs);
	verdict(child, result_of(&regs),
		seccomp_stop ? "a stop of an own filter" : "a stop at the call");
}

/* Behind PTRACE_SYSEMU the kernel does not run the call; a later resume must not either. */
static void emulate(void *arg)
{
	pid_t child = tracee(false);
	struct user_regs_struct regs;
	int status = 0;

	(void)arg;
	ptrace((enum __ptrace_request)31, child, 0, 0);
	waitpid(child, &status, __WALL);
	ptrace(PTRACE_GETREGS, child, 0, &regs);
	*number_of(&regs) = FORBIDDEN;
	set_arguments(&regs, 4, (long)(uintptr_t)params);
	ptrace(PTRACE_SETREGS, child, 0, &regs);
	ptrace(PTRACE_SYSCALL, child, 0, 0);
	waitpid(child, &status, __WALL);
	ptrace(PTRACE_GETREGS, child, 0, &regs);
	verdict(child, *number_of(&regs) == FORBIDDEN ? result_of(&regs) : -4095, "PTRACE_SYSEMU");
}

/* Puts the tracee in the middle of user code, at an int 0x80 (cd 80) or syscall (0f 05) with
 * registers of the tracer's making, in the code segment of the other ABI too. */
static unsigned char gates[]
	__attribute__((aligned(4096))) = {0xcd, 0x80, 0xcc, 0x90, 0x0f, 0x05, 0xcc, 0x90};

static void jump(void *arg)
{
	int way = *(int *)arg;
	pid_t child = tracee(false);
	struct user_regs_struct regs;
	int status = 0;
	int steps;

	ptrace(PTRACE_GETREGS, child, 0, &regs);
	*number_of(&regs) = -1;
	set_arguments(&regs, 4, (long)(uintptr_t)params);
#ifdef __x86_64__
	regs.rip = (unsigned long)gates + (way == 1 ? 4 : 0);
	regs.rax = FORBIDDEN;
	if (way != 1) {
		regs.rbx = 4;
		regs.rcx = (unsigned long)params;
	}
	if (way == 2)
		regs.cs = 0x23;
#else
	regs.eip = (long)gates;
	regs.eax = FORBIDDEN;
	if (way == 2)
		regs.xcs = 0x33;
#endif
	if (ptrace(PTRACE_SETREGS, child, 0, &regs) < 0)
		note("the code segment cannot be set: %s", strerrorname_np(errno));
	for (steps = 0; steps < 3; steps++) {
		ptrace(PTRACE_CONT, child, 0, 0);
		if (waitpid(child, &status, __WALL) != child || !WIFSTOPPED(status))
			break;
		if (WSTOPSIG(status) == SIGTRAP)
			break;
	}
	if (!WIFSTOPPED(status)) {
		held("a jump of kind %d killed the tracee", way);
		return;
	}
	ptrace(PTRACE_GETREGS, child, 0, &regs);
	verdict(child, (long)(int)result_of(&regs),
		way == 1   ? "a jump to syscall"
		: way == 2 ? "a jump into the other code segment"
			   : "a jump to int 0x80");
}

int main(void)
{
	bool with_filter[] = {false, true};

	params = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | (IS_I386 ? 0 : 0x40), -1, 0);
	if (params == MAP_FAILED ||
	    mprotect(gates, sizeof(gates), PROT_READ | PROT_WRITE | PROT_EXEC) < 0)
		unavailable("no memory for it");
	in_child(rewrite, &with_filter[0], 5);
	in_child(rewrite, &with_filter[1], 5);
	in_child(emulate, NULL, 5);
	for (int way = 0; way < 3; way++)
		in_child(jump, &way, 5);
	return done();
}
