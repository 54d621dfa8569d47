/* SPDX-License-Identifier: Apache-2.0
 *
 * The caller's files on the streams of a program that enters a box. In an ordinary user's box the
 * guest has the caller's uid, and could open such a file anew by /proc/self/fd, write to what it is
 * to read, or make a set-id program of what it writes (see streams.h, where a mount helps; that one
 * is made before there are guests). Here it gets a pipe, and a process of the caller's copies.
 */
#ifndef CLOCHE_LAUNCH_RELAYED_H
#define CLOCHE_LAUNCH_RELAYED_H

#include "base/err.h"

#include <sys/types.h>

struct relayed {
	int fds[3]; /* what to hand over: the stream itself, or the owned end of a pipe */
	pid_t pids[3];
	int end_fd; /* owned; closed: copy what is there, and end */
};

/* Refuses directories, in every box. */
int relayed_begin(struct relayed *relayed, struct cloche_err *err);

/* They are handed over: only the box holds them open now. */
void relayed_forget(struct relayed *relayed);

/* What the program has written is in the files when this returns. */
void relayed_end(struct relayed *relayed);

#endif
