/* SPDX-License-Identifier: Apache-2.0
 *
 * What Linux promises to debuggers: tracing a child and attaching to one, stops at calls, memory
 * and registers, breakpoints and single steps, events, reading memory of another process.
 */
#include "../tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile long marked = 0x1234;

static long number_of(pid_t pid)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, pid, 0, &regs) < 0)
		return -1;
#ifdef __x86_64__
	return (long)regs.orig_rax;
#else
	return regs.orig_eax;
#endif
}

static int wait_stop(pid_t pid)
{
	int status = 0;

	return waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status) ? WSTOPSIG(status) : -1;
}

static pid_t traced_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		marked++;
		syscall(SYS_getppid);
		_exit((int)marked & 0xff);
	}
	return pid;
}

static void stops(void)
{
	struct user_regs_struct regs;
	pid_t pid = traced_child();
	int status = 0;
	bool seen = false;

	check(wait_stop(pid) == SIGSTOP, "a_traced_child_stops");
	check(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0,
	      "options");
	check(ptrace(PTRACE_PEEKDATA, pid, (void *)(uintptr_t)&marked, 0) == 0x1234, "peek");
	check(ptrace(PTRACE_POKEDATA, pid, (void *)(uintptr_t)&marked, 0x40) == 0, "poke");
	check(ptrace(PTRACE_GETREGS, pid, 0, &regs) == 0 &&
		      ptrace(PTRACE_SETREGS, pid, 0, &regs) == 0,
	      "registers");
	for (int i = 0; i < 20 && !seen; i++) {
		ptrace(PTRACE_SYSCALL, pid, 0, 0);
		if (wait_stop(pid) != (SIGTRAP | 0x80))
			break;
		seen = number_of(pid) == SYS_getppid;
	}
	check(seen, "a_stop_at_the_call");
	check(ptrace(PTRACE_SYSCALL, pid, 0, 0) == 0 && wait_stop(pid) == (SIGTRAP | 0x80),
	      "and_after_it");
	check(ptrace(PTRACE_SINGLESTEP, pid, 0, 0) == 0 && wait_stop(pid) == SIGTRAP,
	      "a_single_step");
	check(ptrace(PTRACE_CONT, pid, 0, 0) == 0 && waitpid(pid, &status, 0) == pid &&
		      WIFEXITED(status) && WEXITSTATUS(status) == 0x41,
	      "what_was_poked_is_used");
	check(marked == 0x1234, "our_own_is_as_it_was");
}

static void attaching(void)
{
	char bytes[16] = "";
	char path[64];
	struct iovec local = {bytes, sizeof(long)};
	struct iovec remote = {(void *)(uintptr_t)&marked, sizeof(long)};
	int status = 0;
	int fd;
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			usleep(10000);
	}
	check(ptrace(PTRACE_ATTACH, pid, 0, 0) == 0 && wait_stop(pid) == SIGSTOP, "attach");
	check(ptrace(PTRACE_DETACH, pid, 0, 0) == 0, "detach");
	check(ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEEXIT) == 0, "seize");
	check(ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0 && wait_stop(pid) > 0, "interrupt");
	check_fails(ptrace(PTRACE_SEIZE, pid, 0, 0), EPERM, "only_one_tracer");
	check(process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)sizeof(long) &&
		      *(long *)(void *)bytes == 0x1234,
	      "process_vm_readv");
	*(long *)(void *)bytes = 0x5678;
	check(process_vm_writev(pid, &local, 1, &remote, 1, 0) == (ssize_t)sizeof(long) &&
		      ptrace(PTRACE_PEEKDATA, pid, (void *)(uintptr_t)&marked, 0) == 0x5678,
	      "process_vm_writev");
	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	check(fd >= 0 && pread(fd, bytes, 2, (off_t)(uintptr_t)&marked) == 2 && bytes[0] == 0x78,
	      "proc_pid_mem");
	close(fd);
	kill(pid, SIGKILL);
	check(waitpid(pid, &status, __WALL) == pid, "killed_while_traced");
	/* A stop before its end, where it still was in time for one. */
	if (WIFSTOPPED(status)) {
		ptrace(PTRACE_CONT, pid, 0, 0);
		waitpid(pid, &status, __WALL);
	}
	check_fails(ptrace(PTRACE_CONT, pid, 0, 0), ESRCH, "nobody_to_trace");
	check_fails(ptrace(PTRACE_ATTACH, getpid(), 0, 0), EPERM, "not_oneself");
}

/* Is told of a fork, of what the child becomes, and of its end. */
static void events(void)
{
	unsigned long new_pid = 0;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		if (fork() == 0)
			_exit(4);
		wait(NULL);
		_exit(3);
	}
	check(wait_stop(pid) == SIGSTOP, "another_child");
	ptrace(PTRACE_SETOPTIONS, pid, 0,
	       PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL);
	ptrace(PTRACE_CONT, pid, 0, 0);
	check(waitpid(pid, &status, __WALL) == pid &&
		      (status >> 8 == (SIGTRAP | (PTRACE_EVENT_FORK << 8)) ||
		       status >> 8 == (SIGTRAP | (PTRACE_EVENT_CLONE << 8))),
	      "a_fork_is_told");
	check(ptrace(PTRACE_GETEVENTMSG, pid, 0, &new_pid) == 0 && new_pid > 0, "with_its_number");
	check(wait_stop((pid_t)new_pid) == SIGSTOP, "its_child_is_traced_too");
	ptrace(PTRACE_CONT, (pid_t)new_pid, 0, 0);
	check(waitpid((pid_t)new_pid, &status, __WALL) == (pid_t)new_pid &&
		      status >> 8 == (SIGTRAP | (PTRACE_EVENT_EXIT << 8)),
	      "its_end_is_told");
	ptrace(PTRACE_CONT, (pid_t)new_pid, 0, 0);
	ptrace(PTRACE_CONT, pid, 0, 0);
	for (int i = 0; i < 10 && !(WIFEXITED(status) && WEXITSTATUS(status) == 3); i++) {
		pid_t who = waitpid(-1, &status, __WALL);

		if (who < 0)
			break;
		if (WIFSTOPPED(status))
			ptrace(PTRACE_CONT, who, 0, status >> 16 != 0 ? 0 : WSTOPSIG(status));
	}
	check(WIFEXITED(status) && WEXITSTATUS(status) == 3, "and_all_ends_well");
}

static void changed_call(void)
{
	struct user_regs_struct regs;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		_exit(syscall(SYS_getppid) == 77 ? 0 : 1);
	}
	wait_stop(pid);
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	for (int i = 0; i < 20 && number_of(pid) != SYS_getppid; i++) {
		ptrace(PTRACE_SYSCALL, pid, 0, 0);
		if (wait_stop(pid) != (SIGTRAP | 0x80))
			break;
	}
	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	wait_stop(pid);
	ptrace(PTRACE_GETREGS, pid, 0, &regs);
#ifdef __x86_64__
	regs.rax = 77;
#else
	regs.eax = 77;
#endif
	check(ptrace(PTRACE_SETREGS, pid, 0, &regs) == 0, "a_result_is_changed");
	ptrace(PTRACE_CONT, pid, 0, 0);
	check(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0,
	      "and_the_child_believes_it");
}

int main(void)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		_exit(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0 ? 0 : 1);
	waitpid(pid, &status, 0);
	if (status != 0) {
		skip("tracing", "this environment has none");
		(void)done();
		return 77;
	}
	stops();
	attaching();
	events();
	changed_call();
	return done();
}
