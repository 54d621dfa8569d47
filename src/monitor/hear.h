/* SPDX-License-Identifier: Apache-2.0
 *
 * What traced threads have to tell (wait4), gathered: each that has stopped is told of once before
 * any of them is told of again, because the kernel always begins with the first that it knows, and
 * some that never cease would keep all others from their turn.
 */
#ifndef CLOCHE_MONITOR_HEAR_H
#define CLOCHE_MONITOR_HEAR_H

#include <stdbool.h>
#include <sys/types.h>

/* Once, with SIGCHLD blocked, before the first hear_seize that may have to wait. */
int hear_init(void);

/* Gathers what there is. wait: until there is something, or a signal comes. */
void hear(bool wait);

/* The next, in order, as from wait4. False: that was all. */
bool hear_next(pid_t *ret_pid, int *ret_status);

/* PTRACE_SEIZE. The kernel has us wait while a thread of that process executes a program, and that
 * one waits until all others of the process are gone: for good, if one of them is traced by us and
 * waits for us to hear of its end. So while we wait we hear; no signal may be left to say so. */
int hear_seize(pid_t pid, unsigned options);

#endif
