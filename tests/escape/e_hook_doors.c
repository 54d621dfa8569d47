/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: the same call comes by many doors: x86-64's numbers, i386's by int 0x80 from either kind of
 * code, i386's socketcall with its arguments in memory, several messages in one call, x32, a number
 * with a sign, a length with more bits than the kernel looks at. A hook on a call is asked
 * whichever way it comes.
 */
#include "hooked.h"

#include "abi.h"

#include <sys/uio.h>

static char directory[PATH_MAX];

static bool is_secret(long fd)
{
	char text[200] = "";
	bool secret = fd >= 0 && fd_has_secret((int)fd, text, sizeof(text));

	if (fd >= 0)
		close((int)fd);
	return secret;
}

static bool came(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* ---- files ---- */

static void opens(void)
{
	uint64_t how[3] = {O_RDONLY, 0, 0};

	must_not(is_secret(syscall(NR(2, 5), kept, O_RDONLY)), "open");
	must_not(is_secret(syscall(NR(257, 295), AT_FDCWD, kept, O_RDONLY)), "openat");
	must_not(is_secret(syscall(437, AT_FDCWD, kept, how, sizeof(how))), "openat2");
	must_not(is_secret(syscall(NR(257, 295), 12345, kept, O_RDONLY)),
		 "openat with a bad descriptor");
	must_not(is_secret(syscall(NR(304, 342), AT_FDCWD, kept, O_RDONLY)), "open_by_handle_at");
	must_not(syscall(NR(80, 12), directory) == 0, "chdir");
	must_not(syscall(NR(161, 61), directory) == 0, "chroot");
	must_not(syscall(NR(86, 9), kept, "stolen") == 0, "link");
	must_not(syscall(NR(265, 303), AT_FDCWD, kept, AT_FDCWD, "stolen", 0) == 0, "linkat");
	must_not(syscall(NR(82, 38), directory, "stolen") == 0, "rename");
	must_not(syscall(NR(316, 353), AT_FDCWD, directory, AT_FDCWD, "stolen", 0) == 0,
		 "renameat2");
	must_not(syscall(428, AT_FDCWD, directory, 1) >= 0, "open_tree");
	must_not(syscall(433, AT_FDCWD, directory, 0) >= 0, "fspick");
	must_not(syscall(NR(254, 292), 0, kept, 1) > 0, "inotify_add_watch");
}

#ifdef __x86_64__
typedef long (*door)(long nr, long a, long b, long c, long d, long e, long f);

static void i386_opens(door call, const char *how)
{
	uint64_t open_how[3] = {O_RDONLY, 0, 0};
	long path = (long)(uintptr_t)low(kept);
	long in = (long)(uintptr_t)low(directory);

	must_not(is_secret(call(5, path, O_RDONLY, 0, 0, 0, 0)), "open by %s", how);
	must_not(is_secret(call(295, AT_FDCWD, path, O_RDONLY, 0, 0, 0)), "openat by %s", how);
	must_not(is_secret(call(437, AT_FDCWD, path,
				(long)(uintptr_t)low_copy(open_how, sizeof(open_how)),
				sizeof(open_how), 0, 0)),
		 "openat2 by %s", how);
	must_not(call(12, in, 0, 0, 0, 0, 0) == 0, "chdir by %s", how);
	must_not(call(9, path, (long)(uintptr_t)low("stolen"), 0, 0, 0, 0) == 0, "link by %s", how);
	must_not(call(38, in, (long)(uintptr_t)low("stolen"), 0, 0, 0, 0) == 0, "rename by %s",
		 how);
	/* The upper half of a register is nothing to i386. */
	must_not(is_secret(call(5, path | (long)0x5a5a00000000, O_RDONLY, 0, 0, 0, 0)),
		 "open with a wide pointer by %s", how);
}

static void i386_sockets(door call, const char *how, int listener)
{
	struct sockaddr_un address;
	socklen_t size = unix_address(&address, "forbidden");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unsigned int *to = low_copy(&address, sizeof(address));
	unsigned int args[6] = {(unsigned)fd, (unsigned)(uintptr_t)to, size};

	(void)call(362, fd, (long)(uintptr_t)to, size, 0, 0, 0);
	must_not(came(listener), "connect by %s", how);
	(void)call(102, 3, (long)(uintptr_t)low_copy(args, sizeof(args)), 0, 0, 0, 0);
	must_not(came(listener), "connect by socketcall and %s", how);
	close(fd);
}
#endif

/* ---- sockets ---- */

static bool got(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) >= 0;
}

