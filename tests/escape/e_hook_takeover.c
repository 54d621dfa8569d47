/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: while the monitor decides a call of a process's leader, another thread executes a program
 * and becomes the leader, stopped for the monitor to see what it executed. What the monitor then
 * says to the leader whose call it has decided must not let the program run as if nothing had
 * happened: with a program that nobody has compared, and memory that nobody has looked at.
 */
#include "hooked.h"

#include <pthread.h>

#define LEAKED 9
#define area   ((char *)AREA_ADDRESS)

static char *self;
static char directory[PATH_MAX];

/* Own memory where decided arguments lie, if the place is free. */
static bool plant(void)
{
	size_t size = AREA_END - AREA_ADDRESS;
	char *at = mmap(area, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | 0x100000,
			-1, 0);

	if (at != area)
		return false;
	for (size_t i = 0; i < size; i += 4096)
		(void)snprintf(at + i, 4096, "%s", directory);
	return true;
}

static int planted(void)
{
	char text[200] = "";
	int fd;

	if (!plant())
		return 3;
	for (int i = 0; i < 3; i++) {
		if (chdir("/") < 0)
			continue;
		fd = open("secret", O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && fd_has_secret(fd, text, sizeof(text)))
			return LEAKED;
	}
	return 0;
}

static void *execute(void *arg)
{
	struct timespec pause = {.tv_nsec = (long)(intptr_t)arg * 1000};
	char word[] = "planted";
	char *const argv[] = {self, word, NULL};

	nanosleep(&pause, NULL);
	execv(self, argv);
	return NULL;
}

static void attack(long round)
{
	pthread_t thread;

	/* The area is there, in this memory. */
	(void)chdir("/");
	pthread_create(&thread, NULL, execute, (void *)(intptr_t)(round * 7919 % 3000));
	for (;;)
		(void)chdir("slow");
}

int main(int argc, char **argv)
{
	long count = races(60);
	long leaked = 0;
	long free_places = 0;

	(void)argc;
	self = argv[0];
	kept = canary("FORBIDDEN");
	if (kept != NULL)
		(void)snprintf(directory, sizeof(directory), "%.*s",
			       (int)(strrchr(kept, '/') - kept), kept);
	if (argv[1] != NULL)
		return planted();
	hooked_init();
	if (chdir(directory) == 0)
		unavailable("directories are not asked about here");
	for (long i = 0; i < count; i++) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0) {
			alarm(20);
			attack(i);
		}
		waitpid(pid, &status, 0);
		leaked += WIFEXITED(status) && WEXITSTATUS(status) == LEAKED;
		free_places += WIFEXITED(status) && WEXITSTATUS(status) != 3;
	}
	must_not(leaked > 0, "a program in a leader's place, %ld times (%ld found the place free)",
		 count, free_places);
	return done();
}
