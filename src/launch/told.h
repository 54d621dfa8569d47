/* SPDX-License-Identifier: Apache-2.0
 *
 * The launcher's end of the stream on which hooks speak (monitor/stream.h).
 */
#ifndef CLOCHE_LAUNCH_TOLD_H
#define CLOCHE_LAUNCH_TOLD_H

#include "launch/launch.h"

struct told {
	const struct launch_options *options; /* borrowed */
	int fd;				      /* borrowed; -1: no stream, or it is over */
	char *bytes;			      /* owned */
	size_t used;
	size_t size;
	bool ended; /* who was asked wants the box to end */
};

void told_init(struct told *told, const struct launch_options *options, int fd);
void told_done(struct told *told);

/* Reads once and passes complete frames on, up to a question. */
void told_read(struct told *told);

/* There is a question that only the person at the terminal can answer. */
bool told_has_question(const struct told *told);
void told_answer(struct told *told, int over_fd);
/* To the monitor, without waiting for it. */
void told_reply(const struct told *told, const struct stream_answer *answer);

#endif
