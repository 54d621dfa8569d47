/* SPDX-License-Identifier: Apache-2.0
 *
 * Policy times call table: the answer for every call of every ABI, settled before anything starts.
 * The guard is compiled from it, the monitor dispatches by it, `cloche explain` prints it. Pure.
 */
#ifndef CLOCHE_POLICY_PLAN_H
#define CLOCHE_POLICY_PLAN_H

#include "calls/calls.h"
#include "policy/policy.h"

/* How a call comes before the monitor. */
enum call_route {
	ROUTE_NOTIFY, /* seccomp's user notification: for calls that name things */
	ROUTE_STOP,   /* ptrace: any call, and what must change in place or be seen afterwards */
};

enum route_choice { CHOOSE_ROUTE, FORCE_NOTIFY, FORCE_STOP };

/* What else than the policy decides answers: facts the launcher settled about this run. */
struct plan_options {
	bool report_refusals; /* the monitor hears of refusals, see plan_guard_answer */
	bool audit_exec;      /* execve and execveat are asked, to be written down */
	bool limit_memory;   /* memory is limited: huge pages, which are in no count, are refused */
	bool count_memory;   /* memory is limited by counting: what cannot be counted is refused */
	bool fixed_affinity; /* cpu is limited by affinity: changing it is refused */
	bool refuse_set_id;  /* host files can be written: no set-id bit may come to be on them */
	bool sees_truncate;  /* by its path: the second wall does not */
	bool hears_nt;	     /* direct calls of NT are told of, see calls/nt_mark.h */
	bool capable;	     /* guests can have capabilities, and so become somebody else */
	const uint8_t *hooks; /* SC_COUNT enum hook_bits, besides the policy's; NULL: none. Borrowed
				 for plan_make. */
	enum route_choice route;
};

struct plan_entry {
	const struct call_info *call;
	struct answer answer;
	const struct call_rule *rules; /* borrowed; NULL where a refusal overrides them */
	uint8_t rule_count;
	const struct call_rule *before; /* one more rule, tried first; NULL: none */
	const char *origin;		/* "table" or what in the policy decided; borrowed */
	uint8_t hooks;			/* enum hook_bits: who wants to see it */
	bool authority; /* changes who the caller is, which the monitor must know of */
	bool handlers;	/* sets signal handlers, which the monitor must know of */
	uint8_t route;	/* enum call_route, where it comes before the monitor */
};

struct plan {
	struct plan_entry entries[SC_COUNT];
	struct plan_options options;
};

/* The plan borrows from policy: the policy lives longer. Entries hold final answers; what the guard
 * installs for them is plan_guard_answer's word. */
void plan_make(struct plan *plan, const struct policy *policy, const struct plan_options *options);

/* The final answer to a call with these arguments: the first rule that holds, else the entry's
 * answer. `ret_rule` (may be NULL) gets the text of the rule that decided, or NULL. */
struct answer plan_answer(const struct plan *plan, enum sc sc, const uint64_t args[CALL_ARGS_MAX],
			  const char **ret_rule);

/* What the guard installs for an answer of the plan (an entry's or a rule's): the answer itself,
 * but an ask for a refusal that the monitor is to write down. The monitor then finds with
 * plan_answer that it is to refuse. Calls that must never be notified (fork, close, futex ...) are
 * refused without a report. */
struct answer plan_guard_answer(const struct plan *plan, enum sc sc, struct answer answer);

/* Does some call take this route? Only then is its machinery set up. */
bool plan_uses(const struct plan *plan, enum call_route route);

/* May the monitor have to trace guests, if only for their signals? */
bool plan_traces(const struct plan *plan);

/* May the monitor have to put arguments where the guest cannot write? */
bool plan_binds(const struct plan *plan);

/* ---- route.c: what the routes can take ---- */

/* A call that nobody has received yet can be interrupted, and these never are natively. */
bool route_never_notified(enum sc sc);
/* Natively, too, a signal may find it waiting. */
bool route_may_wait(enum sc sc);
/* The monitor can carry it out itself: it names things and acts on nothing of the caller's own. */
bool route_carried(enum sc sc);
/* Some argument leads to memory that the kernel reads for this call. */
bool route_reads_memory(enum sc sc);

#endif
