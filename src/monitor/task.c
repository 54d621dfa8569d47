/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/task.h"

#include "base/own.h"
#include "sys/sys.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>

#define PAGE 4096U

int task_read(const struct task *task, struct gaddr from, void *to, size_t length)
{
	struct iovec local = {.iov_base = to, .iov_len = length};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)from.v, .iov_len = length};
	ssize_t n = SYS_RESULT(process_vm_readv(task->tid, &local, 1, &remote, 1, 0));

	return n == (ssize_t)length ? 0 : -EFAULT;
}

int task_write(const struct task *task, struct gaddr to, const void *from, size_t length)
{
	struct iovec local = {.iov_base = (void *)(uintptr_t)from, .iov_len = length};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)to.v, .iov_len = length};
	ssize_t n = SYS_RESULT(process_vm_writev(task->tid, &local, 1, &remote, 1, 0));

	return n == (ssize_t)length ? 0 : -EFAULT;
}

ssize_t task_read_string(const struct task *task, struct gaddr from, char *to, size_t size)
{
	size_t used = 0;

	while (used < size) {
		uint64_t at = from.v + used;
		size_t part = PAGE - (size_t)(at % PAGE);

		if (part > size - used)
			part = size - used;
		int r = task_read(task, (struct gaddr){at}, to + used, part);
		if (r < 0)
			return r;
		const char *end = memchr(to + used, '\0', part);
		if (end != NULL)
			return end - to;
		used += part;
	}
	return -ENAMETOOLONG;
}

bool task_valid(const struct task *task)
{
	return SYS_RESULT(ioctl(task->listener_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &task->id)) == 0;
}

int task_take_fd(const struct task *task, int gfd)
{
	/* A thread that leads no group has no pidfd before 6.9; the group's table is then taken,
	 * which is its own unless it went out of its way. */
	_own_(closep) int pid_fd = sys_pidfd_open(task->tid, O_EXCL); /* PIDFD_THREAD */

	if (pid_fd == -EINVAL)
		pid_fd = sys_pidfd_open(task->tid, 0);
	if (pid_fd < 0)
		return -EBADF;
	int fd = sys_pidfd_getfd(pid_fd, gfd);
	return fd < 0 ? -EBADF : fd;
}

ssize_t task_read_link(const struct task *task, const char *name, char *to, size_t size)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%d/%s", task->tid, name);
	ssize_t n = sys_readlinkat(task->proc_fd, path, to, size - 1);
	to[n < 0 ? 0 : n] = '\0';
	return n;
}

static ssize_t read_status(const struct task *task, char *buffer, size_t size)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%d/status", task->tid);
	return sys_read_file(task->proc_fd, path, buffer, size);
}

static const char *status_field(const char *status, const char *name)
{
	const char *line = strstr(status, name);

	return line != NULL ? line + strlen(name) : NULL;
}

pid_t task_box_pid(const struct task *task)
{
	char status[4096];
	pid_t pid = 0;

	if (read_status(task, status, sizeof(status)) < 0)
		return 0;
	/* "NSpid: outer inner": the last is the box's. */
	const char *p = status_field(status, "\nNSpid:");
	while (p != NULL && *p != '\0' && *p != '\n') {
		char *end;
		long value = strtol(p, &end, 10);

		if (end == p)
			break;
		pid = (pid_t)value;
		p = end;
	}
	return pid;
}

struct authority {
	uid_t fsuid;
	gid_t fsgid;
	size_t group_count;
	gid_t groups[TASK_GROUPS_MAX];
	uint64_t capabilities;
};

/* The fourth of "Uid: real effective saved fs". */
static int fourth(const char *p, uint32_t *ret_value)
{
	char *end;

	if (p == NULL)
		return -ESRCH;
	for (int i = 0; i < 4; i++) {
		*ret_value = (uint32_t)strtoul(p, &end, 10);
		if (end == p)
			return -ESRCH;
		p = end;
	}
	return 0;
}

