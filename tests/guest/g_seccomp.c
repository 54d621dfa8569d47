/* SPDX-License-Identifier: Apache-2.0
 *
 * What Linux promises to programs that confine themselves, as browsers do: filters of their own
 * with every action, in both ways to install them, on one thread or on all; strict mode.
 */
#include "../tap.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

/* Everything is allowed but getppid, which gets this action. */
static int install(unsigned int action, unsigned int flags, bool by_prctl)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {4, filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	if (by_prctl)
		return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static int in_child(int (*what)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(what());
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int with_errno(void)
{
	if (install(SECCOMP_RET_ERRNO | ENOTUNIQ, 0, false) < 0)
		return 1;
	return syscall(SYS_getppid) == -1 && errno == ENOTUNIQ ? 0 : 2;
}

static int with_prctl(void)
{
	if (install(SECCOMP_RET_ERRNO | ENOTUNIQ, 0, true) < 0)
		return 1;
	return syscall(SYS_getppid) == -1 && errno == ENOTUNIQ ? 0 : 2;
}

static int the_stricter_wins(void)
{
	if (install(SECCOMP_RET_ERRNO | ENOTUNIQ, 0, false) < 0 ||
	    install(SECCOMP_RET_ALLOW, 0, false) < 0 ||
	    install(SECCOMP_RET_ERRNO | EXDEV, 0, false) < 0)
		return 1;
	return syscall(SYS_getppid) == -1 && errno == EXDEV ? 0 : 2;
}

static volatile sig_atomic_t trapped;

static void on_trap(int number, siginfo_t *info, void *context)
{
	ucontext_t *registers = context;

	if (number == SIGSYS && info->si_code == 1 && info->si_syscall == SYS_getppid)
		trapped = 1;
#ifdef __x86_64__
	registers->uc_mcontext.gregs[REG_RAX] = 4711;
#else
	registers->uc_mcontext.gregs[REG_EAX] = 4711;
#endif
}

static int with_trap(void)
{
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};

	sigaction(SIGSYS, &action, NULL);
	if (install(SECCOMP_RET_TRAP, 0, false) < 0)
		return 1;
	return syscall(SYS_getppid) == 4711 && trapped ? 0 : 2;
}

static int with_kill(void)
{
	if (install(SECCOMP_RET_KILL_PROCESS, 0, false) < 0)
		return 1;
	syscall(SYS_getppid);
	return 2;
}

static int with_log(void)
{
	return install(SECCOMP_RET_LOG, SECCOMP_FILTER_FLAG_LOG, false) == 0 &&
			       syscall(SYS_getppid) > 0
		       ? 0
		       : 1;
}

static int strict(void)
{
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) < 0)
		return errno == EINVAL ? 99 : 1;
	syscall(SYS_getppid);
	return 2;
}

static int kept_by_exec(void)
{
	if (install(SECCOMP_RET_ERRNO | ENOTUNIQ, 0, false) < 0)
		return 1;
	execl("/proc/self/exe", "g_seccomp", "is-filtered", (char *)NULL);
	return 2;
}

static int kept_by_fork(void)
{
	if (install(SECCOMP_RET_ERRNO | ENOTUNIQ, 0, false) < 0)
		return 1;
	return in_child(with_log);
}

static void *look(void *arg)
{
	while (!*(volatile bool *)arg)
		usleep(1000);
	return (void *)(intptr_t)(syscall(SYS_getppid) == -1 && errno == ENOTUNIQ);
}

static int threads(unsigned int flags)
{
	static bool go;
	pthread_t thread;
	void *result = NULL;

	pthread_create(&thread, NULL, look, &go);
	if (install(SECCOMP_RET_ERRNO | ENOTUNIQ, flags, false) != 0)
		return 100;
	__atomic_store_n(&go, true, __ATOMIC_SEQ_CST);
	pthread_join(thread, &result);
	return result != NULL ? 1 : 0;
}

static int one_thread(void)
{
	return threads(0);
}

static int all_threads(void)
{
	return threads(SECCOMP_FILTER_FLAG_TSYNC);
}

/* A tracer answers for its child's filter. */
static int with_tracer(void)
{
	int status = 0;
	unsigned long data = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) < 0)
			_exit(99);
		raise(SIGSTOP);
		if (install(SECCOMP_RET_TRACE | 7, 0, false) < 0)
			_exit(1);
		_exit(syscall(SYS_getppid) > 0 ? 0 : 2);
	}
	waitpid(pid, &status, __WALL);
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL);
	ptrace(PTRACE_CONT, pid, 0, 0);
	if (waitpid(pid, &status, __WALL) != pid ||
	    status >> 8 != (SIGTRAP | (PTRACE_EVENT_SECCOMP << 8)))
		return 1;
	if (ptrace(PTRACE_GETEVENTMSG, pid, 0, &data) < 0 || data != 7)
		return 2;
	ptrace(PTRACE_CONT, pid, 0, 0);
	waitpid(pid, &status, __WALL);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}

static int nobody_answers(void)
{
	if (install(SECCOMP_RET_TRACE, 0, false) < 0)
		return 1;
	return syscall(SYS_getppid) == -1 && errno == ENOSYS ? 0 : 2;
}

static void asking(void)
{
	unsigned int action = SECCOMP_RET_ERRNO;
	unsigned int nonsense = 0x12345678;

	check(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0, "errno_is_known");
	check_fails(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &nonsense), EOPNOTSUPP,
		    "nonsense_is_not");
	check_fails(syscall(SYS_seccomp, 99, 0, NULL), EINVAL, "no_such_operation");
	check_fails(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, 16), EFAULT, "a_bad_pointer");
}

int main(int argc, char **argv)
{
	int result;

	if (argc > 1 && strcmp(argv[1], "is-filtered") == 0)
		return syscall(SYS_getppid) == -1 && errno == ENOTUNIQ ? 0 : 3;
	asking();
	check(in_child(with_errno) == 0, "a_filter_with_errno");
	check(in_child(with_prctl) == 0, "a_filter_by_prctl");
	check(in_child(the_stricter_wins) == 0, "filters_add_up");
	check(in_child(with_trap) == 0, "a_filter_with_trap");
	check(in_child(with_kill) == -SIGSYS, "a_filter_that_kills");
	check(in_child(with_log) == 0, "a_filter_that_logs");
	result = in_child(strict);
	if (result == 99)
		skip("strict_mode", "a filter is there already, in a box as elsewhere");
	else
		check(result == -SIGKILL, "strict_mode");
	check(in_child(kept_by_exec) == 0, "exec_keeps_it");
	check(in_child(kept_by_fork) == 1, "fork_keeps_it");
	check(in_child(one_thread) == 0, "a_filter_of_one_thread");
	check(in_child(all_threads) == 1, "a_filter_of_all_threads");
	result = in_child(with_tracer);
	if (result == 99)
		skip("a_filter_with_a_tracer", "this environment has no tracing");
	else
		check(result == 0, "a_filter_with_a_tracer");
	check(in_child(nobody_answers) == 0, "a_filter_without_its_tracer");
	return done();
}
