/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: the box stands on its pid 1 and on the monitor: kill, stop, trace, starve or confuse them,
 * and see what is left of the walls. Only in a box: outside, pid 1 is the machine's own.
 */
#include "attempt.h"

#include <sched.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* The walls still stand: what is refused stays refused. */
static void walls(const char *after)
{
	char state[40] = "?";

	status_line("/proc/1/status", "State", state, sizeof(state));
	must_not(state[0] == 'T' || state[0] == 't' || state[0] == 'Z' || state[0] == '?',
		 "pid 1 is '%s' after %s", state, after);
	must_not(syscall(425, 4, NULL) != -1 || (errno != ENOSYS && errno != EPERM),
		 "io_uring after %s", after);
	if (canary("FILE") != NULL)
		reads_secret(AT_FDCWD, canary("FILE"), after);
}

static void signal_all(void *arg)
{
	siginfo_t info = {.si_code = SI_QUEUE};
	int pid_fd = (int)syscall(434, 1, 0);

	(void)arg;
	for (int number = 1; number <= 64; number++) {
		kill(1, number);
		syscall(SYS_tkill, 1, number);
		syscall(SYS_tgkill, 1, 1, number);
		syscall(SYS_rt_sigqueueinfo, 1, number, &info);
		syscall(SYS_rt_tgsigqueueinfo, 1, 1, number, &info);
		syscall(424, pid_fd, number, NULL, 0);
	}
	walls("all signals to pid 1");
}

static void kill_everyone(void *arg)
{
	(void)arg;
	signal(SIGTERM, SIG_IGN);
	kill(-1, SIGSTOP);
	kill(-1, SIGCONT);
	kill(-1, SIGTERM);
	walls("kill(-1)");
}

static void trace(void *arg)
{
	char bytes[16];
	struct iovec local = {bytes, sizeof(bytes)};
	struct iovec remote = {(void *)0x400000, sizeof(bytes)};
	int pid_fd = (int)syscall(434, 1, 0);

	(void)arg;
	refused(ptrace(PTRACE_SEIZE, 1, 0, 0), "PTRACE_SEIZE of pid 1");
	refused(ptrace(PTRACE_ATTACH, 1, 0, 0), "PTRACE_ATTACH to pid 1");
	refused(process_vm_readv(1, &local, 1, &remote, 1, 0), "reading pid 1's memory");
	refused(process_vm_writev(1, &local, 1, &remote, 1, 0), "writing pid 1's memory");
	for (int fd = 0; fd < 16; fd++) {
		int got = (int)syscall(438, pid_fd, fd, 0);

		refused(got, "pidfd_getfd(1, %d)", fd);
	}
	refused(syscall(SYS_kcmp, 1, getpid(), 0, 0, 0), "kcmp with pid 1");
	walls("tracing pid 1");
}

static void starve(void *arg)
{
	struct rlimit64 none = {0, 0};
	struct sched_param idle = {0};
	cpu_set_t cpus;

	(void)arg;
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	refused(syscall(SYS_prlimit64, 1, RLIMIT_AS, &none, NULL), "prlimit(1, RLIMIT_AS)");
	refused(syscall(SYS_prlimit64, 1, RLIMIT_NOFILE, &none, NULL), "prlimit(1, RLIMIT_NOFILE)");
	refused(syscall(SYS_prlimit64, 1, RLIMIT_CPU, &none, NULL), "prlimit(1, RLIMIT_CPU)");
	refused(sched_setscheduler(1, 5, &idle), "sched_setscheduler(1, SCHED_IDLE)");
	refused(setpriority(PRIO_PROCESS, 1, 19), "setpriority(1)");
	refused(sched_setaffinity(1, sizeof(cpus), &cpus), "sched_setaffinity(1)");
	refused(syscall(NR(251, 289), 1, 1, 3 << 13), "ioprio_set(1)");
	errno = 0;
	int nice = getpriority(PRIO_PROCESS, 1);
	(void)setpriority(PRIO_USER, 0, nice < 19 ? nice + 1 : 19);
	must_not(getpriority(PRIO_PROCESS, 1) != nice, "setpriority for all of the user");
	walls("starving pid 1");
}

/* Orphans and threads by the hundred, all dying at once, with the monitor in the middle of them. */
static void flood(void *arg)
{
	(void)arg;
	for (int round = 0; round < 40; round++) {
		pid_t children[8];

		for (int i = 0; i < 8; i++) {
			children[i] = fork();
			if (children[i] == 0) {
				if (fork() == 0)
					_exit(0);
				for (;;)
					close(socket(AF_INET, SOCK_STREAM, 0));
			}
		}
		for (int i = 0; i < 8; i++) {
			if (children[i] > 0) {
				kill(children[i], SIGKILL);
				waitpid(children[i], NULL, 0);
			}
		}
	}
	walls("children that die while the monitor works for them");
	must_not(socket(AF_UNIX, SOCK_STREAM, 0) < 0, "breaking the monitor for all");
}

int main(void)
{
	if (!boxed())
		unavailable("pid 1 is the machine's own: only in a box");
	in_child(trace, NULL, 10);
	in_child(starve, NULL, 10);
	in_child(flood, NULL, 30);
	in_child(signal_all, NULL, 10);
	walls("all of it");
	fflush(stdout);
	/* The last, because it may end this program too; the plan is printed first. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGCONT, SIG_IGN);
	in_child(kill_everyone, NULL, 10);
	return done();
}