static void sends(void)
{
	struct sockaddr_un address;
	struct sockaddr_un other;
	socklen_t size = unix_address(&address, "forbidden");
	int to = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	static char byte[] = "x";
	struct iovec iov = {byte, 1};
	struct msghdr message = {
		.msg_name = &address, .msg_namelen = size, .msg_iov = &iov, .msg_iovlen = 1};
	struct mmsghdr many[3] = {{.msg_hdr = message}, {.msg_hdr = message}, {.msg_hdr = message}};
	socklen_t other_size = unix_address(&other, "somebody");
	int somebody = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (bind(to, (struct sockaddr *)&address, size) < 0 ||
	    bind(somebody, (struct sockaddr *)&other, other_size) < 0)
		return;
	(void)sendto(fd, "x", 1, 0, (struct sockaddr *)&address, size);
	must_not(got(to), "sendto");
	(void)sendmsg(fd, &message, 0);
	must_not(got(to), "sendmsg");
	(void)sendmmsg(fd, many, 3, 0);
	must_not(got(to), "sendmmsg");
	many[0].msg_hdr.msg_name = &other;
	many[0].msg_hdr.msg_namelen = other_size;
	(void)sendmmsg(fd, many, 3, 0);
	must_not(got(to), "the second message of sendmmsg");
	(void)sendmmsg(fd, many + 1, UINT_MAX, 0);
	must_not(got(to), "very many messages");
	(void)connect(fd, (struct sockaddr *)&address, size);
	(void)send(fd, "x", 1, 0);
	must_not(got(to), "send after connect");
#if IS_I386
	unsigned int args[6] = {
		(unsigned)fd, (unsigned)(uintptr_t) "x", 1, 0, (unsigned)(uintptr_t)&address, size};
	unsigned int message_args[4] = {(unsigned)fd, (unsigned)(uintptr_t)&message, 0};
	unsigned int many_args[4] = {(unsigned)fd, (unsigned)(uintptr_t)many, 3, 0};

	(void)syscall(102, 11, args);
	must_not(got(to), "socketcall's sendto");
	(void)syscall(102, 16, message_args);
	must_not(got(to), "socketcall's sendmsg");
	(void)syscall(102, 20, many_args);
	must_not(got(to), "socketcall's sendmmsg");
	args[1] = (unsigned)(uintptr_t)&address;
	args[2] = size;
	(void)syscall(102, 3, args);
	(void)send(fd, "x", 1, 0);
	must_not(got(to), "socketcall's connect");
	(void)syscall(102, 3 | 0x10000, args);
	(void)send(fd, "x", 1, 0);
	must_not(got(to), "socketcall's connect with more bits");
#endif
}

static void connects(int listener)
{
	struct sockaddr_un address;
	socklen_t size = unix_address(&address, "forbidden");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)syscall(NR(42, 362), fd, &address, size);
	must_not(came(listener), "connect");
#ifdef __x86_64__
	/* The kernel looks at 32 bits of these. */
	(void)syscall(42, (long)fd | 1L << 40, &address, (long)size | 1L << 40);
	must_not(came(listener), "connect with more bits");
#endif
	close(fd);
}

/* ---- programs ---- */

static void executes(const char *self)
{
	static char word[] = "forbidden";
	char *const argv[] = {(char *)(uintptr_t)self, word, NULL};
	int fd = open(self, O_RDONLY | O_CLOEXEC);

	for (int way = 0; way < 3; way++) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0) {
			if (way == 0)
				execve(self, argv, NULL);
			else if (way == 1)
				syscall(NR(322, 358), AT_FDCWD, self, argv, NULL, 0);
			else
				syscall(NR(322, 358), fd, "", argv, NULL, AT_EMPTY_PATH);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		must_not(WIFEXITED(status) && WEXITSTATUS(status) == 9, "a forbidden argument, %d",
			 way);
	}
}

int main(int argc, char **argv)
{
	int listener;

	if (argc > 1)
		return strcmp(argv[1], "forbidden") == 0 ? 9 : 0;
	hooked_init();
	(void)snprintf(directory, sizeof(directory), "%.*s", (int)(strrchr(kept, '/') - kept),
		       kept);
	if (chdir(directory) == 0)
		unavailable("these hooks do not look at all of it");
	listener = listen_on("forbidden", 100);
	(void)fcntl(listener, F_SETFL, O_NONBLOCK);
	opens();
	connects(listener);
	sends();
	executes(argv[0]);
#ifdef __x86_64__
	i386_opens(int80_raw, "int 0x80");
	i386_sockets(int80_raw, "int 0x80", listener);
	if (far32_init()) {
		i386_opens(far32_raw, "a far jump");
		i386_sockets(far32_raw, "a far jump", listener);
	}
	must_not(is_secret(syscall(X32 | 2, kept, O_RDONLY)), "open of x32");
	must_not(is_secret(syscall(2L | 1L << 40, kept, O_RDONLY)), "open with a wide number");
	must_not(is_secret(syscall(257L | 1L << 33, AT_FDCWD, kept, O_RDONLY)),
		 "openat with a wide number");
#endif
	return done();
}
