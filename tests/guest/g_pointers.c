/* SPDX-License-Identifier: Apache-2.0
 *
 * Pointers of every kind, for every role that an argument can have: wild, null, misaligned, at the
 * end of a page, into a hole, across it, longer than any limit. Prints what came of each; what
 * Linux says natively is what must be said on every route (see pointers.bats).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PAGE 4096UL

static char *end;  /* a byte after the last that is there */
static char *hole; /* a page that is there, after one that is not */
static char *big;  /* 8 MiB */
static char folder[] = "/tmp/pointers.XXXXXX";
static char self[PATH_MAX];

#define BIG_SIZE (8UL << 20)

static void say(const char *call, const char *which, long result)
{
	int code = errno;

	if (result < 0)
		printf("%s, %s: %s\n", call, which, strerrorname_np(code));
	else
		printf("%s, %s: %ld\n", call, which, result);
}

static void *at_end(const void *bytes, size_t size)
{
	return memcpy(end - size, bytes, size);
}

struct pointer {
	const char *name;
	const void *address;
};

/* Where nothing is, and where something ends. */
static const struct pointer *bad_pointers(size_t *ret_count)
{
	static struct pointer list[8];
	size_t n = 0;

	list[n++] = (struct pointer){"null", NULL};
	list[n++] = (struct pointer){"one", (void *)1};
	list[n++] = (struct pointer){"wild", (void *)(uintptr_t)0xdead0000};
	list[n++] = (struct pointer){"the kernel's", (void *)(uintptr_t)-4096};
	list[n++] = (struct pointer){"the end", end};
	list[n++] = (struct pointer){"the last byte", end - 1};
	list[n++] = (struct pointer){"the page before", hole - PAGE};
	list[n++] = (struct pointer){"the last of all", (void *)UINTPTR_MAX};
	*ret_count = n;
	return list;
}

/* ---- paths ---- */

static long by_path(int call, const char *path)
{
	struct stat st;
	char text[16];
	struct timespec times[2] = {{1, 0}, {2, 0}};
	int fd;

	switch (call) {
	case 0:
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			close(fd);
		return fd < 0 ? fd : 0;
	case 1:
		return stat(path, &st);
	case 2:
		return access(path, R_OK);
	case 3:
		return readlink(path, text, sizeof(text));
	case 4:
		return mkdir(path, 0700);
	case 5:
		return rmdir(path);
	case 6:
		return unlink(path);
	case 7:
		return chdir(path);
	case 8:
		return truncate(path, 1);
	case 9:
		return chmod(path, 0600);
	case 10:
		return (long)syscall(SYS_utimensat, AT_FDCWD, path, times, 0);
	case 11:
		return rename(path, "there");
	case 12:
		return rename("here", path);
	case 13:
		return link(path, "there");
	case 14:
		return link("here", path);
	case 15:
		return symlink("target", path);
	case 16:
		return symlink(path, "there");
	case 17:
		return (long)getxattr(path, "user.x", text, sizeof(text));
	case 18:
		return (long)getxattr("here", path, text, sizeof(text));
	case 19:
		return setxattr("here", path, "v", 1, 0);
	case 20:
		return chown(path, getuid(), getgid());
	case 21:
		return mkfifo(path, 0600);
	case 22:
		fd = open(path, O_PATH | O_CLOEXEC);
		if (fd >= 0)
			close(fd);
		return fd < 0 ? fd : 0;
	default:
		return -2;
	}
}

static const char *const path_calls[] = {
	"open",	      "stat",	  "access",	      "readlink",
	"mkdir",      "rmdir",	  "unlink",	      "chdir",
	"truncate",   "chmod",	  "utimensat",	      "rename",
	"rename to",  "link",	  "link to",	      "symlink at",
	"symlink to", "getxattr", "getxattr's name",  "setxattr's name",
	"chown",      "mkfifo",	  "open with O_PATH",
};

/* As it was, whatever has been done. */
static void clean(void)
{
	static const char *const names[] = {"there", "q", "here", "x"};
	int fd;

	(void)chdir(folder);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)unlink(names[i]);
		(void)rmdir(names[i]);
	}
	fd = open("here", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	close(fd);
}

