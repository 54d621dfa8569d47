/* SPDX-License-Identifier: Apache-2.0
 *
 * What somebody wants to see, and what they say of it. Hooks run in the monitor's one thread, one
 * at a time, with the box's authority. A verdict that was never set denies.
 */
#ifndef CLOCHE_MONITOR_HOOK_H
#define CLOCHE_MONITOR_HOOK_H

#include "monitor/call.h"
#include "monitor/stream.h"

#include <signal.h>

enum verdict_kind {
	VERDICT_DENY,	/* value is the errno, positive; 0: EPERM */
	VERDICT_ALLOW,	/* with what call->args and call->memory say now */
	VERDICT_ANSWER, /* the call returns value and is never made */
	VERDICT_KILL,	/* the caller's process ends */
	VERDICT_HOLD, /* the caller waits until somebody decides; value: milliseconds, then deny */
	VERDICT_CONTINUE, /* watched only, or the table says why it is safe */
	VERDICT_SENT,	  /* answered already, with a descriptor */
};

struct verdict {
	enum verdict_kind kind;
	int64_t value;
	const char *question; /* HOLD: what to ask; borrowed until the next call */
};

static inline struct verdict verdict_deny(int error)
{
	return (struct verdict){.kind = VERDICT_DENY, .value = error < 0 ? -error : error};
}

static inline struct verdict verdict_allow(void)
{
	return (struct verdict){.kind = VERDICT_ALLOW};
}

/* 0 or positive answers, negative denies: the result of carrying a call out. */
static inline struct verdict verdict_result(int64_t result)
{
	if (result < 0)
		return verdict_deny((int)result);
	return (struct verdict){.kind = VERDICT_ANSWER, .value = result};
}

/* A set of hooks: a policy's, a C program's, trace's. It is made by the launcher and used by the
 * monitor, a fork of it: what changes in one is not seen by the other. */
struct hooks {
	struct hooks *next;	 /* borrowed; asked after this one */
	uint8_t wants[SC_COUNT]; /* enum hook_bits */
	/* Each may be NULL where nothing wants it. decide: the call may be looked at and changed.
	 */
	struct verdict (*decide)(struct hooks *hooks, struct call *call);
	/* What is looked at here binds nobody: see call_peek. */
	void (*watch)(struct hooks *hooks, struct call *call);
	/* The call is over (result), was refused or answered (call->route tells nothing then).
	 * Under HOOK_AFTER the result may be changed, see call_set_result. */
	void (*after)(struct hooks *hooks, struct call *call);
	/* A call that `decide` held was answered by the launcher; the verdict must not hold again.
	 * NULL: as the word says. */
	struct verdict (*decided)(struct hooks *hooks, struct call *call,
				  const struct stream_answer *answer);
	/* What becomes of the threads that the stop route traces: one begins; one is gone (with
	 * what wait4 said, and nothing of it is in /proc any more); one has executed a program and
	 * is task->tid now, the others of its process being gone; one is about to get a signal. */
	void (*began)(struct hooks *hooks, const struct task *task);
	void (*ended)(struct hooks *hooks, const struct task *task, int wait_status);
	void (*succeeded)(struct hooks *hooks, const struct task *task, pid_t former);
	void (*signalled)(struct hooks *hooks, const struct task *task, const siginfo_t *info);
	/* In the monitor, before it is confined and the first guest runs. NULL: nothing to do. */
	int (*start)(struct hooks *hooks);
	/* For a while nothing has come, or much has, and stream->owed was set. NULL: nothing to
	 * say.
	 */
	void (*idle)(struct hooks *hooks);
	/* The last guest is gone, or the box is being ended: what is left to say. NULL: nothing. */
	void (*finish)(struct hooks *hooks);
	struct stream *stream; /* borrowed; set before start */
};

#endif
