/* SPDX-License-Identifier: Apache-2.0
 *
 * Extended attributes. overlayfs in a user namespace keeps its marks (opaque directories,
 * whiteouts) in user.overlay.*; a guest that could write those would decide what diff, commit and
 * a later box see. So the name is looked at, and the call is carried out here on our copies.
 */
#include "base/own.h"
#include "monitor/monitor.h"
#include "sys/sys.h"

#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

/* How the attribute's owner is named. */
enum target { TARGET_FOLLOW, TARGET_NOFOLLOW, TARGET_FD };

static bool starts_with(const char *text, const char *head)
{
	return strncmp(text, head, strlen(head)) == 0;
}

static int check_name(const struct monitor *monitor, const char *name)
{
	if (starts_with(name, "user.overlay.") || starts_with(name, "trusted.overlay."))
		return -EPERM;
	if (!starts_with(name, "security."))
		return 0;
	/* Labels of the host's security modules are not the box's to write, whether or not this
	 * kernel has the module; on the host's own files a file capability would be the host's. */
	bool capability = strcmp(name, "security.capability") == 0;
	return capability && !monitor->keep_set_id ? 0 : -EPERM;
}

static int read_name(struct monitor *monitor, const struct call *call)
{
	ssize_t n = task_read_string(&call->task, call_gaddr(call, 1), monitor->name,
				     sizeof(monitor->name));

	if (n == -ENAMETOOLONG || n == 0)
		return -ERANGE;
	return n < 0 ? (int)n : check_name(monitor, monitor->name);
}

/* The path, with /proc/self meaning the caller: the monitor is not in the box's PID namespace. */
static int read_path(struct monitor *monitor, const struct call *call)
{
	ssize_t n = task_read_string(&call->task, call_gaddr(call, 0), monitor->path,
				     sizeof(monitor->path));
	static const struct {
		const char *head;
		const char *instead;
	} own[] = {{"/proc/self/", ""}, {"/proc/thread-self/", ""}, {"/dev/fd/", "fd/"}};

	if (n < 0)
		return (int)n;
	if (n == 0)
		return -ENOENT;
	for (size_t i = 0; i < ARRAY_LENGTH(own); i++) {
		char copy[sizeof(monitor->path)];

		if (!starts_with(monitor->path, own[i].head))
			continue;
		memcpy(copy, monitor->path, (size_t)n + 1);
		int length = snprintf(monitor->path, sizeof(monitor->path), "/proc/%d/%s%s",
				      task_box_pid(&call->task), own[i].instead,
				      copy + strlen(own[i].head));
		return length >= (int)sizeof(monitor->path) ? -ENAMETOOLONG : 0;
	}
	return 0;
}

static int carry_out(struct monitor *monitor, enum target target, int fd, bool set, size_t size,
		     int flags)
{
	const char *path = monitor->path;
	const char *name = monitor->name;

	switch (target) {
	case TARGET_FOLLOW:
		return set ? SYS_RESULT(setxattr(path, name, monitor->value, size, flags))
			   : SYS_RESULT(removexattr(path, name));
	case TARGET_NOFOLLOW:
		return set ? SYS_RESULT(lsetxattr(path, name, monitor->value, size, flags))
			   : SYS_RESULT(lremovexattr(path, name));
	case TARGET_FD:
		return set ? SYS_RESULT(fsetxattr(fd, name, monitor->value, size, flags))
			   : SYS_RESULT(fremovexattr(fd, name));
	}
	return -EINVAL;
}

static struct verdict change(struct monitor *monitor, const struct call *call, enum target target,
			     bool set)
{
	_own_(closep) int fd = -1;
	size_t size = 0;
	struct task_entry entry;
	int r = target == TARGET_FD ? 0 : read_path(monitor, call);

	if (r == 0)
		r = read_name(monitor, call);
	if (r == 0 && set) {
		uint64_t wanted = call->abi == ABI_I386 ? (uint32_t)call->args[3] : call->args[3];

		if (wanted > sizeof(monitor->value))
			return verdict_deny(E2BIG);
		size = (size_t)wanted;
		r = size > 0 ? task_read(&call->task, call_gaddr(call, 2), monitor->value, size)
			     : 0;
	}
	if (r == 0 && target == TARGET_FD) {
		fd = task_take_fd(&call->task, (int)call->args[0]);
		r = fd < 0 ? fd : 0;
	}
	if (r < 0)
		return verdict_deny(r);
	if (!task_valid(&call->task) || task_enter(&call->task, &entry) < 0)
		return verdict_deny(ESRCH);
	r = carry_out(monitor, target, fd, set, size, set ? (int)call->args[4] : 0);
	task_leave(&entry);
	return verdict_result(r);
}

struct verdict h_setxattr(struct monitor *monitor, const struct call *call)
{
	return change(monitor, call, TARGET_FOLLOW, true);
}

struct verdict h_lsetxattr(struct monitor *monitor, const struct call *call)
{
	return change(monitor, call, TARGET_NOFOLLOW, true);
}

struct verdict h_fsetxattr(struct monitor *monitor, const struct call *call)
{
	return change(monitor, call, TARGET_FD, true);
}

struct verdict h_removexattr(struct monitor *monitor, const struct call *call)
{
	return change(monitor, call, TARGET_FOLLOW, false);
}

struct verdict h_lremovexattr(struct monitor *monitor, const struct call *call)
{
	return change(monitor, call, TARGET_NOFOLLOW, false);
}

struct verdict h_fremovexattr(struct monitor *monitor, const struct call *call)
{
	return change(monitor, call, TARGET_FD, false);
}
