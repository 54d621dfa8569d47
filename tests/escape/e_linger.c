/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: outlive the box. Children that fork twice, lead sessions, ignore every signal that can be
 * ignored, stop themselves, wait in vfork, hold the terminal and the pipes open; then the first
 * process ends (e_linger leave), or waits to be ended (e_linger stay). Each child writes TOKEN,
 * its second argument, into its command line, for the driver to look for, and says "up" when it is.
 */
#include "attempt.h"

#include <sched.h>

static void deaf(void)
{
	/* But for the alarm that ends it all should the box not. */
	for (int number = 1; number <= 64; number++) {
		if (number != SIGALRM)
			signal(number, SIG_IGN);
	}
}

static void wait_for_ever(void)
{
	for (;;)
		pause();
}

static void child(int way)
{
	deaf();
	switch (way) {
	case 0:
		setsid();
		break;
	case 1:
		setsid();
		if (fork() != 0)
			_exit(0);
		alarm(60);
		setsid();
		break;
	case 2:
		raise(SIGSTOP);
		break;
	case 3:
		/* Its parent waits for it without being interruptible. */
		if (vfork() == 0) {
			alarm(60);
			wait_for_ever();
		}
		break;
	case 4:
		for (;;)
			sched_yield();
	case 5:
		if (fork() == 0) {
			alarm(60);
			wait_for_ever();
		}
		_exit(0);
	default:
		prctl(PR_SET_CHILD_SUBREAPER, 1);
		break;
	}
	wait_for_ever();
}

int main(int argc, char **argv)
{
	const char *bound = getenv("LINGER_SECONDS");

	if (argc < 3 || (!boxed() && bound == NULL))
		unavailable("only in a box: e_linger leave|stay TOKEN");
	alarm(60);
	for (int way = 0; way < 7; way++) {
		if (fork() == 0) {
			alarm(60);
			child(way);
		}
	}
	usleep(200000);
	held("started what is to stay");
	printf("1..1\nup\n");
	fflush(stdout);
	if (strcmp(argv[1], "stay") == 0) {
		deaf();
		wait_for_ever();
	}
	return 0;
}
