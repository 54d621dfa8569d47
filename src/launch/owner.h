/* SPDX-License-Identifier: Apache-2.0
 *
 * The process that a launcher works for, when that is not the launcher itself: a program that uses
 * the library. A stream socket connects the two; both ends are forks of one program. Nothing here
 * ever makes the launcher wait for its owner while the box runs: what the owner does not take yet
 * is kept, and hooks are not listened to meanwhile. An owner that is gone ends the box.
 */
#ifndef CLOCHE_LAUNCH_OWNER_H
#define CLOCHE_LAUNCH_OWNER_H

#include "base/buf.h"
#include "monitor/stream.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum owner_kind {
	OWNER_STARTED = 1, /* to the owner: the box stands */
	OWNER_TOLD,	   /* a stream frame's kind (uint32_t) and bytes */
	OWNER_ENDED,	   /* the last: how it went, see lib/box.h */
	OWNER_KILL = 100,  /* from the owner */
	OWNER_SIGNAL,	   /* value */
	OWNER_ANSWER,	   /* answer */
};

struct owner_frame {
	uint32_t kind;
	uint32_t length; /* of what follows */
};

struct owner_command {
	uint32_t kind;
	int32_t value;
	struct stream_answer answer;
};

struct owner {
	int fd;		/* borrowed */
	int process_fd; /* borrowed: a pidfd, because forks of it hold the socket, too; or -1 */
	bool gone;
	struct buf out;
	char in[sizeof(struct owner_command)];
	size_t in_used;
};

void owner_init(struct owner *owner, int fd, int process_fd);
void owner_done(struct owner *owner);

void owner_say(struct owner *owner, enum owner_kind kind, const void *head, size_t head_length,
	       const void *bytes, size_t length);

/* Two slots for poll, and what is done when they woke us. */
void owner_poll(const struct owner *owner, struct pollfd fds[2]);
void owner_serve(struct owner *owner, const struct pollfd fds[2]);

/* The next command that has come; false: none. */
bool owner_next(struct owner *owner, struct owner_command *ret_command);

/* It has much to read before it should be told more. */
bool owner_is_behind(const struct owner *owner);

/* Waits until all was taken, or nobody is there to take it. */
void owner_flush(struct owner *owner);

#endif
