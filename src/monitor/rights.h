/* SPDX-License-Identifier: Apache-2.0
 *
 * What this process may do. Its own rights are all the capabilities that it is permitted: with them
 * it looks at guests. Acting for a guest it has that guest's. A change costs more than most calls
 * do, so it *rests* in the guest's when the call is over, as the next is most likely made by the
 * same, or by another with the same; whatever needs our own rights takes them back.
 *
 * To forget that is to be refused by the kernel: at rest there are never more rights than our own,
 * and rights_take sets exactly the guest's, whatever there was before. So that nobody forgets, what
 * needs them is had here only (tools/check-rooms looks): our /proc, whose descriptor has a type
 * that no other function takes; signals, descriptors and threads of guests.
 */
#ifndef CLOCHE_MONITOR_RIGHTS_H
#define CLOCHE_MONITOR_RIGHTS_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The /proc of the monitor's PID namespace. */
struct own_proc {
	int rights_proc_has_it; /* borrowed from who mounted it */
};

/* Its descriptor, with our own rights; for whom we act for just now, with his. */
int rights_proc(struct own_proc proc);
/* At rest: good for what is the same for all who may see it. When that is refused: rights_wanted.
 */
int rights_proc_at_rest(struct own_proc proc);

/* Our own again. Nothing to do while this process acts for a guest, or has them. */
void rights_raise(void);

/* This errno was for want of our own rights, which are there now: try again. */
bool rights_wanted(int64_t error);

/* From here on this process acts for somebody with these capabilities, as far as it is permitted
 * them. */
int rights_take(uint64_t capabilities);
/* It acts for nobody any more: and rests, or has its own again, which it must where anything else
 * than capabilities was changed. */
void rights_rest(void);
int rights_own(void);

/* File-system ids. They take capabilities along or bring some: rights_take or rights_own follows.
 */
int rights_set_ids(uid_t fsuid, gid_t fsgid);

/* From now on it is permitted no others than these. */
int rights_keep(uint64_t capabilities);

/* ---- what needs our own rights ---- */

int rights_kill(pid_t pid, int signal);
int rights_signal(int pid_fd, int signal);
int rights_take_fd(int pid_fd, int gfd);
/* Its id may be another's by now. */
bool rights_has_ended(int pid_fd);
int rights_seize(pid_t pid, unsigned options);
int rights_set_affinity(pid_t tid, const cpu_set_t *cpus);

#endif
