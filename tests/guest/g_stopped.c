/* SPDX-License-Identifier: Apache-2.0
 *
 * A process that is stopped, at whatever point of whatever call, does nothing until it goes on, and
 * then goes on where it was: no call fails, none is done twice.
 */
#include "../tap.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS	60
#define THREADS 3

struct shared {
	volatile unsigned long calls;
	volatile unsigned long failures;
	volatile int failed;
	volatile int over;
};

static struct shared *shared;

static void count(bool good, int which)
{
	if (!good) {
		shared->failures++;
		shared->failed = which * 1000 + errno;
	}
	__atomic_add_fetch(&shared->calls, 1, __ATOMIC_SEQ_CST);
}

/* Calls that are carried out, made again, made by the kernel. */
static void *call(void *arg)
{
	char name[32];
	struct stat st;

	(void)snprintf(name, sizeof(name), "made%d", (int)(intptr_t)arg);
	while (!shared->over) {
		int fd = open("/", O_PATH | O_CLOEXEC);

		count(fd >= 0 && close(fd) == 0, 1);
		count(mkdir(name, 0700) == 0, 2);
		count(stat(name, &st) == 0 && S_ISDIR(st.st_mode), 3);
		count(chdir(".") == 0, 4);
		count(rmdir(name) == 0, 5);
		fd = open("data", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		count(fd >= 0 && pwrite(fd, "x", 1, 0) == 1 && close(fd) == 0, 6);
	}
	return NULL;
}

static void child(int threads)
{
	pthread_t others[THREADS];

	for (int i = 1; i < threads; i++)
		pthread_create(&others[i], NULL, call, (void *)(intptr_t)i);
	(void)call(NULL);
	for (int i = 1; i < threads; i++)
		pthread_join(others[i], NULL);
	_exit(0);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool goes_on(unsigned long since)
{
	double end = now() + 30;

	while (shared->calls == since && now() < end)
		sched_yield();
	return shared->calls != since;
}

static void stops(int threads, const char *rests, const char *right)
{
	bool moved = false;
	bool hung = false;
	int status = 0;
	pid_t pid;

	*shared = (struct shared){0};
	pid = fork();
	if (pid == 0)
		child(threads);
	for (int i = 0; i < ROUNDS && !moved && !hung; i++) {
		unsigned long before = shared->calls;

		hung = !goes_on(before);
		kill(pid, SIGSTOP);
		waitpid(pid, &status, WUNTRACED);
		if (!WIFSTOPPED(status))
			break;
		before = shared->calls;
		for (double end = now() + 0.003; now() < end;)
			sched_yield();
		moved = shared->calls != before;
		kill(pid, SIGCONT);
	}
	shared->over = 1;
	hung |= waitpid(pid, &status, 0) != pid || !WIFEXITED(status);
	check(!moved, rests);
	if (shared->failures > 0)
		printf("# %lu failed, such as %d\n", shared->failures, shared->failed);
	check(!hung && shared->failures == 0, right);
}

/* A call that waits, stopped while it does. */
static void waits(void)
{
	int status = 0;
	pid_t pid;
	bool good;

	(void)mkfifo("fifo", 0600);
	pid = fork();
	if (pid == 0) {
		char byte = 0;
		int fd = open("fifo", O_RDONLY | O_CLOEXEC);

		_exit(fd >= 0 && read(fd, &byte, 1) == 1 && byte == 'x' ? 0 : 1);
	}
	for (int i = 0; i < 20; i++) {
		kill(pid, SIGSTOP);
		waitpid(pid, &status, WUNTRACED);
		if (!WIFSTOPPED(status))
			break;
		kill(pid, SIGCONT);
		waitpid(pid, &status, WCONTINUED);
	}
	int fd = open("fifo", O_WRONLY | O_CLOEXEC);
	good = write(fd, "x", 1) == 1;
	waitpid(pid, &status, 0);
	check(good && WIFEXITED(status) && WEXITSTATUS(status) == 0,
	      "an_open_that_waits_and_is_stopped_goes_on");
}

int main(void)
{
	char folder[] = "/tmp/stopped.XXXXXX";

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (mkdtemp(folder) == NULL || chdir(folder) < 0)
		return 1;
	stops(1, "a_stopped_process_rests", "calls_of_a_process_that_is_stopped");
	stops(THREADS, "a_stopped_process_with_threads_rests", "calls_of_threads_that_are_stopped");
	waits();
	return done();
}
