/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: a file of the host on standard input is the thing itself, not a copy: /proc/self/fd opens
 * it anew, in whichever way its owner may, and much can be changed through a descriptor that is for
 * reading only (mode, owner, times, attributes, flags). Everything that changes a file, on it and
 * on what leads to it. CVE-2024-21626 is the same with a directory.
 */
#include "attempt.h"

#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/xattr.h>

#define SET_FLAGS _IOW('f', 2, long)

static const char *const names[] = {"/proc/self/fd/0", "/proc/thread-self/fd/0", "/dev/stdin",
				    "/dev/fd/0", "/proc/1/fd/0"};

static void by_open(const char *name)
{
	static const int ways[] = {
		O_WRONLY,	    O_RDWR,	     O_WRONLY | O_APPEND, O_WRONLY | O_TRUNC,
		O_RDONLY | O_TRUNC, O_RDWR | O_CREAT};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		int fd = open(name, ways[i] | O_CLOEXEC, 0666);

		refused(fd, "open(%s, %#x)", name, ways[i]);
		if (fd >= 0) {
			(void)!write(fd, "changed", 7);
			close(fd);
		}
	}
}

static void by_name(const char *name)
{
	struct timeval times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

	by_open(name);
	refused(truncate(name, 1), "truncate(%s)", name);
	refused(chmod(name, 0777), "chmod(%s)", name);
	refused(chown(name, getuid(), getgid()), "chown(%s)", name);
	refused(utimes(name, times), "utimes(%s)", name);
	refused(setxattr(name, "user.changed", "1", 1, 0), "setxattr(%s)", name);
	refused(removexattr(name, "user.changed"), "removexattr(%s)", name);
}

static void by_descriptor(void)
{
	struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	off_t zero = 0;
	long flags = 0x40; /* nodump */

	refused(write(0, "changed", 7), "write");
	refused(ftruncate(0, 1), "ftruncate");
	refused(fallocate(0, 0, 0, 100), "fallocate");
	refused(fchmod(0, 0777), "fchmod");
	refused(fchown(0, getuid(), getgid()), "fchown");
	refused(futimens(0, times), "futimens");
	refused(fsetxattr(0, "user.changed", "1", 1, 0), "fsetxattr");
	refused(fremovexattr(0, "user.changed"), "fremovexattr");
	refused(ioctl(0, SET_FLAGS, &flags), "FS_IOC_SETFLAGS");
	refused(sendfile(0, 0, &zero, 1), "sendfile");
	refused(fchmodat(0, "", 0777, AT_EMPTY_PATH), "fchmodat with an empty path");
	refused(utimensat(0, "", times, AT_EMPTY_PATH), "utimensat with an empty path");
	refused(fcntl(0, F_SETLEASE, F_WRLCK), "a lease for writing");
	must_not(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 0, 0) != MAP_FAILED,
		 "a shared, writable mapping");
}

/* A name of its own, in a folder that can be written. */
static void by_link(void)
{
	const char *folders[] = {"/tmp", canary("WRITE_DIR"), ".", "/dev/shm"};
	char name[PATH_MAX];

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		if (folders[i] == NULL)
			continue;
		(void)snprintf(name, sizeof(name), "%s/linked", folders[i]);
		refused(linkat(AT_FDCWD, "/proc/self/fd/0", AT_FDCWD, name, AT_SYMLINK_FOLLOW),
			"a link to it in %s", folders[i]);
		refused(linkat(0, "", AT_FDCWD, name, AT_EMPTY_PATH), "a link by descriptor in %s",
			folders[i]);
		(void)unlink(name);
	}
}

int main(void)
{
	struct stat st;

	if (fstat(0, &st) < 0 || !S_ISREG(st.st_mode))
		unavailable("standard input is no file");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		by_name(names[i]);
	by_descriptor();
	by_link();
	reads_secret(0, "../hidden/secret", "beside the input");
	reads_secret(AT_FDCWD, "/proc/self/fd/0/../../hidden/secret", "beside the input");
	return done();
}
