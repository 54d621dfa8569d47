/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard: the plan compiled into one seccomp filter for both ABIs. Default deny: a number that
 * is not in the plan, an architecture that is not known and the whole of x32 get ENOSYS.
 *
 * Shape of the program: architecture; a binary search over the numbers,
 * neighbours with equal answers merged; below it, for calls with rules, the tests of each rule on
 * the low 32 bits of the arguments. Jumps go forward only, so a subtree is complete before its
 * neighbour begins.
 */
#ifndef CLOCHE_GUARD_FILTER_H
#define CLOCHE_GUARD_FILTER_H

#include "base/err.h"
#include "policy/plan.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>

/* The kernel's own limit is 4096 (BPF_MAXINSNS). */
#define FILTER_LENGTH_MAX 4096

/* A number that no ABI has: where a plan uses the stop route it is notified, and answered as
 * nobody's call unless the monitor itself made a guest make it. */
#define FILTER_OWN_NUMBER 1023

/* What comes with a stop: a guest's own filter may have its guests stop too. */
#define FILTER_STOP_DATA 0x6c63

struct filter {
	struct sock_filter *code; /* owned */
	uint16_t length;
};

int filter_compile(const struct plan *plan, struct filter *ret_filter, struct cloche_err *err);
void filter_done(struct filter *filter);

/* What the kernel would do with the program: the same instructions interpreted. For tests and
 * `explain`; knows exactly the instructions that filter_compile emits. Returns the SECCOMP_RET_
 * value. */
uint32_t filter_simulate(const struct filter *filter, const struct seccomp_data *data);

/* Puts the filter on the calling thread for good, with a listener. The thread has no_new_privs.
 * Returns the listener's descriptor. -EBUSY: another listener watches this process already. */
int filter_install(const struct filter *filter, bool *ret_killable);

#endif
