/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/process.h"

#include "base/own.h"
#include "sys/sys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *field(const char *status, const char *name)
{
	const char *line = strstr(status, name);

	return line != NULL ? line + strlen(name) : NULL;
}

/* The n-th number after the field's name. */
static long number(const char *status, const char *name, int n)
{
	const char *p = field(status, name);
	long value = 0;

	for (int i = 0; p != NULL && i <= n; i++) {
		char *end;

		value = strtol(p, &end, 10);
		if (end == p)
			return 0;
		p = end;
	}
	return value;
}

/* The parent's id is the monitor's count of it; the box has its own. */
static pid_t box_parent(const struct task *task, const char *status)
{
	struct task parent = *task;

	parent.tid = (pid_t)number(status, "\nPPid:", 0);
	return parent.tid > 1 ? task_box_pid(&parent, "Tgid") : 0;
}

static void read_ids(const struct task *task, struct process *process)
{
	char path[64];
	char status[8192];

	(void)snprintf(path, sizeof(path), "%d/status", task->tid);
	if (sys_read_file(rights_proc(task->proc), path, status, sizeof(status)) < 0)
		return;
	process->pid = task_box_pid(task, "Tgid");
	process->tid = task_box_pid(task, "Pid");
	process->parent = box_parent(task, status);
	process->uid = (uid_t)number(status, "\nUid:", 1);
	process->gid = (gid_t)number(status, "\nGid:", 1);
}

static void read_link(const struct task *task, const char *name, char text[PROCESS_TEXT_SIZE])
{
	ssize_t n = task_read_link(task, name, text, PROCESS_TEXT_SIZE - 1);

	text[n > 0 ? n : 0] = '\0';
}

void process_read(const struct task *task, unsigned parts, struct process *process)
{
	char path[64];

	if ((parts & PROCESS_IDS) != 0)
		read_ids(task, process);
	if ((parts & PROCESS_PROGRAM) != 0)
		read_link(task, "exe", process->program);
	if ((parts & PROCESS_CWD) != 0)
		read_link(task, "cwd", process->cwd);
	if ((parts & PROCESS_ARGV) != 0) {
		(void)snprintf(path, sizeof(path), "%d/cmdline", task->tid);
		_own_(closep) int fd = sys_openat(rights_proc(task->proc), path, O_RDONLY);
		ssize_t n =
			fd < 0 ? fd : sys_read_full(fd, process->argv, sizeof(process->argv) - 1);
		process->argv_length = n > 0 ? (size_t)n : 0;
		process->argv[process->argv_length] = '\0';
	}
}
