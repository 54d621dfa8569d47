/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/near.h"

#include "base/own.h"
#include "monitor/rights.h"
#include "sys/sys.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define STAY_NS 200000000U
/* A guest that stops again within this was not computing; it was elsewhere if not sooner. */
#define SOON_NS 300000U
#define HERE_NS 15000U
#define HOLDS	256

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void stay(struct near *near)
{
	int cpu = SYS_RESULT(sched_getcpu());
	cpu_set_t here;

	near->choose_ns = now_ns() + STAY_NS;
	if (cpu < 0 || cpu >= CPU_SETSIZE || !CPU_ISSET((size_t)cpu, &near->guests)) {
		near->cpu = -1;
		return;
	}
	near->cpu = cpu;
	CPU_ZERO(&here);
	CPU_SET((size_t)cpu, &here);
	if (rights_set_affinity(0, &here) < 0)
		near->on = false;
}

void near_begin(struct near *near, const struct plan *plan, pid_t guest)
{
	static const enum sc seen[] = {SC_sched_getaffinity, SC_sched_setaffinity};

	for (size_t i = 0; i < ARRAY_LENGTH(seen); i++)
		if (plan->entries[seen[i]].hooks == 0 || plan->entries[seen[i]].route != ROUTE_STOP)
			return;
	if (SYS_RESULT(sched_getaffinity(0, sizeof(near->own), &near->own)) < 0 ||
	    SYS_RESULT(sched_getaffinity(guest, sizeof(near->guests), &near->guests)) < 0 ||
	    CPU_COUNT(&near->guests) < 2)
		return;
	near->on = true;
	stay(near);
}

static void release(struct near *near)
{
	if (near->guest != 0)
		(void)rights_set_affinity(near->guest, &near->guests); /* It is gone: fine. */
	near->guest = 0;
}

void near_end(struct near *near)
{
	release(near);
	if (near->on)
		(void)rights_set_affinity(0, &near->own); /* It stays where it may be. */
	near->on = false;
}

static void hold(struct near *near, pid_t tid)
{
	cpu_set_t here;

	if (near->guest == tid)
		return;
	release(near);
	CPU_ZERO(&here);
	CPU_SET((size_t)near->cpu, &here);
	int r = rights_set_affinity(tid, &here);
	if (r == 0)
		near->guest = tid;
	else if (r == -EPERM)
		near_end(near); /* Another user's, and we may not. */
}

void near_resume(struct near *near, pid_t tid)
{
	bool may_hold = near->on && near->busy == 0 && near->telling == 0 && near->cpu >= 0;

	near->free = may_hold && near->holds == 0;
	if (!may_hold || near->free) {
		near->yields = false;
		release(near);
		return;
	}
	near->holds--;
	hold(near, tid);
	near->yields = near->guest == tid;
}

/* Calls that read whatever a descriptor leads to. */
static bool reads(enum sc sc)
{
	return sc == SC_read || sc == SC_pread64 || sc == SC_readv;
}

bool near_tells(const struct near *near, const struct call *call)
{
	static const enum sc telling[] = {
		SC_sched_getaffinity, SC_sched_setaffinity, SC_preadv, SC_preadv2,
		SC_sendfile,	      SC_sendfile64,	    SC_splice, SC_copy_file_range,
	};
	char name[32];
	char path[64];

	if (!near->on)
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(telling); i++)
		if (telling[i] == call->sc)
			return true;
	if (!reads(call->sc))
		return false;
	(void)snprintf(name, sizeof(name), "fd/%d", (int)call->args[0]);
	return task_read_link(&call->task, name, path, sizeof(path)) > 0 &&
	       strncmp(path, "/proc/", 6) == 0;
}

void near_born(struct near *near, pid_t tid)
{
	if (near->on)
		(void)rights_set_affinity(tid, &near->guests);
}

void near_gone(struct near *near, pid_t tid)
{
	if (near->guest == tid)
		near->guest = 0;
}

void near_renamed(struct near *near, pid_t former, pid_t tid)
{
	if (near->guest == former)
		near->guest = tid;
}

bool near_yield(struct near *near)
{
	bool yields = near->yields;

	near->yields = false;
	if (yields)
		(void)sched_yield();
	return yields;
}

void near_sleep(struct near *near)
{
	if (!near->on)
		return;
	near->slept_ns = now_ns();
	if (near->slept_ns < near->choose_ns)
		return;
	release(near);
	near->cpu = -1;
	(void)rights_set_affinity(0, &near->own); /* Where the next stop wakes us we stay. */
}

void near_wake(struct near *near)
{
	if (!near->on)
		return;
	if (near->cpu < 0)
		stay(near);
	if (!near->free)
		return;
	uint64_t slept_ns = now_ns() - near->slept_ns;
	if (slept_ns > HERE_NS && slept_ns < SOON_NS)
		near->holds = HOLDS;
	near->free = false;
}

void near_check(struct near *near)
{
	if (near->guest != 0 && now_ns() - near->slept_ns >= NEAR_LONGEST_MS * 1000000ULL)
		release(near);
}
