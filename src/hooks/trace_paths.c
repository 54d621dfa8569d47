/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/trace.h"

#include "base/own.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

/* Calls after which a descriptor, or a file's name, may be another. */
static const enum sc changing[] = {
	SC_close, SC_close_range, SC_dup2,     SC_dup3,	     SC_execve, SC_execveat, SC_unshare,
	SC_clone, SC_rename,	  SC_renameat, SC_renameat2, SC_unlink, SC_unlinkat, SC_rmdir,
};

bool trace_paths_complete(const uint8_t wants[SC_COUNT])
{
	for (size_t i = 0; i < ARRAY_LENGTH(changing); i++)
		if ((wants[changing[i]] & HOOK_AFTER) == 0)
			return false;
	return true;
}

static struct trace_path *place(struct trace_paths *paths, pid_t process, int fd)
{
	return &paths->kept[((unsigned)process * 31U + (unsigned)fd) % PATHS_COUNT];
}

static void forget(struct trace_paths *paths, pid_t process, int fd)
{
	struct trace_path *path = place(paths, process, fd);

	if (path->process == process && path->fd == fd)
		path->process = 0;
}

void trace_paths_forget_all(struct trace_paths *paths)
{
	paths->generation++;
}

/* Descriptors are one process's, and all of its threads have the same ones: so it is nearly always,
 * and where it is not, nothing can be kept. */
static bool is_odd(const struct call *call)
{
	bool files = (call->args[0] & CLONE_FILES) != 0;
	bool thread = (call->args[0] & CLONE_THREAD) != 0;

	return (call->sc == SC_unshare && files) || (call->sc == SC_clone && files != thread);
}

void trace_paths_call(struct trace_paths *paths, pid_t process, const struct call *call)
{
	if (!paths->complete)
		return;
	switch ((int)call->sc) {
	case SC_close:
		forget(paths, process, (int)call->args[0]);
		return;
	case SC_dup2:
	case SC_dup3:
		forget(paths, process, (int)call->args[1]);
		return;
	case SC_unshare:
	case SC_clone:
		if (is_odd(call))
			paths->complete = false;
		return;
	case SC_close_range:
	case SC_execve:
	case SC_execveat:
	case SC_rename:
	case SC_renameat:
	case SC_renameat2:
	case SC_unlink:
	case SC_unlinkat:
	case SC_rmdir:
		trace_paths_forget_all(paths);
		return;
	default:
		return;
	}
}

ssize_t trace_paths_find(struct trace_paths *paths, const struct trace_fd *of, char *to,
			 size_t size)
{
	pid_t process = of->process;
	int fd = of->fd;
	struct trace_path *path = place(paths, process, fd);
	char name[32];

	if (!of->fresh && paths->complete && path->process == process && path->fd == fd &&
	    path->generation == paths->generation && path->length < size) {
		memcpy(to, path->text, path->length);
		return path->length;
	}
	(void)snprintf(name, sizeof(name), "fd/%d", fd);
	ssize_t length = task_read_link(of->task, name, to, size);
	if (length <= 0 || (size_t)length > sizeof(path->text))
		return length;
	*path = (struct trace_path){.process = process,
				    .fd = fd,
				    .generation = paths->generation,
				    .length = (uint32_t)length};
	memcpy(path->text, to, (size_t)length);
	return length;
}
