/* SPDX-License-Identifier: Apache-2.0
 *
 * The launcher while the box runs: terminal, signals, messages, wall time, disk.
 */
#ifndef CLOCHE_LAUNCH_LOOP_H
#define CLOCHE_LAUNCH_LOOP_H

#include "launch/launch.h"

/* Until the monitor (pid, pid_fd: taken) is gone and reaped. The status for the shell, or a
 * negative errno with err set. */
int loop_run(struct launch *launch, pid_t monitor, int take_pid_fd, bool *ret_needs_storage,
	     struct cloche_err *err);

#endif
