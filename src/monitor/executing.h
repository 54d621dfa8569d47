/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads that execute a program while others of their process are in calls. When it runs it has
 * the id of the process's leader, and what the leader's last call was to be told would be written
 * into the memory of a program that has asked for nothing: between the last look at whether a call
 * is still waited in, and the writing, there is always time. But no program is executed that this
 * process has not let: so calls of such a process that are told something in memory are made by
 * their callers themselves until it is known how that ended.
 */
#ifndef CLOCHE_MONITOR_EXECUTING_H
#define CLOCHE_MONITOR_EXECUTING_H

#include "monitor/task.h"

/* The thread is about to execute a program, perhaps. */
void executing_note(const struct task *task);

/* May another thread of this one's process be doing that? */
bool executing_others(const struct task *task);

#endif
