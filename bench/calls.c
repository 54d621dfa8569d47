/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls in a loop, timed from inside: calls NAME COUNT prints nanoseconds a call.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void getppid_once(void)
{
	(void)syscall(SYS_getppid);
}

static void stat_once(void)
{
	struct stat st;

	if (stat("/etc/passwd", &st) != 0)
		exit(1);
}

static void open_once(void)
{
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		exit(1);
	close(fd);
}

static double now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

int main(int argc, char **argv)
{
	void (*once)(void) = getppid_once;
	int count = argc > 2 ? atoi(argv[2]) : 20000;

	if (argc > 1 && strcmp(argv[1], "stat") == 0)
		once = stat_once;
	if (argc > 1 && strcmp(argv[1], "openat+close") == 0)
		once = open_once;
	for (int i = 0; i < count / 10; i++)
		once();
	double start = now_ns();
	for (int i = 0; i < count; i++)
		once();
	printf("%.0f\n", (now_ns() - start) / count);
	return 0;
}
