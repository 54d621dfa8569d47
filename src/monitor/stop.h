/* SPDX-License-Identifier: Apache-2.0
 *
 * The stop route: ptrace. Any call can be decided here, its registers changed before the kernel
 * looks and its result afterwards. Arguments in memory that were decided on are put into the
 * argument area (monitor/page.h) and the registers pointed there, so the caller runs the real call,
 * with every native meaning, on what nobody can change.
 *
 * Two ways lead here. Where the plan has calls that stop, every guest is traced from its start.
 * And the notify route hands over single calls that only the caller can make; such a thread is
 * traced for the length of that call.
 */
#ifndef CLOCHE_MONITOR_STOP_H
#define CLOCHE_MONITOR_STOP_H

#include "monitor/monitor.h"

/* Makes the argument area; before the monitor is confined. */
int stop_init(struct monitor *monitor);

/* Traces a thread and all that it starts, from now on: before it has its filter, whose stops are
 * ENOSYS where there is no tracer. */
int stop_seize(pid_t pid);

/* Waits until it has made a call that stops, and lets it make that. -ESRCH: it, or another child
 * of this process, is dead. */
int stop_await_call(pid_t pid);

/* A thread that was seized is served from now on. */
int stop_attach(struct monitor *monitor, pid_t pid);

/* Is it that call that this thread is still held at? Thread ids are used again. */
bool stop_is_held(const struct monitor *monitor, pid_t tid, uint64_t hold_id);
/* A held call goes on. */
void stop_resume(struct monitor *monitor, pid_t tid, const struct stream_answer *answer);

/* What has stopped is looked at; what is left of it, with stop_check. */
void stop_serve(struct monitor *monitor);

/* The same, when something has. False: a signal came first, or there is nobody. */
bool stop_wait(struct monitor *monitor);

/* Some thread is to make a notification. */
bool stop_awaits_notification(const struct monitor *monitor);

/* A child begins when its parent has told of it. Parents that were killed tell nothing: their
 * children begin after a while. Milliseconds until somebody is to look; -1: nobody waits. */
int stop_timeout_ms(const struct monitor *monitor);
void stop_check(struct monitor *monitor);

/* ---- restart.c: signals and calls that wait to be received ---- */

/* A handler is being set: traces the process where that is needed. */
void restart_note(struct monitor *monitor, const struct call *call);
/* The kernel goes on with the thread's call, in which a signal means what it natively means; or
 * (CONTINUED_NONE) it was answered. */
void restart_continued(struct monitor *monitor, pid_t tid, uint32_t number);

/* The caller is to make this call itself, as decided. False: it cannot be had to. Takes the call's
 * memory. The notification is answered. */
bool stop_make_again(struct monitor *monitor, struct call *call);

/* Is this notification one that a thread makes on our behalf? It is answered then. */
bool stop_expects(struct monitor *monitor, const struct task *task,
		  const struct seccomp_notif *request);

#endif