static void paths(void)
{
	size_t count;
	const struct pointer *bad = bad_pointers(&count);

	for (int call = 0; call < (int)(sizeof(path_calls) / sizeof(path_calls[0])); call++) {
		const char *name = path_calls[call];

		for (size_t i = 0; i < count; i++) {
			end[-1] = 'x'; /* No NUL before the end. */
			say(name, bad[i].name, by_path(call, bad[i].address));
		}
		say(name, "nothing", by_path(call, at_end("", 1)));
		say(name, "just before the end", by_path(call, at_end("/nowhere/x", 11)));
		/* ".///...///q" */
		memset(big, '/', PATH_MAX);
		big[0] = '.';
		big[PATH_MAX - 1] = '\0';
		big[PATH_MAX - 2] = 'q';
		say(name, "as long as can be", by_path(call, big));
		big[PATH_MAX - 1] = 'q';
		big[PATH_MAX] = '\0';
		say(name, "a byte longer", by_path(call, big));
		memset(big, 'a', BIG_SIZE);
		say(name, "without an end", by_path(call, big));
		memset(big, 'a', 300);
		big[300] = '\0';
		say(name, "a name too long", by_path(call, big));
		memcpy(hole, "/nowhere", 9);
		memset(hole - 2 * PAGE, '/', PAGE);
		say(name, "into the hole", by_path(call, hole - PAGE - 5));
		clean();
		(void)unlink("there");
		(void)rmdir("there");
	}
}

/* ---- argv ---- */

static long run(char *const *argv, char *const *environment)
{
	int status = 0;
	pid_t pid = vfork();
	static volatile int code;

	code = 0;
	if (pid == 0) {
		execve(self, argv, environment);
		code = errno;
		_exit(99);
	}
	waitpid(pid, &status, 0);
	errno = code;
	return code != 0 ? -1 : status;
}

static void strings(void)
{
	static char child[] = "child";
	static char *none[] = {NULL};
	char *argv[] = {self, child, NULL, NULL};
	size_t count;
	const struct pointer *bad = bad_pointers(&count);

	for (size_t i = 0; i < count; i++) {
		if (i == 0)
			continue; /* NULL is an empty argv, with a word in the kernel's log. */
		say("execve's argv", bad[i].name, run((char **)(uintptr_t)bad[i].address, none));
		say("execve's environment", bad[i].name,
		    run(argv, (char **)(uintptr_t)bad[i].address));
		argv[2] = (char *)(uintptr_t)bad[i].address;
		end[-1] = 'x';
		say("a text of argv", bad[i].name, run(argv, none));
		argv[2] = NULL;
	}
	say("execve's argv", "just before the end", run(at_end(argv, 3 * sizeof(char *)), none));
	say("execve's argv", "no null before the end", run(at_end(argv, 2 * sizeof(char *)), none));
	char odd[5 * sizeof(char *)];
	memcpy(odd + 1, argv, 3 * sizeof(char *));
	say("execve's argv", "misaligned", run((char **)(void *)(odd + 1), none));
	argv[2] = at_end("text", 5);
	say("a text of argv", "just before the end", run(argv, none));
	memset(big, 'a', BIG_SIZE);
	big[131071] = '\0';
	argv[2] = big;
	say("a text of argv", "as long as can be", run(argv, none));
	big[131071] = 'a';
	big[131072] = '\0';
	say("a text of argv", "a byte longer", run(argv, none));
	char **many = malloc(200003 * sizeof(char *));
	for (size_t i = 0; i < 200002; i++)
		many[i] = i == 0 ? self : child;
	many[20000] = NULL;
	say("execve's argv", "many", run(many, none));
	big[100000] = '\0';
	for (size_t i = 2; i < 30; i++)
		many[i] = big;
	many[30] = NULL;
	say("execve's argv", "more than the stack takes", run(many, none));
	free(many);
}

/* ---- buffers ---- */

