/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/signals.h"

#include "base/own.h"

static const int passed[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,  SIGUSR1,  SIGUSR2,
			     SIGCHLD, SIGALRM, SIGCONT, SIGWINCH, SIGTSTP,  SIGVTALRM,
			     SIGPROF, SIGIO,   SIGURG,	SIGPWR,	  SIGSTKFLT};

void signals_passed(sigset_t *ret_set)
{
	(void)sigemptyset(ret_set);
	for (size_t i = 0; i < ARRAY_LENGTH(passed); i++)
		(void)sigaddset(ret_set, passed[i]);
	for (int signal = SIGRTMIN; signal <= SIGRTMAX; signal++)
		(void)sigaddset(ret_set, signal);
}
