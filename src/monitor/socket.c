/* SPDX-License-Identifier: Apache-2.0
 *
 * socketcall of i386: what the filter could read in registers elsewhere lies in memory here, so
 * the sockets are made by the monitor, in the box's network namespace, from its own copy of the
 * arguments.
 */
#include "base/own.h"
#include "monitor/monitor.h"
#include "sys/sys.h"

#include <dirent.h>
#include <linux/net.h>
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

static struct verdict make_socket(const struct call *call, const uint32_t args[4])
{
	_own_(closep) int fd =
		SYS_RESULT(socket((int)args[0], (int)args[1] | SOCK_CLOEXEC, (int)args[2]));

	if (fd < 0)
		return verdict_deny(fd);
	int r = add_fd(call, fd, (int)args[1], true);
	/* EMFILE is the guest's own limit. */
	return r < 0 ? verdict_deny(r) : (struct verdict){.kind = VERDICT_SENT};
}

/* A descriptor that was handed over cannot be taken back, so it is seen beforehand whether the
 * guest has room for two. (Another thread of it may be faster; then it has one too many.) */
static bool has_room_for_two(const struct task *task)
{
	char path[64];
	char text[4096];
	unsigned long count = 0;

	(void)snprintf(path, sizeof(path), "%d/limits", task->tid);
	if (sys_read_file(task->proc_fd, path, text, sizeof(text)) < 0)
		return false;
	const char *line = strstr(text, "Max open files");
	if (line == NULL)
		return false;
	unsigned long limit = strtoul(line + sizeof("Max open files") - 1, NULL, 10);
	(void)snprintf(path, sizeof(path), "%d/fd", task->tid);
	int fd = sys_openat(task->proc_fd, path, O_RDONLY | O_DIRECTORY);
	_own_(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.' && strtoul(entry->d_name, NULL, 10) < limit)
			count++;
	}
	return dir != NULL && count + 2 <= limit;
}

static struct verdict make_pair(const struct call *call, const uint32_t args[4])
{
	int fds[2] = {-1, -1};
	int32_t gfds[2];
	int r = SYS_RESULT(
		socketpair((int)args[0], (int)args[1] | SOCK_CLOEXEC, (int)args[2], fds));

	if (r < 0)
		return verdict_deny(r);
	_own_(closep) int first_fd = fds[0];
	_own_(closep) int second_fd = fds[1];
	if (!has_room_for_two(&call->task))
		return verdict_deny(EMFILE);
	gfds[0] = add_fd(call, first_fd, (int)args[1], false);
	if (gfds[0] < 0)
		return verdict_deny(gfds[0]);
	gfds[1] = add_fd(call, second_fd, (int)args[1], false);
	if (gfds[1] < 0)
		return verdict_deny(gfds[1]);
	return verdict_result(task_write(&call->task, (struct gaddr){args[3]}, gfds, sizeof(gfds)));
}

struct verdict h_socketcall(struct monitor *monitor, const struct call *call)
{
	uint32_t args[4] = {0};
	bool pair = (uint32_t)call->args[0] == SYS_SOCKETPAIR;
	uint64_t wide[CALL_ARGS_MAX] = {0};

	if (!pair && (uint32_t)call->args[0] != SYS_SOCKET)
		return verdict_deny(EINVAL);
	int r = task_read(&call->task, call_gaddr(call, 1), args, (pair ? 4 : 3) * sizeof(args[0]));
	if (r < 0 || !task_valid(&call->task))
		return verdict_deny(EFAULT);
	for (size_t i = 0; i < 4; i++)
		wide[i] = args[i];
	/* The direct call's rules are this one's. */
	struct answer answer =
		plan_answer(monitor->plan, pair ? SC_socketpair : SC_socket, wide, NULL);
	if (answer.kind == ANSWER_REFUSE)
		return verdict_deny(answer.refuse != 0 ? answer.refuse : ENOSYS);
	return pair ? make_pair(call, args) : make_socket(call, args);
}
