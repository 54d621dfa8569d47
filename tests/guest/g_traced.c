/* SPDX-License-Identifier: Apache-2.0
 *
 * Something for cloche trace to show: g_traced WHAT does one thing and exits with 7.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static char *self;

/* Pointers to nowhere, and to the last bytes of what can be read. */
static void wild(void)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec iov[2] = {{(void *)16, (size_t)-1}, {page + 4000, 50}};

	(void)mprotect(page + 4096, 4096, PROT_NONE);
	memset(page, 'x', 4096);
	(void)syscall(SYS_chdir, (void *)-1L);
	(void)syscall(SYS_chdir, page + 4090);
	(void)syscall(SYS_writev, 99, iov, 2);
	(void)syscall(SYS_writev, 99, (void *)8, -1);
	(void)syscall(SYS_write, 99, page + 4000, 5000);
	(void)syscall(SYS_execve, (void *)16, page + 4092, (void *)3);
	(void)syscall(SYS_rt_sigaction, SIGUSR1, (void *)1, (void *)2, (size_t)8);
	(void)syscall(SYS_recvmsg, 99, (void *)page + 4094, 0);
	(void)syscall(SYS_select, -1, page + 4095, (void *)1, (void *)2, (void *)3);
	(void)syscall(SYS_ioctl, 99, 0xffffffffUL, (void *)-1L);
}

static void *in_thread(void *arg)
{
	(void)syscall(SYS_chdir, arg);
	return NULL;
}

static void threads(void)
{
	pthread_t t[3];

	for (int i = 0; i < 3; i++)
		(void)pthread_create(&t[i], NULL, in_thread, (void *)(uintptr_t) "/no/such/thread");
	for (int i = 0; i < 3; i++)
		(void)pthread_join(t[i], NULL);
}

static void *execute(void *arg)
{
	char *const argv[] = {self, arg, NULL};

	(void)execv(self, argv);
	return NULL;
}

/* execve from a thread that leads no group. */
static void take_over(void)
{
	pthread_t t;
	char nothing[] = "nothing";

	(void)pthread_create(&t, NULL, execute, nothing);
	for (;;)
		(void)pause();
}

static void children(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)syscall(SYS_chdir, "/no/such/child");
		_exit(3);
	}
	(void)waitpid(pid, NULL, 0);
}

static void killed(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			(void)pause();
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static void on_signal(int number)
{
	(void)number;
}

static void signalled(void)
{
	(void)signal(SIGUSR1, on_signal);
	(void)raise(SIGUSR1);
}

static void descriptors(void)
{
	int fds[2];
	int fd = open("/etc/passwd", O_RDONLY);
	char byte;

	(void)!read(fd, &byte, 1);
	(void)close(fd);
	fd = open("/etc/group", O_RDONLY);
	(void)!read(fd, &byte, 1);
	(void)dup2(0, fd);
	(void)!lseek(fd, 0, SEEK_CUR);
	(void)pipe(fds);
	(void)!write(fds[1], "", 0);
}

static void network(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	(void)connect(fd, (struct sockaddr *)&to, sizeof(to));
}

static void refused(void)
{
	(void)syscall(SYS_mount, "none", "/mnt", "tmpfs", 0, NULL);
}

/* What is spelled in a way of its own: times that are over, devices, lengths that change, and what
 * became of children. */
static void spelled(void)
{
	struct pollfd fds = {.fd = -1};
	struct timeval soon = {.tv_usec = 1};
	struct stat st;
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);
	siginfo_t info;
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			(void)pause();
	}
	(void)poll(&fds, 1, 1);
	(void)select(0, NULL, NULL, NULL, &soon);
	(void)stat("/dev/null", &st);
	(void)stat("/", &st);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	(void)getsockname(fd, (struct sockaddr *)&name, &length);
	(void)getsockname(fd, (struct sockaddr *)&name, &length);
	(void)kill(pid, SIGKILL);
	(void)waitid(P_PID, (id_t)pid, &info, WEXITED);
	pid = fork();
	if (pid == 0)
		_exit(9);
	(void)waitid(P_PID, (id_t)pid, &info, WEXITED);
}

static void nothing(void)
{
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} all[] = {
		{"wild", wild},		{"threads", threads}, {"take-over", take_over},
		{"children", children}, {"killed", killed},   {"signalled", signalled},
		{"network", network},	{"refused", refused}, {"descriptors", descriptors},
		{"spelled", spelled},	{"nothing", nothing},
	};

	self = argv[0];
	for (size_t i = 0; argc > 1 && i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i].name, argv[1]) != 0)
			continue;
		all[i].run();
		return 7;
	}
	(void)fprintf(stderr, "usage: g_traced WHAT\n");
	return 2;
}
