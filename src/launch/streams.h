/* SPDX-License-Identifier: Apache-2.0
 *
 * Standard input, output and error as they come from the caller, where they are files of the host.
 *
 * A descriptor is more than what may be read or written through it: /proc/self/fd opens the file
 * anew, in any way that its owner may, and in an ordinary user's box the guest has its owner's uid.
 * So a file that was handed over for reading is opened again through a mount that nobody can write
 * to. The place in the file, which that does not share, is given back to the caller's at the end.
 * What no mount can hold, directories, is refused. A file that is written to could be made a set-id
 * program of its owner's: where that is the guest's own uid (a box made by root has none of the
 * host's), such modes are refused in all of the box, as with a write path.
 */
#ifndef CLOCHE_LAUNCH_STREAMS_H
#define CLOCHE_LAUNCH_STREAMS_H

#include "base/err.h"

#include <stdbool.h>

struct launch;

struct streams {
	int read_mask;	 /* bit n: descriptor n is a file, for reading only */
	bool writes_own; /* one is a file that may be written, of the guest's own uid */
	int kept_fds[3]; /* owned, the launcher's: as the guest has them; -1 */
};

void streams_init(struct streams *streams);

/* In the launcher, before anything starts: looks at them, refuses what cannot be. */
int streams_look(struct streams *streams, bool rooted, struct cloche_err *err);

/* In the monitor, before the host's files are out of reach: takes the way to write from them, and
 * lets the launcher know. */
int streams_protect(const struct launch *launch, struct cloche_err *err);

/* In the launcher: what the monitor has opened. */
void streams_take(struct streams *streams, int index, int take_fd);

/* A start that is made again opens them again. */
void streams_forget(struct streams *streams);

/* The guest has ended: the next reader goes on where it stopped. */
void streams_done(struct streams *streams);

#endif
