/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: new namespaces open the part of the kernel where most of its holes were found, and old ones
 * lead outside. Every way to make one (unshare, clone, clone3 also with flags changed by another
 * thread) and every way to enter or name another (setns by path and by pidfd, the ioctls of nsfs
 * and of pidfds, listns).
 */
#include "attempt.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static const struct {
	const char *name;
	const char *file;
	unsigned int flag;
} kinds[] = {
	{"user", "user", CLONE_NEWUSER}, {"mount", "mnt", CLONE_NEWNS},
	{"pid", "pid", CLONE_NEWPID},	 {"net", "net", CLONE_NEWNET},
	{"ipc", "ipc", CLONE_NEWIPC},	 {"uts", "uts", CLONE_NEWUTS},
	{"time", "time", CLONE_NEWTIME}, {"cgroup", "cgroup", CLONE_NEWCGROUP},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct clone3_args {
	uint64_t flags;
	uint64_t rest[10];
};

static void by_unshare(void *arg)
{
	unsigned int flags = *(unsigned int *)arg;

	refused(syscall(SYS_unshare, flags), "unshare(0x%x)", flags);
}

static void by_clone(void *arg)
{
	unsigned int flags = *(unsigned int *)arg;
	long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	refused(pid, "clone(0x%x)", flags);
}

static void by_clone3(void *arg)
{
	unsigned int flags = *(unsigned int *)arg;
	struct clone3_args args = {.flags = flags};
	long pid;

	args.rest[3] = SIGCHLD;
	pid = syscall(435, &args, 64);
	if (pid == 0)
		_exit(0);
	refused(pid, "clone3(0x%x)", flags);
}

static volatile struct clone3_args racing;
static volatile bool race_over;

static void *flip(void *arg)
{
	(void)arg;
	while (!race_over) {
		racing.flags = 0;
		racing.flags = CLONE_NEWUSER | CLONE_NEWNS;
	}
	return NULL;
}

static bool in_other_user_namespace(const char *own)
{
	char now[64] = "";

	return readlink("/proc/self/ns/user", now, sizeof(now) - 1) > 0 && strcmp(now, own) != 0;
}

static void clone3_race(void *arg)
{
	char own[64] = "";
	pthread_t thread;
	int escaped = 0;

	(void)arg;
	if (readlink("/proc/self/ns/user", own, sizeof(own) - 1) < 0)
		return;
	racing.rest[3] = SIGCHLD;
	pthread_create(&thread, NULL, flip, NULL);
	for (int i = 0; i < 2000 && escaped == 0; i++) {
		int status = 0;
		long pid = syscall(435, &racing, 64);

		if (pid == 0)
			_exit(in_other_user_namespace(own));
		if (pid > 0 && waitpid((pid_t)pid, &status, 0) == pid)
			escaped += WIFEXITED(status) && WEXITSTATUS(status) == 1;
	}
	race_over = true;
	pthread_join(thread, NULL);
	must_not(escaped > 0, "clone3 with flags that change under the kernel's eyes");
}

/* A descriptor of a namespace of ours, or of its parents and owners: entering counts even if it is
 * where we are already, because the right to do so is what must be missing. */
static void enter(int fd, const char *what)
{
	refused(syscall(SYS_setns, fd, 0), "setns to %s", what);
	for (unsigned int request = 0xb701; request <= 0xb702; request++) {
		int up = ioctl(fd, request);

		if (up < 0)
			continue;
		refused(syscall(SYS_setns, up, 0), "setns to %s's %s", what,
			request == 0xb701 ? "owner" : "parent");
		close(up);
	}
}

static void by_setns(void *arg)
{
	static const char *const whose[] = {"self", "1", "thread-self"};
	char path[64];
	int pid_fd;

	(void)arg;
	for (size_t i = 0; i < 3 * KINDS; i++) {
		int fd;

		(void)snprintf(path, sizeof(path), "/proc/%s/ns/%s", whose[i / KINDS],
			       kinds[i % KINDS].file);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			held("opening %s was refused: %s", path, strerrorname_np(errno));
			continue;
		}
		enter(fd, path);
		close(fd);
	}
	for (int pid = 1; pid <= 2; pid++) {
		pid_fd = (int)syscall(434, pid, 0);
		if (pid_fd < 0)
			continue;
		for (size_t i = 0; i < KINDS; i++)
			refused(syscall(SYS_setns, pid_fd, kinds[i].flag),
				"setns by pidfd of %d to %s", pid, kinds[i].name);
		for (unsigned int request = 0xff01; request <= 0xff0a; request++) {
			int fd = ioctl(pid_fd, request, 0);

			if (fd < 0)
				continue;
			refused(syscall(SYS_setns, fd, 0), "setns by pidfd ioctl 0x%x of %d",
				request, pid);
			close(fd);
		}
		close(pid_fd);
	}
}

/* Mount namespaces can be walked one after the other since 6.12, all kinds listed since 6.19. */
static void by_walking(void *arg)
{
	uint64_t info[4] = {0};
	uint64_t request[8] = {64};
	uint64_t ids[64];
	int fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

	(void)arg;
	if (fd >= 0) {
		refused(ioctl(fd, 0x8010b70bU, info), "the next mount namespace");
		refused(ioctl(fd, 0x8010b70cU, info), "the previous mount namespace");
		close(fd);
	}
	refused(syscall(470, request, ids, 64, 0), "listns");
}

static void maps(void *arg)
{
	static const char *const files[] = {"uid_map", "gid_map", "setgroups", "projid_map"};
	char path[64];

	(void)arg;
	for (size_t i = 0; i < 4; i++) {
		int fd;
		ssize_t length;

		(void)snprintf(path, sizeof(path), "/proc/self/%s", files[i]);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		length = fd < 0 ? -1 : write(fd, i == 2 ? "allow" : "0 0 1", 5);
		refused(length, "writing %s", path);
		if (fd >= 0)
			close(fd);
	}
}

int main(void)
{
	for (size_t i = 0; i < KINDS; i++) {
		unsigned int flag = kinds[i].flag;
		unsigned int with_user = flag | CLONE_NEWUSER;

		in_child(by_unshare, &flag, 5);
		in_child(by_unshare, &with_user, 5);
		if (flag != CLONE_NEWTIME) {
			in_child(by_clone, &flag, 5);
			in_child(by_clone, &with_user, 5);
		}
		in_child(by_clone3, &flag, 5);
	}
	in_child(clone3_race, NULL, 20);
	in_child(by_setns, NULL, 5);
	in_child(by_walking, NULL, 5);
	in_child(maps, NULL, 5);
	return done();
}
