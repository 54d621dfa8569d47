/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/signals.h"

#include "base/own.h"

#include <stdbool.h>

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

uint64_t signals_ignored(void)
{
	uint64_t ignored = 0;

	for (int signal = 1; signal < NSIG; signal++) {
		struct sigaction action;

		/* The C library keeps two for itself. */
		if (sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
			ignored |= 1ULL << (signal - 1);
	}
	return ignored;
}

void signals_ignore(uint64_t ignored)
{
	for (int signal = 1; signal < NSIG; signal++) {
		bool ignore = (ignored & 1ULL << (signal - 1)) != 0;
		const struct sigaction action = {.sa_handler = ignore ? SIG_IGN : SIG_DFL};

		(void)sigaction(signal, &action, NULL); /* Some cannot be. */
	}
}