static int read_authority(const struct task *task, struct authority *a)
{
	char status[8192];
	ssize_t n = read_status(task, status, sizeof(status));

	if (n < 0)
		return -ESRCH;
	int r = fourth(status_field(status, "\nUid:"), &a->fsuid);
	if (r == 0)
		r = fourth(status_field(status, "\nGid:"), &a->fsgid);
	const char *capabilities = status_field(status, "\nCapEff:");
	const char *groups = status_field(status, "\nGroups:");
	if (r < 0 || capabilities == NULL || groups == NULL)
		return -ESRCH;
	a->capabilities = strtoull(capabilities, NULL, 16);
	for (const char *p = groups; *p != '\n' && a->group_count < TASK_GROUPS_MAX;) {
		char *end;
		unsigned long value = strtoul(p, &end, 10);

		if (end == p || memchr(p, '\n', (size_t)(end - p)) != NULL)
			break;
		a->groups[a->group_count++] = (gid_t)value;
		p = end;
	}
	return 0;
}

static uint64_t own_permitted(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	if (SYS_RAW(SYS_capget, &header, data) < 0)
		return 0;
	return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

static int set_effective(uint64_t effective)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	uint64_t permitted = own_permitted();
	struct __user_cap_data_struct data[2] = {
		{.effective = (uint32_t)(effective & permitted), .permitted = (uint32_t)permitted},
		{.effective = (uint32_t)((effective & permitted) >> 32),
		 .permitted = (uint32_t)(permitted >> 32)},
	};

	return SYS_RAW(SYS_capset, &header, data);
}

static bool same_directory(int fd, const char *path)
{
	struct stat a;
	struct stat b;

	return sys_fstat(fd, &a) == 0 && sys_fstatat(AT_FDCWD, path, &b, 0) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int take_ids(const struct authority *a)
{
	int r = sys_setgroups(a->group_count, a->groups);

	/* Where a user namespace may not set groups, all of the box have the same. */
	if (r < 0 && r != -EPERM)
		return r;
	(void)setfsgid(a->fsgid);
	(void)setfsuid(a->fsuid);
	if ((uid_t)setfsuid((uid_t)-1) != a->fsuid || (gid_t)setfsgid((gid_t)-1) != a->fsgid)
		return -EPERM;
	return set_effective(a->capabilities);
}

int task_enter(const struct task *task, struct task_entry *entry)
{
	char path[64];
	struct authority authority = {0};

	*entry = (struct task_entry){.root_fd = -1};
	int r = read_authority(task, &authority);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%d/root", task->tid);
	_own_(closep) int root_fd = sys_openat(task->proc_fd, path, O_PATH | O_DIRECTORY);
	(void)snprintf(path, sizeof(path), "%d/cwd", task->tid);
	_own_(closep) int cwd_fd = sys_openat(task->proc_fd, path, O_PATH | O_DIRECTORY);
	if (root_fd < 0 || cwd_fd < 0 || !task_valid(task))
		return -ESRCH;
	entry->root_fd = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
	if (entry->root_fd < 0)
		return entry->root_fd;
	if (!same_directory(root_fd, "/")) {
		r = sys_fchdir(root_fd);
		if (r == 0)
			r = sys_chroot(".");
		entry->changed_root = r == 0;
	}
	if (r == 0)
		r = sys_fchdir(cwd_fd);
	entry->changed_ids = r == 0;
	if (r == 0)
		r = take_ids(&authority);
	if (r < 0)
		task_leave(entry);
	return r;
}

void task_leave(struct task_entry *entry)
{
	bool failed = false;

	if (entry->changed_ids) {
		failed |= set_effective(UINT64_MAX) < 0;
		uid_t uid = geteuid();
		gid_t gid = getegid();
		(void)setfsuid(uid);
		(void)setfsgid(gid);
		failed |= (uid_t)setfsuid((uid_t)-1) != uid || (gid_t)setfsgid((gid_t)-1) != gid;
		failed |= set_effective(UINT64_MAX) < 0;
	}
	failed |= sys_fchdir(entry->root_fd) < 0;
	if (entry->changed_root)
		failed |= sys_chroot(".") < 0;
	failed |= sys_chdir("/") < 0;
	close_fd(&entry->root_fd);
	if (failed)
		_exit(125); /* Somebody else's authority for good: the box ends instead. */
}
