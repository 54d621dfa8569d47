/* SPDX-License-Identifier: Apache-2.0
 *
 * Storms of signals whose handlers do not restart calls, over calls that no signal ever breaks:
 * none fails, none is done twice. Alone, with threads, in children that inherit the handlers, in
 * children of vfork, and while the handlers themselves are set anew.
 */
#include "../tap.h"
#include "pace.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __x86_64__
#define NR_SOCKET 41
#else
#define NR_SOCKET 359
#endif

#define ROUNDS 1500

static int storm_us;

static char folder[] = "/tmp/storm.XXXXXX";
static const char *failed; /* the first call that did */
static int failed_code;
static volatile sig_atomic_t hits;

static void on_signal(int number)
{
	(void)number;
	hits++;
}

static void expect(bool good, const char *call)
{
	if (good || failed != NULL)
		return;
	failed_code = errno;
	failed = call;
}

static void set_handler(int flags)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};

	sigaction(SIGALRM, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
}

static void storm(int microseconds)
{
	struct itimerval timer = {{0, microseconds}, {0, microseconds}};

	setitimer(ITIMER_REAL, &timer, NULL);
}

/* Before Linux 6.2 it is always asked about, and where no policy looks at anything nobody sees to
 * its signals. */
static bool truncates(const char *path, off_t length)
{
	struct utsname name;
	int r = truncate(path, length);

	while (r < 0 && errno == EINTR && uname(&name) == 0 && strverscmp(name.release, "6.2") < 0)
		r = truncate(path, length);
	return r == 0;
}

/* Every round leaves everything as it was: what is done twice is seen. `own` is of this thread. */
static void call_all(int own, int rounds)
{
	char a[64];
	char b[64];
	char text[64];
	struct stat st;
	struct timespec times[2] = {{1, 2}, {3, 4}};
	char value[8];

	(void)snprintf(a, sizeof(a), "a%d", own);
	(void)snprintf(b, sizeof(b), "b%d", own);
	for (int i = 0; i < rounds && failed == NULL; i++) {
		expect(mkdir(a, 0700) == 0, "mkdir");
		expect(rmdir(a) == 0, "rmdir");
		int fd = open(a, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
		expect(fd >= 0, "open, exclusively");
		expect(link(a, b) == 0, "link");
		expect(unlink(b) == 0, "unlink");
		expect(rename(a, b) == 0, "rename");
		expect(symlink(b, a) == 0, "symlink");
		expect(readlink(a, text, sizeof(text)) == (ssize_t)strlen(b), "readlink");
		expect(stat(a, &st) == 0, "stat");
		expect(lstat(a, &st) == 0 && S_ISLNK(st.st_mode), "lstat");
		expect(chmod(b, 0640) == 0, "chmod");
		expect(access(b, R_OK) == 0, "access");
		expect(utimensat(AT_FDCWD, b, times, 0) == 0, "utimensat");
		expect(truncates(b, 10), "truncate");
		expect(fstat(fd, &st) == 0 && st.st_size == 10, "fstat");
		expect(pwrite(fd, "hello", 5, 0) == 5, "pwrite");
		expect(pread(fd, value, 5, 0) == 5, "pread");
		expect(ftruncate(fd, 0) == 0, "ftruncate");
		expect(close(fd) == 0, "close");
		expect(unlink(a) == 0, "unlink of a link");
		expect(unlink(b) == 0, "unlink of a file");
		expect(mkfifo(a, 0600) == 0, "mkfifo");
		expect(unlink(a) == 0, "unlink of a FIFO");
		expect(chdir(folder) == 0, "chdir");
		expect(getppid() > 0, "getppid");
		expect(kill(getpid(), 0) == 0, "kill");
		expect(getpgid(0) > 0, "getpgid");
		/* The direct call: i386's socketcall is always asked about, and where no policy
		 * looks at anything nobody sees to its signals. */
		fd = (int)syscall(NR_SOCKET, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		expect(fd >= 0, "socket");
		expect(close(fd) == 0, "close of a socket");
		fd = open("/dev/null", O_PATH | O_CLOEXEC);
		expect(fd >= 0, "open with O_PATH");
		expect(dup2(fd, fd) == fd, "dup2");
		expect(close(fd) == 0, "close of a path");
	}
}

static void settle(const char *name)
{
	storm(0);
	if (failed != NULL)
		note("%s failed: %s, after %d signals", failed, strerror(failed_code), (int)hits);
	check(failed == NULL, name);
	failed = NULL;
}

static void alone(void)
{
	set_handler(0);
	storm(storm_us);
	call_all(0, ROUNDS);
	settle("no_call_is_broken_alone");
}

static void repeated(void)
{
	storm(storm_us / 2);
	for (int i = 0; i < 20000; i++)
		expect(syscall(SYS_getppid) > 0, "getppid");
	for (int i = 0; i < 20000; i++)
		expect(kill(getpid(), 0) == 0, "kill");
	settle("no_call_is_broken_that_is_made_again_and_again");
}

static void *call_in_thread(void *arg)
{
	call_all((int)(intptr_t)arg, ROUNDS / 4);
	return NULL;
}

static void in_threads(void *(*other)(void *), const char *name)
{
	pthread_t threads[5];

	storm(storm_us);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, call_in_thread, (void *)(intptr_t)(i + 1));
	pthread_create(&threads[4], NULL, other, (void *)(intptr_t)5);
	for (int i = 0; i < 5; i++)
		pthread_join(threads[i], NULL);
	settle(name);
}

static void *set_handlers(void *arg)
{
	for (int i = 0; i < 2000; i++)
		set_handler(i % 2 == 0 ? SA_RESTART : 0);
	return arg;
}

/* Signals from outside: a timer is not inherited. */
static void in_child(void (*work)(void), const char *name)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		work();
		if (failed != NULL)
			printf("# %s failed: %s, after %d signals\n", failed, strerror(failed_code),
			       (int)hits);
		fflush(stdout);
		_exit(failed != NULL);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		kill(pid, SIGUSR1);
		usleep(storm_us);
	}
	check(WIFEXITED(status) && WEXITSTATUS(status) == 0, name);
}

static void work_in_child(void)
{
	call_all(7, ROUNDS / 4);
}

static void work_with_vfork(void)
{
	for (int i = 0; i < 200 && failed == NULL; i++) {
		int status = 0;
		pid_t pid = vfork();

		/* It has its parent's memory and handlers. */
		if (pid == 0) {
			bool good = mkdir("v", 0700) == 0 && rmdir("v") == 0;

			_exit(good ? 0 : errno);
		}
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		errno = WEXITSTATUS(status);
		expect(status == 0, "mkdir after vfork");
	}
}

static void a_call_that_waits_is_broken(void)
{
	int fds[2];
	char byte;

	if (pipe(fds) < 0)
		return;
	set_handler(0);
	storm(20000);
	check_fails(read(fds[0], &byte, 1), EINTR, "a_call_that_waits_is_broken");
	storm(0);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	if (mkdtemp(folder) == NULL || chdir(folder) < 0)
		return 1;
	storm_us = pace(200);
	alone();
	repeated();
	in_threads(call_in_thread, "no_call_is_broken_in_threads");
	in_threads(set_handlers, "no_call_is_broken_while_handlers_are_set");
	set_handler(0);
	in_child(work_in_child, "no_call_is_broken_in_a_child");
	in_child(work_with_vfork, "no_call_is_broken_after_vfork");
	a_call_that_waits_is_broken();
	(void)chdir("/");
	rmdir(folder);
	return done();
}
