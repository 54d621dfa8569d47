/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits on a box as a whole: cgroup v2 where this process may make groups, v1 where that is what
 * the host has, and else what can be had without: counting memory, RLIMIT_NPROC of the box's own
 * user namespace, CPU affinity. A limit that was asked for and cannot be enforced is an error.
 */
#ifndef CLOCHE_WORLD_LIMITS_H
#define CLOCHE_WORLD_LIMITS_H

#include "base/err.h"
#include "policy/policy.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum limit_way {
	LIMIT_NONE,
	LIMIT_CGROUP2,
	LIMIT_CGROUP1,
	LIMIT_COUNTED,
	LIMIT_RLIMIT,
	LIMIT_AFFINITY
};

#define LIMIT_GROUPS_MAX 4

struct limiter {
	enum limit_way memory;
	enum limit_way tasks;
	enum limit_way cpu;
	size_t group_count;
	char *groups[LIMIT_GROUPS_MAX]; /* owned: directories made for this box */
	char *memory_group;		/* borrowed from groups; NULL: none */
};

/* Makes the groups that the limits need; none where no limit is asked for. `several_ids`: the box
 * has many uids, so that RLIMIT_NPROC cannot count its tasks. */
int limiter_make(struct limiter *ret_limiter, const struct limits *limits, bool several_ids,
		 struct cloche_err *err);
int limiter_attach(const struct limiter *limiter, pid_t pid, struct cloche_err *err);

/* The kernel killed something in the box for its memory. */
bool limiter_memory_hit(const struct limiter *limiter);
/* Bytes; 0 where nobody counted. */
uint64_t limiter_memory_peak(const struct limiter *limiter);

/* More tasks are in the box's groups than may be: some were put there from outside. */
bool limiter_has_too_many(const struct limiter *limiter);

/* Removes the groups; the box is dead. */
void limiter_done(struct limiter *limiter);

/* Removes groups that a killed cloche left. */
void limiter_sweep(void);

const char *limit_way_name(enum limit_way way);

/* What this caller could have: for doctor and explain. */
enum limit_way limiter_probe(const char *controller);

#endif
