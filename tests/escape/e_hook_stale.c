/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: a leader's call takes long to carry out, and meanwhile another thread executes a program,
 * which then has the leader's id. What the leader was to be told must not be written into that
 * program's memory, where whoever started it has chosen the place.
 */
#include "hooked.h"

#include <pthread.h>

#define LONG_PATH 4000

/* At the same address in the next program. */
static union {
	struct stat st;
	char text[4096];
} told;

static char path[LONG_PATH + 32];
static char *self;

static void make_path(void)
{
	size_t at = 0;

	while (at < LONG_PATH) {
		path[at++] = '/';
		path[at++] = '.';
	}
	(void)snprintf(path + at, sizeof(path) - at, "/etc/passwd");
}

static void *ask_for_ever(void *arg)
{
	for (;;) {
		(void)stat(path, &told.st);
		(void)!readlink("/bin", told.text, sizeof(told.text));
	}
	return arg;
}

static void *execute(void *arg)
{
	char *const *argv = arg;

	for (int i = 0; i < 3; i++)
		(void)access("/etc/passwd", F_OK);
	execv(self, argv);
	return NULL;
}

/* Nothing here has asked for anything yet. */
static bool was_told(void)
{
	for (int i = 0; i < 200; i++) {
		const volatile char *bytes = told.text;

		for (size_t at = 0; at < sizeof(told.text); at++)
			if (bytes[at] != '\0')
				return true;
		for (volatile int wait = 0; wait < 2000; wait++)
			;
	}
	return false;
}

/* argv: self, how many more. */
static int again(char **argv)
{
	static char number[16];
	static char *next[3];
	int left = atoi(argv[1]);
	pthread_t thread;

	if (was_told())
		return 9;
	if (left == 0)
		return 0;
	(void)snprintf(number, sizeof(number), "%d", left - 1);
	next[0] = self;
	next[1] = number;
	make_path();
	if (pthread_create(&thread, NULL, execute, next) != 0)
		return 4;
	return ask_for_ever(NULL) == NULL;
}

static void chain(void *arg)
{
	char count[16];
	char *const argv[] = {self, count, NULL};

	(void)arg;
	(void)snprintf(count, sizeof(count), "%ld", races(150));
	execv(self, argv);
	_exit(3);
}

int main(int argc, char **argv)
{
	self = argv[0];
	if (argc > 1)
		return again(argv);
	hooked_init();
	int status = in_child(chain, NULL, 120);

	must_not(WIFEXITED(status) && WEXITSTATUS(status) == 9,
		 "an answer to the leader, in the program that took its place");
	must_not(!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 9),
		 "ending otherwise: status %#x", status);
	return done();
}
