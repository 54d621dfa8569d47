/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: who traces a fork hears of the child from the child and from its parent. A parent that is
 * killed in between never says it: its child must neither wait for ever nor run unseen. Also killed
 * in the middle of everything else: calls that are decided, made again, held up by others.
 */
#include "hooked.h"

#include <poll.h>
#include <sched.h>

static int out;

static void child(void)
{
	char text[200] = "";
	int fd = open(kept, O_RDONLY | O_CLOEXEC);

	(void)!write(out, fd >= 0 && fd_has_secret(fd, text, sizeof(text)) ? "L" : ".", 1);
	_exit(0);
}

static _Noreturn void fork_for_ever(void)
{
	for (;;) {
		pid_t pid = (pid_t)syscall(NR(57, 2));

		if (pid == 0)
			child();
		(void)chdir("/");
		(void)syscall(NR(80, 12), "/tmp");
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

/* Everybody is gone: nobody holds the pipe's other end. */
static bool ends(int in, bool *leaked)
{
	char bytes[256];
	double end = seconds_now() + 10;

	while (seconds_now() < end) {
		struct pollfd wait = {.fd = in, .events = POLLIN};

		if (poll(&wait, 1, 1000) <= 0)
			continue;
		ssize_t n = read(in, bytes, sizeof(bytes));
		if (n <= 0)
			return true;
		*leaked |= memchr(bytes, 'L', (size_t)n) != NULL;
	}
	return false;
}

int main(void)
{
	bool leaked = false;
	long hung = 0;
	long count = races(60);

	hooked_init();
	for (long i = 0; i < count && hung == 0; i++) {
		struct timespec pause = {.tv_nsec = (i * 7919 % 1000) * 3000};
		int fds[2];
		pid_t pid;

		if (pipe2(fds, O_CLOEXEC) < 0)
			unavailable("no pipe");
		out = fds[1];
		pid = fork();
		if (pid == 0)
			fork_for_ever();
		close(fds[1]);
		(void)!read(fds[0], &(char){0}, 1); /* It has begun. */
		nanosleep(&pause, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		hung += !ends(fds[0], &leaked);
		close(fds[0]);
	}
	must_not(hung > 0, "children of a parent that was killed hang (%ld rounds)", count);
	must_not(leaked, "children of a parent that was killed are undecided");
	return done();
}
