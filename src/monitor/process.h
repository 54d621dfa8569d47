/* SPDX-License-Identifier: Apache-2.0
 *
 * Who makes a call, as the box sees it. What a process says of itself (argv) is its own word; the
 * rest is the kernel's.
 */
#ifndef CLOCHE_MONITOR_PROCESS_H
#define CLOCHE_MONITOR_PROCESS_H

#include "monitor/task.h"

#define PROCESS_TEXT_SIZE 4096

struct process {
	pid_t pid;    /* of the process, in the box */
	pid_t tid;    /* of the thread, in the box */
	pid_t parent; /* in the box; 0: init's own, or outside */
	uid_t uid;    /* effective, as the box counts */
	gid_t gid;
	char program[PROCESS_TEXT_SIZE]; /* path of the executable; "" when unknown */
	char cwd[PROCESS_TEXT_SIZE];
	char argv[PROCESS_TEXT_SIZE]; /* each with its NUL, cut */
	size_t argv_length;
};

enum process_parts { PROCESS_IDS = 1, PROCESS_PROGRAM = 2, PROCESS_CWD = 4, PROCESS_ARGV = 8 };

/* Fills in these parts; what cannot be read is empty or 0. */
void process_read(const struct task *task, unsigned parts, struct process *process);

#endif
