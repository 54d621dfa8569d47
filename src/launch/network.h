/* SPDX-License-Identifier: Apache-2.0
 *
 * The box's network namespace. The kernel takes as long for one as for all other namespaces
 * together, so a helper process makes it while the monitor builds the world.
 */
#ifndef CLOCHE_LAUNCH_NETWORK_H
#define CLOCHE_LAUNCH_NETWORK_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct network {
	pid_t pid;  /* the helper; 0: none */
	int pid_fd; /* owned */
};

/* Starts the helper. loopback: raises it, and opens the low ports to the box's root. One at a time
 * in a process. */
int network_begin(struct network *network, bool loopback, struct cloche_err *err);

/* Waits for it and moves this process there; the helper is told to end. */
int network_join(struct network *network, struct cloche_err *err);

/* Reaps the helper. */
void network_end(struct network *network);

#endif
