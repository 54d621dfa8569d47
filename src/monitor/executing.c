/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/executing.h"

#include "sys/sys.h"

#include <stdio.h>
#include <stdlib.h>

#define EXECUTING_MAX 64

static struct {
	pid_t process;
	pid_t thread;
} executing[EXECUTING_MAX];
static size_t count;
static bool more; /* there were too many: every process with threads may be one */

static long field(const char *status, const char *name)
{
	const char *text = task_status_field(status, name);

	return text == NULL ? 0 : strtol(text, NULL, 10);
}

/* 0 for both: it is gone. */
static void read_process(const struct task *task, pid_t tid, pid_t *ret_process, long *ret_threads)
{
	struct task other = *task;
	char status[8192];

	other.tid = tid;
	*ret_process = 0;
	*ret_threads = 0;
	if (task_read_status(&other, status, sizeof(status)) < 0)
		return;
	*ret_process = (pid_t)field(status, "\nTgid:");
	*ret_threads = field(status, "\nThreads:");
}

/* Whoever was alone, or is, or is gone, takes nobody's place any more. */
static bool is_over(const struct task *task, size_t index)
{
	char path[64];
	struct stat st;
	pid_t process;
	long threads;

	read_process(task, executing[index].process, &process, &threads);
	if (process == 0 || threads <= 1)
		return true;
	(void)snprintf(path, sizeof(path), "%d/task/%d", executing[index].process,
		       executing[index].thread);
	return sys_fstatat(rights_proc(task->proc), path, &st, 0) == -ENOENT;
}

/* Who calls again does not execute anything. */
static void prune(const struct task *task)
{
	for (size_t i = 0; i < count;) {
		if (executing[i].thread == task->tid || is_over(task, i))
			executing[i] = executing[--count];
		else
			i++;
	}
	more = more && count > 0;
}

void executing_note(const struct task *task)
{
	pid_t process;
	long threads;

	prune(task);
	read_process(task, task->tid, &process, &threads);
	if (threads <= 1)
		return;
	more = more || count == EXECUTING_MAX;
	if (count == EXECUTING_MAX)
		return;
	executing[count].process = process;
	executing[count].thread = task->tid;
	count++;
}

bool executing_others(const struct task *task)
{
	pid_t process;
	long threads;

	if (count == 0)
		return false;
	prune(task);
	read_process(task, task->tid, &process, &threads);
	for (size_t i = 0; i < count; i++)
		if (executing[i].process == process)
			return true;
	return more && threads > 1;
}
