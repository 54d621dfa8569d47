/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps the monitor and the one guest that is busy on the same processor. A stop takes the guest
 * off its processor and wakes the monitor, and then the other way round: on one processor that is
 * two switches, on two each wakes an idle one, which takes several times as long. The kernel has
 * whom we wake run on an idle processor rather than on ours; so the guest is held here, by its
 * affinity, as long as it alone runs and stops often. Where no processor is idle that is not
 * needed, and only tried again now and then.
 *
 * No guest sees any of it: nobody is held while a call is under way that could tell of an affinity,
 * children begin with their own, and who sets one ends it all. Those calls have to stop, or nothing
 * is done here.
 */
#ifndef CLOCHE_MONITOR_NEAR_H
#define CLOCHE_MONITOR_NEAR_H

#include "monitor/call.h"

#include <sched.h>
#include <stdbool.h>
#include <sys/types.h>

struct near {
	bool on;
	bool waits;	    /* who was resumed last may wait for this processor */
	bool yields;	    /* who was resumed last waits for this processor */
	pid_t guest;	    /* who is held; 0: nobody */
	bool free;	    /* and was not held */
	unsigned busy;	    /* guests that run, as far as is known */
	unsigned telling;   /* guests whose call may tell of an affinity */
	unsigned holds;	    /* how often yet, before it is tried without */
	int cpu;	    /* where the monitor stays; -1: where it is woken next */
	uint64_t slept_ns;  /* when the monitor had nothing more to do */
	uint64_t choose_ns; /* when it asks again where to stay */
	cpu_set_t own;	    /* the monitor's affinity as it was */
	cpu_set_t guests;   /* and the guests' */
};

/* The first guest. Does nothing where the calls are not seen, or there is one processor. */
void near_begin(struct near *near, const struct plan *plan, pid_t guest);
/* A guest sets an affinity itself: from now on nothing is done here. */
void near_end(struct near *near);

/* A guest that makes this call may read what its, or another's, affinity is. */
bool near_tells(const struct near *near, const struct call *call);

/* This thread is resumed next: holds it, or lets go of whom it held. */
void near_resume(struct near *near, pid_t tid);
/* A new thread, which has its parent's affinity; one is no more; one has another's id now. */
void near_born(struct near *near, pid_t tid);
void near_gone(struct near *near, pid_t tid);
void near_renamed(struct near *near, pid_t former, pid_t tid);

/* Lets who was held run first: it may stop again at once. False: nobody was. */
bool near_yield(struct near *near);
/* The monitor has served all stops; begins to serve some. */
void near_sleep(struct near *near);
void near_wake(struct near *near);

/* Who does not stop for so long is held no more. To be called when that is over. */
#define NEAR_LONGEST_MS 50
void near_check(struct near *near);

#endif
