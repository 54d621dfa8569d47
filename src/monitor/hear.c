/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/hear.h"

#include "base/own.h"
#include "monitor/rights.h"
#include "sys/sys.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>

/* Of each traced thread a stop and its end, at most. */
#define HEARD_MAX 32768

static struct {
	pid_t pid; /* 0: nobody is told of this */
	int status;
} heard[HEARD_MAX];

static volatile sig_atomic_t count;
static sig_atomic_t next;
static bool ready;

static void keep(pid_t pid, int status)
{
	/* A thread that led no group and has executed a program has its leader's id now. What the
	 * leader had to tell is not to be said of that one. */
	if (status >> 16 == PTRACE_EVENT_EXEC)
		for (sig_atomic_t i = next; i < count; i++)
			if (heard[i].pid == pid)
				heard[i].pid = 0;
	if (count == HEARD_MAX)
		_exit(125); /* Guests that cannot be kept track of: the box ends. */
	heard[count].pid = pid;
	heard[count].status = status;
	count = count + 1;
}

void hear(bool wait)
{
	int status;
	pid_t pid;

	if (next == count) {
		next = 0;
		count = 0;
	}
	while ((pid = sys_wait4(-1, &status, __WALL | (wait ? 0 : WNOHANG), NULL)) > 0) {
		keep(pid, status);
		wait = false;
	}
}

bool hear_next(pid_t *ret_pid, int *ret_status)
{
	while (next < count) {
		*ret_pid = heard[next].pid;
		*ret_status = heard[next].status;
		next++;
		if (*ret_pid != 0)
			return true;
	}
	return false;
}

static void on_child(int signal)
{
	int saved = errno;

	(void)signal;
	hear(false);
	errno = saved;
}

int hear_init(void)
{
	const struct sigaction action = {.sa_handler = on_child, .sa_flags = SA_RESTART};
	int r = SYS_RESULT(sigaction(SIGCHLD, &action, NULL));

	ready = r == 0;
	return r;
}

int hear_seize(pid_t pid, unsigned options)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	if (ready)
		(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	int r = rights_seize(pid, options);
	if (ready)
		(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return r;
}
