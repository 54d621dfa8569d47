/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: some things the kernel counts for a user wherever he is: who has a user namespace made
 * counts for himself what is done in it. A guest that takes all of them leaves its caller none, who
 * then gets no inotify instance, no timer and no message queue. Takes what it gets of each and says
 * how many that were, waits for the end of its input. Also run outside: what is left there?
 */
#include "attempt.h"

#include <mqueue.h>
#include <sys/inotify.h>

static int instances(void)
{
	int count = 0;

	while (inotify_init1(IN_CLOEXEC) >= 0)
		count++;
	return count;
}

static int signals(void)
{
	union sigval nothing = {0};
	sigset_t set;
	int count = 0;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGRTMIN + 3);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	while (count < 1000000 && sigqueue(getpid(), SIGRTMIN + 3, nothing) == 0)
		count++;
	return count;
}

static int queues(bool keep)
{
	char name[64];
	int count = 0;

	for (; count < 10000; count++) {
		(void)snprintf(name, sizeof(name), "/cloche-%d-%d", getpid(), count);
		if (mq_open(name, O_CREAT | O_RDWR | O_EXCL, 0600, NULL) < 0)
			break;
		if (!keep)
			(void)mq_unlink(name);
	}
	return count;
}

int main(int argc, char **argv)
{
	bool keep = argc > 1 && strcmp(argv[1], "keep") == 0;
	char byte;

	printf("instances=%d signals=%d queues=%d\n", instances(), signals(), queues(keep));
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		continue;
	return 0;
}
