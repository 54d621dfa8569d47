/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: a process may have the kernel raise a signal instead of making its calls (PR_SET_SYSCALL_
 * USER_DISPATCH), switched by a byte in its memory, which another thread flips. That comes before
 * any filter and any tracer: a call that the monitor has it make (again, or for a descriptor) may
 * never begin, and what was expected of it be taken for the next. Its handler calls, too.
 */
#include "hooked.h"

#include <pthread.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

#define LEAKED 9

static volatile char selector;
static volatile int over;
static volatile int leaked;
static volatile int signals;
static char allowed[PATH_MAX];

static void on_signal(int number)
{
	char text[200];
	int fd;

	(void)number;
	selector = 0;
	signals++;
	fd = (int)syscall(NR(257, 295), AT_FDCWD, kept, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && fd_has_secret(fd, text, sizeof(text)))
		leaked = 1;
	if (fd >= 0)
		close(fd);
}

static void *flip(void *arg)
{
	(void)arg;
	while (!over) {
		for (int i = 0; i < 300; i++)
			__asm__ volatile("pause");
		selector = !selector;
	}
	return NULL;
}

/* Calls that are carried out, and that are made again (O_PATH, chdir). */
static void call(long count)
{
	char text[200];

	for (long i = 0; i < count && !leaked; i++) {
		int flags = i % 2 == 0 ? O_PATH : O_RDONLY;
		int fd = (int)syscall(NR(257, 295), AT_FDCWD, allowed, flags | O_CLOEXEC);

		if (fd >= 0 && fd_has_secret(fd, text, sizeof(text)))
			leaked = 1;
		if (fd >= 0)
			close(fd);
		(void)syscall(NR(80, 12), ".");
	}
}

static int once(long count)
{
	const struct sigaction action = {.sa_handler = on_signal};
	pthread_t thread;

	sigaction(SIGSYS, &action, NULL);
	/* The other one has no selector. */
	pthread_create(&thread, NULL, flip, NULL);
	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, 1, 0UL, 0UL, &selector) < 0)
		_exit(2);
	call(count);
	selector = 0;
	over = 1;
	_exit(leaked ? LEAKED : 0);
}

int main(void)
{
	int tried = 0;
	int ended = 0;

	hooked_init();
	(void)snprintf(allowed, sizeof(allowed), "/etc/passwd");
	for (int i = 0; i < 20; i++) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0)
			_exit(once(races(200)));
		waitpid(pid, &status, 0);
		tried += !WIFEXITED(status) || WEXITSTATUS(status) != 2;
		ended += WIFSIGNALED(status);
		must_not(WIFEXITED(status) && WEXITSTATUS(status) == LEAKED,
			 "calls that signals take the place of, status %#x", status);
	}
	if (tried == 0)
		unavailable("this kernel cannot raise signals instead of calls");
	note("%d of %d killed", ended, tried);
	leaks("afterwards");
	return done();
}
