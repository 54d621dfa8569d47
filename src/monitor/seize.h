/* SPDX-License-Identifier: Apache-2.0
 *
 * Beginning to trace a thread that runs. The kernel has us wait while a thread of that process
 * executes a program, and that one waits until all others of the process are gone: for good, if
 * one of them is traced by us and waits for us to hear of its end. So who waits hears what there is
 * to hear.
 */
#ifndef CLOCHE_MONITOR_SEIZE_H
#define CLOCHE_MONITOR_SEIZE_H

#include <stdbool.h>
#include <sys/types.h>

/* Once, with SIGCHLD blocked, before the first seize that may have to wait. */
int seize_init(void);

/* Options are PTRACE_O_*. Afterwards others may have stopped without a signal being left to say so.
 */
int seize(pid_t pid, unsigned options);

/* What was heard meanwhile, in order, as from wait4. False: no more. */
bool seize_next_heard(pid_t *ret_pid, int *ret_status);

#endif
