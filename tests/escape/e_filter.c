/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: a guest's own filters and handlers stand in the same chain as the guard. A filter that
 * outranks it (errno, trap, kill for everything), one that allows everything, one with a listener
 * of its own, strict mode, threads brought in line, and what turns filters off: no_new_privs 0,
 * SUSPEND_SECCOMP, user dispatch, a SIGSYS handler that lies. Forbidden stays forbidden.
 */
#include "attempt.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <ucontext.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static long install(unsigned int action, unsigned int flags)
{
	struct sock_filter all[] = {{0x06, 0, 0, action}};
	struct sock_fprog program = {COUNT(all), all};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return syscall(SYS_seccomp, 1, flags, &program);
}

static void still_refused(const char *after)
{
	int ring = (int)syscall(425, 4, NULL);

	must_not(ring >= 0 || (errno != ENOSYS && errno != EPERM), "io_uring after %s", after);
	must_not(syscall(SYS_unshare, 0x10000000) == 0, "a user namespace after %s", after);
	if (canary("FILE") != NULL)
		reads_secret(AT_FDCWD, canary("FILE"), after);
}

static void allow_all(void *arg)
{
	(void)arg;
	still_refused("nothing at all");
	note("a filter that allows: %ld", install(SECCOMP_RET_ALLOW, 0));
	still_refused("a filter that allows everything");
	note("and one that logs: %ld", install(SECCOMP_RET_LOG, 2));
	still_refused("a filter that logs everything");
	prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0);
	must_not(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0, "taking back no_new_privs");
}

static void errno_all(void *arg)
{
	(void)arg;
	/* From here on no call works but exit: what a parent sees is that it ends at all. */
	if (install(SECCOMP_RET_ERRNO | 1, 0) == 0)
		socket(AF_INET, SOCK_STREAM, 0);
	__builtin_trap();
}

static void kill_all(void *arg)
{
	(void)arg;
	install(SECCOMP_RET_KILL_PROCESS, 0);
	socket(AF_INET, SOCK_STREAM, 0);
	broken("going on after a filter that kills");
}

static void listener(void *arg)
{
	struct seccomp_notif_sizes sizes;
	long fd = install(SECCOMP_RET_ALLOW, 8);

	(void)arg;
	refused(fd, "a listener of the guest's own");
	if (fd >= 0)
		close((int)fd);
	note("GET_NOTIF_SIZES: %ld", syscall(SYS_seccomp, 3, 0, &sizes));
	refused(install(SECCOMP_RET_ALLOW, 8 | 1 | 16), "a listener for all threads");
	refused(install(SECCOMP_RET_ALLOW, 8 | 32), "a listener with WAIT_KILLABLE_RECV");
	still_refused("asking for a listener");
}

static void on_sigsys(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	(void)context;
}

static volatile char selector = 0;

/* Where user dispatch is on, calls from outside of a range become SIGSYS; inside they go on to the
 * filters. It must never be the way around them. */
static void dispatch(void *arg)
{
	struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO | SA_NODEFER};
	sigset_t all;

	(void)arg;
	sigaction(SIGSYS, &action, NULL);
	still_refused("a handler for SIGSYS");
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	still_refused("blocking all signals");
	note("user dispatch: %d", prctl(59, 1, 0, 0, &selector));
	still_refused("user dispatch with an open selector");
	note("user dispatch, all addresses: %d", prctl(59, 1, 0, ~0UL >> 1, &selector));
	still_refused("user dispatch for no address");
	note("user dispatch, inverted: %d", prctl(59, 2, 0, ~0UL >> 1, &selector));
	still_refused("user dispatch inverted");
}

static void *second(void *arg)
{
	while (!*(volatile bool *)arg)
		sched_yield();
	still_refused("TSYNC, in another thread");
	return NULL;
}

static void synchronised(void *arg)
{
	static volatile bool go;
	pthread_t thread;

	(void)arg;
	pthread_create(&thread, NULL, second, (void *)(uintptr_t)&go);
	note("TSYNC: %ld", install(SECCOMP_RET_ALLOW, 1));
	go = true;
	pthread_join(thread, NULL);
	still_refused("TSYNC");
}

static void suspend(void *arg)
{
	pid_t child = fork();
	char bytes[800];

	(void)arg;
	if (child == 0) {
		for (;;)
			pause();
	}
	refused(ptrace(PTRACE_SEIZE, child, 0, 1UL << 21), "SEIZE with SUSPEND_SECCOMP");
	if (ptrace(PTRACE_SEIZE, child, 0, 0) == 0) {
		ptrace(PTRACE_INTERRUPT, child, 0, 0);
		waitpid(child, NULL, __WALL);
		refused(ptrace(PTRACE_SETOPTIONS, child, 0, 1UL << 21),
			"SETOPTIONS with SUSPEND_SECCOMP");
		refused(ptrace(PTRACE_SETOPTIONS, child, 0, 0x1002000ffUL),
			"SETOPTIONS with unknown bits");
		refused(ptrace((enum __ptrace_request)0x420c, child, 0, bytes),
			"reading the filter");
		refused(ptrace((enum __ptrace_request)0x420d, child, 16, bytes),
			"reading the filter's flags");
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

int main(void)
{
	int status;

	in_child(allow_all, NULL, 5);
	status = in_child(errno_all, NULL, 5);
	must_not(!WIFSIGNALED(status), "a filter with errno for everything: status 0x%x", status);
	status = in_child(kill_all, NULL, 5);
	must_not(!WIFSIGNALED(status), "a filter that kills for everything: status 0x%x", status);
	in_child(listener, NULL, 5);
	in_child(dispatch, NULL, 5);
	in_child(synchronised, NULL, 10);
	in_child(suspend, NULL, 5);
	return done();
}
