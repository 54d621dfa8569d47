/* SPDX-License-Identifier: Apache-2.0
 *
 * The boxes of the caller that run now, as /proc shows them: nobody keeps a list that could be
 * wrong. A monitor is known by its name, its place (process 1 of a PID namespace, child of a
 * process of the caller) and its child init; all that comes of init is the box's.
 */
#ifndef CLOCHE_LAUNCH_RUNNING_H
#define CLOCHE_LAUNCH_RUNNING_H

#include "base/err.h"
#include "box/store.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MONITOR_COMM "cloche-monitor"
/* Brings a program in that enters a box (cloche exec), and is its parent outside. */
#define PORTER_COMM "cloche-entry"

struct running_process {
	pid_t pid;
	pid_t parent;
	uint64_t start; /* ticks since the machine started: with the pid this is one process for
			   good */
	char state;
	char comm[16];
	uint64_t threads;
	uint64_t cpu_ticks;
	uint64_t rss_pages;
};

/* What /proc/PID/stat says; false: there is no such process. */
bool running_process_read(pid_t pid, struct running_process *process);

struct running_box {
	char name[STORE_NAME_SIZE]; /* "": throw-away */
	pid_t launcher;		    /* by this a box without a name is called */
	struct running_process monitor;
	struct running_process init;
	size_t entry_count;		/* programs that were entered, and are there */
	struct running_process *guests; /* owned: the box's own processes, without init */
	size_t guest_count;
	char *command; /* owned: of the first one, its words separated by spaces; any bytes */
	uint64_t tasks;
	uint64_t memory_bytes; /* shared pages counted in parts, where that can be seen */
	uint64_t cpu_ms;
	uint64_t age_ms;
	bool paused; /* by running_pause: all are stopped, and init as well */
};

struct running {
	struct running_box *boxes; /* owned; oldest first */
	size_t count;
};

int running_find(struct running *ret_running, const struct store *store, struct cloche_err *err);
void running_done(struct running *running);

/* By name, or by its launcher's pid. Borrowed; NULL: does not run. */
const struct running_box *running_named(const struct running *running, const char *name);

/* Tells a launcher to end its box in order, where that means anything (of a Windows box), else at
 * once. */
#define RUNNING_END_SIGNAL SIGPWR
#define RUNNING_END_VALUE  0x656e64

/* Ends all that runs in it and waits for that: at once, but a Windows box is given the time to
 * write its registry. */
int running_kill(const struct running_box *box, struct cloche_err *err);

/* Stops or continues all guests. -EAGAIN: there are ever more of them. */
int running_pause(const struct store *store, const char *name, struct cloche_err *err);
int running_resume(const struct running_box *box, struct cloche_err *err);

#endif
