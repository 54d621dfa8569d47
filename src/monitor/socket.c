/* SPDX-License-Identifier: Apache-2.0
 *
 * socketcall of i386: what the filter could read in registers elsewhere lies in memory here, so
 * the sockets are made by the monitor, in the box's network namespace, with the caller's ids and
 * capabilities, from its own copy of the arguments.
 */
#include "base/own.h"
#include "monitor/carry.h"
#include "sys/sys.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add_fd(const struct call *call, int fd, int type, bool send)
{
	struct seccomp_notif_addfd request = {
		.id = call->task.id,
		.srcfd = (uint32_t)fd,
		.newfd_flags = (type & SOCK_CLOEXEC) != 0 ? O_CLOEXEC : 0,
		.flags = send ? SECCOMP_ADDFD_FLAG_SEND : 0,
	};

	return SYS_RESULT(ioctl(call->task.listener_fd, SECCOMP_IOCTL_NOTIF_ADDFD, &request));
}

static int64_t make_socket(const struct call *call)
{
	struct task_entry entry;
	int r = task_enter(&call->task, 0, &entry);

	if (r < 0)
		return r;
	_own_(closep) int fd = SYS_RESULT(
		socket((int)call->args[0], (int)call->args[1] | SOCK_CLOEXEC, (int)call->args[2]));
	task_leave(&entry);
	if (fd < 0)
		return fd;
	r = add_fd(call, fd, (int)call->args[1], true);
	/* EMFILE is the guest's own limit. */
	return r < 0 ? r : CARRY_SENT;
}

/* A descriptor that was handed over cannot be taken back, so it is seen beforehand whether the
 * guest has room for two. (Another thread of it may be faster; then it has one too many.) */
static bool has_room_for_two(const struct task *task)
{
	char path[64];
	char text[4096];
	unsigned long count = 0;

	(void)snprintf(path, sizeof(path), "%d/limits", task->tid);
	if (sys_read_file(rights_proc(task->proc), path, text, sizeof(text)) < 0)
		return false;
	const char *line = strstr(text, "Max open files");
	if (line == NULL)
		return false;
	unsigned long limit = strtoul(line + sizeof("Max open files") - 1, NULL, 10);
	(void)snprintf(path, sizeof(path), "%d/fd", task->tid);
	int fd = sys_openat(rights_proc(task->proc), path, O_RDONLY | O_DIRECTORY);
	_own_(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.' && strtoul(entry->d_name, NULL, 10) < limit)
			count++;
	}
	return dir != NULL && count + 2 <= limit;
}

static int64_t make_pair(const struct call *call)
{
	int fds[2] = {-1, -1};
	int32_t gfds[2];
	int type = (int)call->args[1];
	struct task_entry entry;
	int r = task_enter(&call->task, 0, &entry);

	if (r < 0)
		return r;
	r = SYS_RESULT(
		socketpair((int)call->args[0], type | SOCK_CLOEXEC, (int)call->args[2], fds));
	task_leave(&entry);
	if (r < 0)
		return r;
	_own_(closep) int first_fd = fds[0];
	_own_(closep) int second_fd = fds[1];
	if (!has_room_for_two(&call->task))
		return -EMFILE;
	gfds[0] = add_fd(call, first_fd, type, false);
	if (gfds[0] < 0)
		return gfds[0];
	gfds[1] = add_fd(call, second_fd, type, false);
	if (gfds[1] < 0)
		return gfds[1];
	return task_write(&call->task, call_gaddr(call, 3), gfds, sizeof(gfds));
}

int64_t carry_socket(const struct call *call)
{
	return call->sc == SC_socketpair ? make_pair(call) : make_socket(call);
}
