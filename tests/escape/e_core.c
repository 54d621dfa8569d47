/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: when a process crashes the kernel may start a program of the host for it, as the host's
 * root and with the crashed process's memory as input (core_pattern with a pipe), or write a file
 * where the process says. Crashes with every limit and flag raised, and looks what came of it.
 */
#include "attempt.h"

#include <sys/resource.h>

static void crash(void *arg)
{
	struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};

	(void)arg;
	if (setrlimit(RLIMIT_CORE, &all) < 0)
		getrlimit(RLIMIT_CORE, &all);
	all.rlim_cur = all.rlim_max;
	setrlimit(RLIMIT_CORE, &all);
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	*(volatile int *)16 = 1;
}

int main(void)
{
	char pattern[200] = "";
	FILE *file = fopen("/proc/sys/kernel/core_pattern", "re");
	int status;

	if (file != NULL) {
		(void)!fread(pattern, 1, sizeof(pattern) - 1, file);
		fclose(file);
	}
	pattern[strcspn(pattern, "\n")] = '\0';
	status = in_child(crash, NULL, 10);
	must_not(WIFSIGNALED(status) && WCOREDUMP(status) &&
			 (pattern[0] == '|' || pattern[0] == '@'),
		 "handing a core to the host's %s", pattern);
	must_not(WIFSIGNALED(status) && WCOREDUMP(status) && pattern[0] == '/' && !boxed(),
		 "leaving a core in %s", pattern);
	refused(prctl(PR_SET_DUMPABLE, 2, 0, 0, 0), "PR_SET_DUMPABLE 2");
	return done();
}