static void buffers(void)
{
	int fd = open("data", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t count;
	const struct pointer *bad = bad_pointers(&count);
	struct iovec iov[3] = {
		{(void *)(uintptr_t) "ab", 2}, {NULL, 0}, {(void *)(uintptr_t) "cd", 2}};
	static struct iovec many[1100];
	volatile size_t negative_size = SIZE_MAX;
	volatile int negative_count = -1;
	int file = (int)(intptr_t)fd;

	for (size_t i = 0; i < count; i++) {
		const void *at = bad[i].address;

		say("pwrite", bad[i].name, pwrite(file, at, 2, 0));
		say("pwrite of nothing", bad[i].name, pwrite(file, at, 0, 0));
		say("writev's array", bad[i].name, writev(file, at, 2));
		say("writev's empty array", bad[i].name, writev(file, at, 0));
		iov[1] = (struct iovec){(void *)(uintptr_t)at, 4};
		(void)lseek(file, 0, SEEK_SET);
		say("a buffer of writev", bad[i].name, writev(file, iov, 3));
		iov[1] = (struct iovec){(void *)(uintptr_t)at, 0};
		say("an empty buffer of writev", bad[i].name, writev(file, iov, 3));
		say("setxattr's value", bad[i].name, setxattr("data", "user.p", at, 2, 0));
	}
	say("pwrite", "more than there is", pwrite(file, end - 3, 10, 0));
	say("pwrite", "a negative size", pwrite(file, "x", negative_size, 0));
	say("pwrite", "before the file", pwrite(file, "x", 1, -1));
	say("writev", "too many", writev(file, many, 1025));
	say("writev", "as many as can be", writev(file, many, 1024));
	say("writev", "a negative count", writev(file, many, negative_count));
	iov[1] = (struct iovec){(void *)(uintptr_t) "x", SIZE_MAX};
	say("a buffer of writev", "a negative size", writev(file, iov, 3));
	memset(big, 'b', BIG_SIZE);
	say("setxattr's value", "too long", setxattr("data", "user.p", big, 65537, 0));
	say("setxattr's name", "too long", setxattr("data", big, "x", 1, 0));
	say("setxattr's name", "nothing", setxattr("data", "", "x", 1, 0));
	close(fd);
	unlink("data");
}

/* ---- addresses and messages ---- */

static void addresses(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "nobody"};
	size_t count;
	const struct pointer *bad = bad_pointers(&count);
	struct iovec iov = {(void *)(uintptr_t) "x", 1};
	struct msghdr message = {.msg_name = &address,
				 .msg_namelen = sizeof(address),
				 .msg_iov = &iov,
				 .msg_iovlen = 1};
	struct msghdr other;

	for (size_t i = 0; i < count; i++) {
		void *at = (void *)(uintptr_t)bad[i].address;

		say("connect", bad[i].name, connect(fd, at, sizeof(address)));
		say("bind", bad[i].name, bind(fd, at, sizeof(address)));
		say("sendto", bad[i].name, sendto(fd, "x", 1, 0, at, sizeof(address)));
		say("sendto's data", bad[i].name,
		    sendto(fd, at, 1, 0, (struct sockaddr *)&address, sizeof(address)));
		say("sendmsg", bad[i].name, sendmsg(fd, at, 0));
		other = message;
		other.msg_name = at;
		say("sendmsg's address", bad[i].name, sendmsg(fd, &other, 0));
		other = message;
		other.msg_iov = at;
		say("sendmsg's buffers", bad[i].name, sendmsg(fd, &other, 0));
		other = message;
		other.msg_control = at;
		other.msg_controllen = 24;
		say("sendmsg's control", bad[i].name, sendmsg(fd, &other, 0));
		struct mmsghdr two[2] = {{.msg_hdr = message}, {.msg_hdr = message}};
		say("sendmmsg", bad[i].name, sendmmsg(fd, at, 2, 0));
		two[0].msg_hdr.msg_name = at;
		say("sendmmsg's address", bad[i].name, sendmmsg(fd, two, 2, 0));
		say("setsockopt", bad[i].name,
		    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, at, sizeof(int)));
	}
	static const socklen_t sizes[] = {0,   1,   2,	  3,	      110,	  111,
					  128, 129, 4096, 0x7fffffff, 0x80000000, 0xffffffff};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "size %x", sizes[i]);
		memcpy(big, &address, sizeof(address));
		say("connect", name, connect(fd, (struct sockaddr *)(void *)big, sizes[i]));
		say("sendto", name,
		    sendto(fd, "x", 1, 0, (struct sockaddr *)(void *)big, sizes[i]));
		other = message;
		other.msg_name = big;
		other.msg_namelen = sizes[i];
		say("sendmsg", name, sendmsg(fd, &other, 0));
		other = message;
		other.msg_iovlen = sizes[i];
		other.msg_iov = (void *)big;
		if (sizes[i] > 1024)
			say("sendmsg's buffers", name, sendmsg(fd, &other, 0));
	}
	say("connect", "just before the end",
	    connect(fd, at_end(&address, sizeof(address)), sizeof(address)));
	say("connect", "more than there is",
	    connect(fd, (struct sockaddr *)(void *)(end - 10), sizeof(address)));
	close(fd);
}

