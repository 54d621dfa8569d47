/* SPDX-License-Identifier: Apache-2.0
 *
 * The caller's side of a program that enters a box that runs (entry.h): terminal, signals, status.
 */
#ifndef CLOCHE_LAUNCH_ENTER_H
#define CLOCHE_LAUNCH_ENTER_H

#include "base/err.h"
#include "launch/report.h"

#include <stddef.h>
#include <stdint.h>

struct enter_request {
	const char *box;    /* for messages */
	char *const *argv;  /* NULL-terminated, as the next two */
	char *const *added; /* variables besides the policy's, as --env says them */
	char *const *environment;
	const char *cwd;  /* where it is to begin; NULL: where this process is, if that is there */
	uint64_t wall_ms; /* 0: no limit */
};

/* Runs it to its end. connection_fd: from door_knock. The exit status for the shell, or a negative
 * errno with err set (then it did not run); -ECONNRESET: nobody has answered yet, the box has ended
 * meanwhile. Where the program could not be executed err is set, too. */
int enter_run(int connection_fd, const struct enter_request *request, struct report *ret_report,
	      struct cloche_err *err);

#endif
