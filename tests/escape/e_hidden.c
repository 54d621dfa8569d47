/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: one of the many calls that take a path was forgotten. Every one of them, on a file that is
 * hidden (by "hide"), on one in the private home and on one in the host's /tmp: none may succeed,
 * none may tell whether or what it is.
 */
#include "attempt.h"

#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <utime.h>

#define AT AT_FDCWD

static const char *path;
static const char *kind;
static unsigned char buffer[8192] __attribute__((aligned(64)));

/* A name that does not exist, a mask that cannot be opened: both are fine; but say which. */
static void no(long result, const char *call)
{
	int code = errno;

	if (result == -1 && code != ENOENT && code != EPERM && code != ENOSYS && code != EOPNOTSUPP)
		note("%s of the %s path says %s: there is something", call, kind,
		     strerrorname_np(code));
	errno = code;
	refused(result, "%s of the %s path", call, kind);
}

#define TRY(call, ...)                                                                             \
	do {                                                                                       \
		errno = 0;                                                                         \
		no(syscall(SYS_##call, __VA_ARGS__), #call);                                       \
	} while (0)

/* Calls that headers do not know everywhere. */
#define TRY_NR(name, ...)                                                                          \
	do {                                                                                       \
		errno = 0;                                                                         \
		no(syscall(__VA_ARGS__), name);                                                    \
	} while (0)

static void opening(void)
{
	uint64_t how[3] = {0, 0, 0};
	uint64_t how_path[3] = {O_PATH, 0, 0};

	reads_secret(AT, path, kind);
	TRY(open, path, O_RDONLY, 0);
	TRY(open, path, O_PATH, 0);
	TRY(open, path, O_WRONLY, 0);
	TRY(open, path, O_RDONLY | O_NOFOLLOW | O_NOATIME, 0);
	TRY(openat, AT, path, O_RDONLY, 0);
	TRY(openat, AT, path, O_PATH | O_NOFOLLOW, 0);
	TRY(openat, AT, path, O_RDONLY | O_DIRECTORY, 0);
	TRY_NR("openat2", 437, AT, path, how, sizeof(how));
	TRY_NR("openat2(O_PATH)", 437, AT, path, how_path, sizeof(how_path));
	TRY_NR("open_tree", 428, AT, path, 0);
	TRY(truncate, path, 0);
#if IS_I386
	TRY(truncate64, path, 0, 0);
	TRY(uselib, path);
#endif
}

static void looking(void)
{
	TRY(access, path, F_OK);
	TRY(faccessat, AT, path, F_OK);
	TRY_NR("faccessat2", 439, AT, path, F_OK, 0x200);
	TRY(stat, path, buffer);
	TRY(lstat, path, buffer);
#if IS_I386
	TRY(oldstat, path, buffer);
	TRY(oldlstat, path, buffer);
	TRY(stat64, path, buffer);
	TRY(lstat64, path, buffer);
	TRY(fstatat64, AT, path, buffer, 0);
	TRY(statfs64, path, 84, buffer);
#else
	TRY(newfstatat, AT, path, buffer, 0);
#endif
	TRY(statx, AT, path, 0, 0xfff, buffer);
	TRY(statx, AT, path, 0x2000 | AT_SYMLINK_NOFOLLOW, 0xfff, buffer);
	TRY(statfs, path, buffer);
	TRY(readlink, path, buffer, 100);
	TRY(readlinkat, AT, path, buffer, 100);
	TRY(name_to_handle_at, AT, path, buffer, buffer + 4096, 0);
	TRY(getxattr, path, "user.cloche", buffer, 100);
	TRY(lgetxattr, path, "user.cloche", buffer, 100);
	TRY(listxattr, path, buffer, 100);
	TRY(llistxattr, path, buffer, 100);
	TRY_NR("getxattrat", 464, AT, path, 0, "user.cloche", buffer, 16);
	TRY_NR("listxattrat", 465, AT, path, 0, buffer, 100);
	TRY_NR("file_getattr", 468, AT, path, buffer, 24, 0);
	TRY_NR("inotify_add_watch", SYS_inotify_add_watch, inotify_init(), path, IN_ALL_EVENTS);
	TRY(fanotify_mark, -1, 1, 1, AT, path);
	TRY(quotactl, 0x80000700, path, 0, NULL);
}

static void changing(void)
{
	struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

	TRY(chmod, path, 0777);
	TRY(fchmodat, AT, path, 0777);
	TRY_NR("fchmodat2", 452, AT, path, 0777, 0);
	TRY(chown, path, getuid(), getgid());
	TRY(lchown, path, getuid(), getgid());
	TRY(fchownat, AT, path, getuid(), getgid(), 0);
	TRY(utime, path, NULL);
	TRY(utimes, path, NULL);
	TRY(futimesat, AT, path, NULL);
	TRY(utimensat, AT, path, times, 0);
	TRY(setxattr, path, "user.cloche", "x", 1, 0);
	TRY(lsetxattr, path, "user.cloche", "x", 1, 0);
	TRY(removexattr, path, "user.cloche");
	TRY(lremovexattr, path, "user.cloche");
	TRY_NR("setxattrat", 463, AT, path, 0, "user.cloche", buffer, 16);
	TRY_NR("removexattrat", 466, AT, path, 0, "user.cloche");
	TRY_NR("file_setattr", 469, AT, path, buffer, 24, 0);
	TRY(link, path, "hidden-link");
	TRY(linkat, AT, path, AT, "hidden-link", AT_SYMLINK_FOLLOW);
	TRY(rename, path, "hidden-renamed");
	TRY(renameat, AT, path, AT, "hidden-renamed");
	TRY(renameat2, AT, path, AT, "hidden-renamed", 1);
	TRY(unlink, path);
	TRY(unlinkat, AT, path, 0);
	TRY(rmdir, path);
	TRY(unlinkat, AT, path, AT_REMOVEDIR);
}

static void using(void)
{
	char *const arguments[] = {(char *)(uintptr_t)path, NULL};
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	TRY(chdir, path);
	TRY(chroot, path);
	TRY(execve, path, arguments, NULL);
	TRY(execveat, AT, path, arguments, NULL, 0);
	if (boxed()) {
		TRY(mount, path, "/tmp", NULL, 4096, NULL);
		TRY(umount2, path, 2);
		TRY(pivot_root, path, path);
		TRY(acct, path);
		TRY(swapon, path, 0);
	}
	if (strlen(path) < sizeof(address.sun_path)) {
		strcpy(address.sun_path, path);
		no(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address,
			   sizeof(address)),
		   "connect");
	}
}

/* The same file by roundabout names: through links, "..", /proc and descriptors of its folders. */
static void roundabout(void)
{
	static const char *const forms[] = {"/proc/self/root%s",
					    "/proc/self/cwd/../../../../../..%s",
					    "/proc/thread-self/root%s",
					    "//%s",
					    "/./%s",
					    "/dev/fd/../root%s",
					    "/proc/1/root%s",
					    "/usr/../proc/self/task/../root%s"};
	char name[2 * PATH_MAX];
	char folder[PATH_MAX];
	char *slash;
	int fd;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const char *hole = strstr(forms[i], "%s");

		(void)snprintf(name, sizeof(name), "%.*s%s", (int)(hole - forms[i]), forms[i],
			       path);
		reads_secret(AT, name, kind);
	}
	unlink("hidden-symlink");
	if (symlink(path, "hidden-symlink") == 0) {
		reads_secret(AT, "hidden-symlink", kind);
		TRY(stat, "hidden-symlink", buffer);
		unlink("hidden-symlink");
	}
	(void)snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash == NULL)
		return;
	*slash = '\0';
	fd = open(folder, O_PATH | O_CLOEXEC);
	if (fd >= 0)
		reads_secret(fd, slash + 1, kind);
	close(fd);
}

static void all(void *arg)
{
	(void)arg;
	opening();
	looking();
	using();
	roundabout();
	changing();
}

int main(void)
{
	static const struct {
		const char *name;
		const char *kind;
	} paths[] = {{"HIDDEN", "hidden"},
		     {"FILE", "private"},
		     {"HOST_TMP_FILE", "temporary"},
		     {"SHADOW", "system's secret"}};
	int found = 0;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		path = canary(paths[i].name);
		kind = paths[i].kind;
		if (path == NULL)
			continue;
		found++;
		in_child(all, NULL, 10);
	}
	if (found == 0)
		unavailable("no canary");
	return done();
}
