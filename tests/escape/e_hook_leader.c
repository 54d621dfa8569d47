/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: the leader of a process waits in a call that it was had to make again (a FIFO's open). An
 * other thread executes a program, and that has the leader's id from then on; nobody tells whoever
 * traced the leader. What is remembered of the leader's call must not be said of the program's.
 */
#include "hooked.h"

#include <pthread.h>

static char *self;

static void *execute(void *arg)
{
	struct timespec pause = {.tv_nsec = 30000000};
	char leader[] = "leader";
	char *const argv[] = {self, leader, NULL};

	(void)arg;
	/* The leader has to be in its call; how long that takes cannot be seen from here. */
	nanosleep(&pause, NULL);
	execv(self, argv);
	return NULL;
}

static void attack(void *arg)
{
	pthread_t thread;

	(void)arg;
	pthread_create(&thread, NULL, execute, NULL);
	(void)open("fifo", O_RDONLY | O_CLOEXEC);
	note("the FIFO opened");
}

int main(int argc, char **argv)
{
	(void)argc;
	self = argv[0];
	kept = canary("FORBIDDEN");
	if (argv[1] != NULL) {
		char text[200] = "";

		for (int i = 0; i < 3; i++) {
			int fd = open(kept, O_RDONLY | O_CLOEXEC);

			if (fd >= 0 && fd_has_secret(fd, text, sizeof(text)))
				return 9;
		}
		return open("/dev/null", O_RDONLY) < 0 ? 8 : 7;
	}
	hooked_init();
	(void)unlink("fifo");
	if (mkfifo("fifo", 0600) < 0)
		unavailable("no FIFO");
	for (int i = 0; i < 3; i++) {
		int status = in_child(attack, NULL, 10);

		must_not(!WIFEXITED(status) || WEXITSTATUS(status) == 9,
			 "a program in the place of a leader that waits (status %#x)", status);
		must_not(WIFEXITED(status) && WEXITSTATUS(status) == 8,
			 "that program being refused what is allowed");
	}
	return done();
}
