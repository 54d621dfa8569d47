/* SPDX-License-Identifier: Apache-2.0
 *
 * C functions as hooks. Each registration is a set of its own in the monitor's list, so that one
 * which had a call held is followed by those behind it.
 */
#ifndef CLOCHE_LIB_HOOK_H
#define CLOCHE_LIB_HOOK_H

#include "monitor/hook.h"
#include "monitor/process.h"

#include <cloche/cloche.h>

#define HOOK_QUESTION_SIZE 1025

/* What is too large to be made for each call. */
struct hook_room {
	struct process process;
	char question[HOOK_QUESTION_SIZE];
};

struct hook {
	struct hooks hooks; /* first: what the monitor knows of it */
	cloche_hook function;
	void *arg;		/* the caller's */
	struct hook_room *room; /* borrowed */
};

/* In the order of registration; hooks.next leads through it. */
struct hook_list {
	struct hook *first; /* owned, and those behind it */
	struct hook *last;
	struct hook_room *room; /* owned */
};

/* What a hook is shown: one call, while the hook runs. */
struct cloche_call {
	struct call *call;	/* borrowed */
	struct stream *stream;	/* borrowed */
	struct hook_room *room; /* borrowed */
	unsigned when;		/* enum hook_bits: one */
	unsigned known;		/* enum process_parts: what room->process says of this call */
	int64_t value;		/* what the hook has said beyond its result */
	bool has_value;
	bool has_question;
};

/* Is it a hook that decides? Only there something can be changed. */
static inline bool call_decides(const struct cloche_call *call)
{
	return call->when == HOOK_ON;
}

int hook_add(struct hook_list *list, const char *calls, unsigned when, cloche_hook function,
	     void *arg, struct cloche_err *err);
void hook_list_done(struct hook_list *list);

#endif
