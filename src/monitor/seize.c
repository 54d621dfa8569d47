/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/seize.h"

#include "base/own.h"
#include "sys/sys.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>

/* Of each traced thread a stop and its end, at most. */
#define HEARD_MAX 32768U

static struct {
	pid_t pid;
	int status;
} heard[HEARD_MAX];

static volatile sig_atomic_t heard_count;
static sig_atomic_t heard_next;
static bool ready;

/* Who traces hears of stops whether it asks for them or not, so these are kept too. */
static void hear(int signal)
{
	int saved = errno;
	int status;
	pid_t pid;

	(void)signal;
	while ((pid = sys_wait4(-1, &status, __WALL | WNOHANG, NULL)) > 0) {
		if (heard_count == (sig_atomic_t)HEARD_MAX)
			_exit(125); /* Guests that cannot be kept track of: the box ends. */
		heard[heard_count].pid = pid;
		heard[heard_count].status = status;
		heard_count = heard_count + 1;
	}
	errno = saved;
}

int seize_init(void)
{
	const struct sigaction action = {.sa_handler = hear, .sa_flags = SA_RESTART};
	int r = SYS_RESULT(sigaction(SIGCHLD, &action, NULL));

	ready = r == 0;
	return r;
}

int seize(pid_t pid, unsigned options)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	if (ready)
		(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	int r = SYS_RESULT((int)ptrace(PTRACE_SEIZE, pid, NULL, (void *)(uintptr_t)options));
	if (ready)
		(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return r;
}

bool seize_next_heard(pid_t *ret_pid, int *ret_status)
{
	if (heard_next == heard_count) {
		heard_next = 0;
		heard_count = 0;
		return false;
	}
	*ret_pid = heard[heard_next].pid;
	*ret_status = heard[heard_next].status;
	heard_next++;
	return true;
}
