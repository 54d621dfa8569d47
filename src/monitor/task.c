/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/task.h"

#include "base/own.h"
#include "sys/sys.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>

#define PAGE  4096U
#define SHORT 256U

int task_read(const struct task *task, struct gaddr from, void *to, size_t length)
{
	struct iovec local = {.iov_base = to, .iov_len = length};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)from.v, .iov_len = length};
	ssize_t n = SYS_RESULT(process_vm_readv(task->tid, &local, 1, &remote, 1, 0));

	if (rights_wanted(n))
		n = SYS_RESULT(process_vm_readv(task->tid, &local, 1, &remote, 1, 0));

	return n == (ssize_t)length ? 0 : -EFAULT;
}

int task_write(const struct task *task, struct gaddr to, const void *from, size_t length)
{
	struct iovec local = {.iov_base = (void *)(uintptr_t)from, .iov_len = length};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)to.v, .iov_len = length};
	ssize_t n = SYS_RESULT(process_vm_writev(task->tid, &local, 1, &remote, 1, 0));

	if (rights_wanted(n))
		n = SYS_RESULT(process_vm_writev(task->tid, &local, 1, &remote, 1, 0));

	return n == (ssize_t)length ? 0 : -EFAULT;
}

ssize_t task_read_some(const struct task *task, struct gaddr from, void *to, size_t length)
{
	size_t used = 0;

	while (used < length) {
		uint64_t at = from.v + used;
		size_t part = PAGE - (size_t)(at % PAGE);

		if (part > length - used)
			part = length - used;
		if (task_read(task, (struct gaddr){at}, (char *)to + used, part) < 0)
			break;
		used += part;
	}
	return used == 0 && length > 0 ? -EFAULT : (ssize_t)used;
}

ssize_t task_read_string(const struct task *task, struct gaddr from, char *to, size_t size)
{
	size_t used = 0;

	while (used < size) {
		uint64_t at = from.v + used;
		size_t part = PAGE - (size_t)(at % PAGE);

		/* Most are short, and what lies behind them would only fill caches. */
		if (used == 0 && part > SHORT)
			part = SHORT;
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
	/* A thread that we trace keeps its id until we have heard of its end. */
	return task->listener_fd < 0 ||
	       SYS_RESULT(ioctl(task->listener_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &task->id)) == 0;
}

int task_open_pid(const struct task *task)
{
	char status[8192];
	int fd = sys_pidfd_open(task->tid, O_EXCL); /* PIDFD_THREAD */

	if (fd != -EINVAL)
		return fd;
	/* Before 6.9 only a process has one. A thread's descriptors are its process's, unless it
	 * went out of its way. */
	if (task_read_status(task, status, sizeof(status)) < 0)
		return -ESRCH;
	const char *leader = task_status_field(status, "\nTgid:");
	return leader == NULL ? -ESRCH : sys_pidfd_open((pid_t)strtol(leader, NULL, 10), 0);
}

/* "Max open files            1024                 1048576              files", or "unlimited" */
static unsigned long limit_of(const struct task *task, const char *name)
{
	char path[64];
	char limits[4096];
	const char *line = NULL;

	(void)snprintf(path, sizeof(path), "%d/limits", task->tid);
	if (sys_read_file(rights_proc(task->proc), path, limits, sizeof(limits)) >= 0)
		line = strstr(limits, name);
	if (line == NULL)
		return ULONG_MAX;
	line += strlen(name);
	char *end;
	unsigned long limit = strtoul(line, &end, 10);
	return end != line ? limit : ULONG_MAX;
}

uint64_t task_file_limit(const struct task *task)
{
	return limit_of(task, "\nMax file size");
}

bool task_has_number_left(const struct task *task)
{
	char path[64];
	char status[4096];
	struct stat st;
	unsigned long limit = limit_of(task, "\nMax open files");

	(void)snprintf(path, sizeof(path), "%d/fd", task->tid);
	/* How many are open; before 6.2 it is 0 always. */
	if (sys_fstatat(rights_proc(task->proc), path, &st, 0) == 0 && st.st_size > 0 &&
	    (unsigned long)st.st_size < limit)
		return true;
	/* The first number that has no place in the table yet. */
	if (task_read_status(task, status, sizeof(status)) < 0)
		return false;
	const char *size = task_status_field(status, "\nFDSize:");
	return size != NULL && strtoul(size, NULL, 10) < limit;
}

ssize_t task_read_link(const struct task *task, const char *name, char *to, size_t size)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%d/%s", task->tid, name);
	ssize_t n = sys_readlinkat(rights_proc(task->proc), path, to, size - 1);
	to[n < 0 ? 0 : n] = '\0';
	return n;
}

ssize_t task_read_status(const struct task *task, char *buffer, size_t size)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%d/status", task->tid);
	/* Anybody may read it, and reads the same. */
	ssize_t n = sys_read_file(rights_proc_at_rest(task->proc), path, buffer, size);
	return rights_wanted(n) ? sys_read_file(rights_proc(task->proc), path, buffer, size) : n;
}

const char *task_status_field(const char *status, const char *name)
{
	const char *line = strstr(status, name);

	return line != NULL ? line + strlen(name) : NULL;
}

pid_t task_box_pid(const struct task *task, const char *which)
{
	char status[4096];
	char name[16];
	pid_t pid = 0;

	if (task_read_status(task, status, sizeof(status)) < 0)
		return 0;
	/* "NSpid: outer inner", "NStgid: outer inner": the last is the box's. */
	(void)snprintf(name, sizeof(name), "\nNS%c%s:", which[0] | ' ', which + 1);
	const char *p = task_status_field(status, name);
	while (p != NULL && *p != '\0' && *p != '\n') {
		char *end;
		long value = strtol(p, &end, 10);

		if (end == p || memchr(p, '\n', (size_t)(end - p)) != NULL)
			break;
		pid = (pid_t)value;
		p = end;
	}
	return pid;
}
