/* SPDX-License-Identifier: Apache-2.0
 *
 * The box's network namespace. The kernel takes as long for one as for all other namespaces
 * together, so a helper process makes it while others do the rest of the start. It is a child of
 * the process that has the authority: the launcher for host root, else the monitor.
 */
#ifndef CLOCHE_LAUNCH_NETWORK_H
#define CLOCHE_LAUNCH_NETWORK_H

#include "launch/launch.h"

/* Starts the helper, which ends when it has been joined, or with its parent. */
int network_begin(struct launch *launch, struct cloche_err *err);

/* Waits for it and moves this process, which is the monitor, into its namespace. */
int network_join(struct launch *launch, struct cloche_err *err);

/* Reaps the helper, in its parent. */
void network_end(struct launch *launch);

#endif
