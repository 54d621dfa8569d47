/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: whoever traces threads of a process while one of them executes a program, or while all of
 * them end, waits for what waits for him. Many threads in decided calls, a program executed by one
 * that is not the leader, an exit, a vfork and kills meanwhile: nothing hangs, nothing is
 * undecided.
 */
#include "hooked.h"

#include <pthread.h>
#include <sched.h>

#define THREADS 12

static char *self;
static volatile int leaked;

static void call_all(void)
{
	char text[200];
	struct stat st;
	int fd = open("/dev/null", O_PATH | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	(void)chdir("/");
	(void)stat("/etc/passwd", &st);
	fd = open(kept, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && fd_has_secret(fd, text, sizeof(text)))
		leaked = 1;
	if (fd >= 0)
		close(fd);
}

static void *call_for_ever(void *arg)
{
	(void)arg;
	for (;;)
		call_all();
	return NULL;
}

static void on_signal(int number)
{
	(void)number;
}

static void *signal_for_ever(void *arg)
{
	struct timespec pause = {.tv_nsec = 100000};

	(void)arg;
	for (; nanosleep(&pause, NULL) == 0;)
		(void)syscall(NR(234, 270), getpid(), getpid(), SIGUSR1);
	return NULL;
}

static void *execute(void *arg)
{
	char *const *argv = arg;

	for (int i = 0; i < 20; i++)
		call_all();
	if (leaked)
		_exit(9);
	execv(self, argv);
	return NULL;
}

static void start(size_t count, void *(*function)(void *), void *arg)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 65536);
	for (size_t i = 0; i < count; i++)
		pthread_create(&thread, &attributes, function, arg);
}

/* argv: self, mode, how many more. */
static int again(char **argv)
{
	static char number[16];
	static char *next[4];
	int left = atoi(argv[2]);

	if (left == 0)
		return 0;
	(void)snprintf(number, sizeof(number), "%d", left - 1);
	next[0] = self;
	next[1] = argv[1];
	next[2] = number;
	if (argv[1][0] == 's') {
		struct sigaction action = {.sa_handler = on_signal};

		sigaction(SIGUSR1, &action, NULL);
		start(1, signal_for_ever, NULL);
	}
	start(THREADS, call_for_ever, NULL);
	start(1, execute, next);
	return call_for_ever(NULL) == NULL;
}

static void chain(void *arg)
{
	char *mode = arg;
	char count[16];
	char *const argv[] = {self, mode, count, NULL};

	(void)snprintf(count, sizeof(count), "%ld", races(20));
	execv(self, argv);
	_exit(3);
}

static void *exit_soon(void *arg)
{
	for (int i = 0; i < 5; i++)
		call_all();
	_exit(leaked ? 9 : (int)(intptr_t)arg);
	return NULL;
}

static void end_while_calling(void *arg)
{
	(void)arg;
	start(THREADS, call_for_ever, NULL);
	start(1, exit_soon, (void *)0);
	(void)call_for_ever(NULL);
}

static void *vfork_for_ever(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20; i++) {
		pid_t pid = vfork();

		if (pid == 0) {
			(void)chdir("/");
			(void)open(kept, O_RDONLY | O_CLOEXEC);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	_exit(leaked ? 9 : 0);
	return NULL;
}

static void vfork_while_calling(void *arg)
{
	(void)arg;
	start(THREADS, call_for_ever, NULL);
	start(3, vfork_for_ever, NULL);
	(void)call_for_ever(NULL);
}

static void kill_while_calling(void *arg)
{
	pid_t pid = fork();
	struct timespec pause = {.tv_nsec = (long)(intptr_t)arg * 1700000};
	int status;

	if (pid == 0)
		end_while_calling(NULL);
	nanosleep(&pause, NULL);
	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid)
		_exit(1);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 0);
}

static void *call_often(void *arg)
{
	for (int i = 0; i < 50; i++)
		call_all();
	return arg;
}

static void many(void *arg)
{
	pthread_t threads[200];
	pthread_attr_t attributes;

	(void)arg;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 65536);
	for (size_t i = 0; i < 200; i++)
		if (pthread_create(&threads[i], &attributes, call_often, NULL) != 0)
			_exit(4);
	for (size_t i = 0; i < 200; i++)
		pthread_join(threads[i], NULL);
	_exit(leaked ? 9 : 0);
}

static void expect(void (*what)(void *), void *arg, int seconds, const char *text)
{
	int status = in_child(what, arg, seconds);

	must_not(!WIFEXITED(status) || WEXITSTATUS(status) != 0, "%s: status %#x", text, status);
}

int main(int argc, char **argv)
{
	static char plain[] = "plain";
	static char signals[] = "signals";

	self = argv[0];
	kept = canary("FORBIDDEN");
	if (argc > 2)
		return again(argv);
	hooked_init();
	/* On a busy machine each program takes seconds to come to its execve. */
	expect(chain, plain, 240, "programs executed by a thread while others call");
	expect(chain, signals, 240,
	       "programs executed by a thread while others call, with signals");
	for (int i = 0; i < 3; i++)
		expect(end_while_calling, NULL, 20, "exit while others call");
	for (int i = 0; i < 3; i++)
		expect(vfork_while_calling, NULL, 20, "vfork while others call");
	for (int i = 1; i < 6; i++)
		expect(kill_while_calling, (void *)(intptr_t)i, 20, "killed while all call");
	expect(many, NULL, 240, "200 threads at once");
	return done();
}
