/* SPDX-License-Identifier: Apache-2.0
 *
 * The guest thread whose call is being decided: its memory, its descriptors, and acting with its
 * authority. The guest lies: memory is read once into ours and only the copy is used.
 */
#ifndef CLOCHE_MONITOR_TASK_H
#define CLOCHE_MONITOR_TASK_H

#include "monitor/rights.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* An address in a guest: the compiler refuses to follow it. */
struct gaddr {
	uint64_t v;
};

#define TASK_GROUPS_MAX 64

struct task {
	pid_t tid;	      /* in the monitor's PID namespace */
	int listener_fd;      /* borrowed; -1: it is stopped, and traced by us */
	uint64_t id;	      /* of the notification */
	struct own_proc proc; /* borrowed: the monitor's */
};

/* The exact number of bytes or -EFAULT. */
int task_read(const struct task *task, struct gaddr from, void *to, size_t length);
int task_write(const struct task *task, struct gaddr to, const void *from, size_t length);

/* As many of these bytes as are there from the first on; -EFAULT: none. */
ssize_t task_read_some(const struct task *task, struct gaddr from, void *to, size_t length);

/* A string with its NUL into size bytes: its length, -EFAULT, or -ENAMETOOLONG. Reads no page
 * beyond the one that the string ends in. */
ssize_t task_read_string(const struct task *task, struct gaddr from, char *to, size_t size);

/* Is it still the call that we were told about? */
bool task_valid(const struct task *task);

/* A pidfd of the thread, or before 6.9 of its process; for the caller to close. */
int task_open_pid(const struct task *task);

/* Is a number for another descriptor left to it? False: perhaps not. It never looks at one number
 * after the other, of which a guest can have a million. */
bool task_has_number_left(const struct task *task);

/* How long a file it may make, in bytes (RLIMIT_FSIZE). */
uint64_t task_file_limit(const struct task *task);

/* "/proc/TID/NAME" through the monitor's own proc: the link's text into size bytes. */
ssize_t task_read_link(const struct task *task, const char *name, char *to, size_t size);

/* The thread's id ("Pid") or its process's ("Tgid") as the box sees it; 0 when it is gone. */
pid_t task_box_pid(const struct task *task, const char *which);

/* "/proc/TID/status", and what follows a field's name in it ("\nUmask:"). */
ssize_t task_read_status(const struct task *task, char *buffer, size_t size);
const char *task_status_field(const char *status, const char *name);

/* ---- authority.c ---- */

/* A duplicate of the guest's descriptor. */
int task_take_fd(const struct task *task, int gfd);

/* From now on threads are known for longer than a call; task_forget_authority is called whenever
 * one is about to change who it is. */
void task_remember_authority(void);
void task_forget_authority(void);
/* Somebody is about to have another root than the box's; called before the call is made. Where it
 * never is, nobody who is remembered is asked for its root. */
void task_changes_root(void);

/* From here to task_leave this thread of ours has the guest's root, current directory, ids, groups
 * and capabilities. A failure of task_enter leaves nothing behind; a failure to come back ends the
 * monitor, and with it the box. */
struct task_entry {
	int root_fd;
	bool changed_root;
	bool changed_directory;
	bool changed_capabilities;
	bool changed_ids;
	bool changed_umask;
};

/* What of the caller counts for the call that is to be carried out. */
enum task_needs { NEEDS_DIRECTORY = 1, NEEDS_UMASK = 2 };

int task_enter(const struct task *task, unsigned needs, struct task_entry *entry);
void task_leave(struct task_entry *entry);

/* No guest of this box has or can get a capability, so all have these ids, groups and root for
 * good: this process takes them now, and task_enter has little left to do. */
int task_keep_authority(uid_t uid, gid_t gid, const gid_t *groups, size_t group_count);

#endif
