/* SPDX-License-Identifier: Apache-2.0
 *
 * Standard output and error that are pipes: the program writes to a file in memory, which takes
 * little of it, for what has been passed on is given back.
 */
#ifndef CLOCHE_WINDOWS_GUEST_RELAY_H
#define CLOCHE_WINDOWS_GUEST_RELAY_H

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

struct relayed {
	int file_fd; /* what the program writes to; -1: it writes to the stream itself */
	int to_fd;
	off_t passed;
};

struct relay {
	struct relayed streams[2]; /* output, error; one where both are the same pipe */
	bool same;
	bool closed;   /* nobody reads any more */
	int notify_fd; /* readable when there is something to pass on; -1: nothing is relayed */
	int end_fd;    /* borrowed; once it is readable nobody waits for a reader any more */
};

/* False, with errno: it cannot be. */
bool relay_open(struct relay *relay, int end_fd);

/* In the child: the files become its streams. */
void relay_become_streams(const struct relay *relay);

/* Passes on what there is. False: nobody reads any more. */
bool relay_pass(struct relay *relay);

#endif
