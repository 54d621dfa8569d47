/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls that wait for somebody's decision while the others go on. The caller stays in its
 * notification, or stopped; nothing else of it runs. Who does not answer in time has denied.
 */
#ifndef CLOCHE_MONITOR_HOLD_H
#define CLOCHE_MONITOR_HOLD_H

#include "monitor/monitor.h"

struct held {
	struct held *next;
	uint64_t id;
	uint64_t deadline_ms;
	size_t bytes; /* what the call keeps in memory */
	struct call
		call; /* of the notify route: owned; of the stop route only task.tid and route */
};

/* Asks. False: it cannot be held (too many are), so it is denied. A call of the notify route is
 * moved here; one of the stop route stays with its tracee. */
bool hold_begin(struct monitor *monitor, struct call *call, struct verdict verdict);

/* Milliseconds until somebody's time is over; -1: nobody waits. */
int hold_timeout_ms(const struct monitor *monitor);
/* Denies whom nobody answered. */
void hold_check(struct monitor *monitor);
/* Of this listener nobody is left. */
void hold_forget(struct monitor *monitor, int listener_fd);
/* The launcher has answered, or hung up. */
void hold_read(struct monitor *monitor);

#endif