/* ---- structures ---- */

static void structures(void)
{
	size_t count;
	const struct pointer *bad = bad_pointers(&count);
	struct stat st;

	for (size_t i = 0; i < count; i++) {
		const void *at = bad[i].address;

		if (i > 0)
			say("utimensat's times", bad[i].name,
			    syscall(SYS_utimensat, AT_FDCWD, "here", at, 0));
		say("stat's structure", bad[i].name,
		    syscall(SYS_statx, AT_FDCWD, "here", 0, 0x7ff, at));
		say("readlink's buffer", bad[i].name, readlink("link", (char *)(uintptr_t)at, 10));
		say("openat2", bad[i].name, syscall(SYS_openat2, AT_FDCWD, "here", at, 24UL));
		say("getxattr's buffer", bad[i].name,
		    getxattr("here", "user.q", (void *)(uintptr_t)at, 3));
		if (i > 0)
			say("nanosleep", bad[i].name, syscall(SYS_nanosleep, at, NULL));
		if (i > 0)
			say("setrlimit", bad[i].name, syscall(SYS_setrlimit, 7, at));
	}
	uint64_t how[3] = {O_RDONLY, 0, 0};
	say("openat2", "just before the end",
	    syscall(SYS_openat2, AT_FDCWD, "here", at_end(how, sizeof(how)), 24UL) >= 0 ? 0 : -1);
	say("openat2", "too short", syscall(SYS_openat2, AT_FDCWD, "here", how, 8UL));
	memset(big, 0, 8192);
	say("openat2", "longer, and zero",
	    syscall(SYS_openat2, AT_FDCWD, "here", big, 4096UL) >= 0 ? 0 : -1);
	say("openat2", "too long", syscall(SYS_openat2, AT_FDCWD, "here", big, 4097UL));
	big[100] = 1;
	say("openat2", "longer, and not zero", syscall(SYS_openat2, AT_FDCWD, "here", big, 200UL));
	say("stat", "", stat("here", &st));
}

int main(int argc, char **argv)
{
	char *room;

	(void)argv;
	if (argc > 1)
		return 7; /* It was executed. */
	setbuf(stdout, NULL);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 || mkdtemp(folder) == NULL ||
	    chdir(folder) < 0)
		return 1;
	room = mmap(NULL, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	big = mmap(NULL, BIG_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED || big == MAP_FAILED)
		return 1;
	/* there, there, a hole, there, and the end */
	hole = room + 3 * PAGE;
	munmap(room + 2 * PAGE, PAGE);
	end = room + 4 * PAGE;
	munmap(end, 2 * PAGE);
	close(open("here", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
	(void)symlink("here", "link");
	(void)setxattr("here", "user.q", "abc", 3, 0);
	paths();
	close(open("here", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
	strings();
	buffers();
	addresses();
	structures();
	printf("done\n");
	return 0;
}
