/* SPDX-License-Identifier: Apache-2.0
 *
 * What hooks have to say to the launcher: frames over a stream socket, gathered here so that a
 * line is not a switch of processes. The launcher takes what comes as data from the box; a monitor
 * that was taken over can say anything, and do nothing else with it.
 */
#ifndef CLOCHE_MONITOR_STREAM_H
#define CLOCHE_MONITOR_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum stream_kind {
	STREAM_LOG = 1,	 /* a line of a hook's, without newline */
	STREAM_OUTPUT,	 /* bytes for whoever reads the command's output (trace) */
	STREAM_QUESTION, /* a struct stream_question and its text: a call is held until answered */
	STREAM_FACT,	 /* a record of the hook set's own making (learn, C programs) */
};

/* A longer one is cut by stream_say. */
#define STREAM_LENGTH_MAX (64U * 1024)

struct stream_frame {
	uint32_t kind; /* enum stream_kind */
	uint32_t length;
};

struct stream_question {
	uint64_t id;
};

/* END is between who is asked and the launcher: denied, and the box ends. */
enum stream_word { WORD_DENY, WORD_ALLOW, WORD_NEVER, WORD_ALWAYS, WORD_END };

/* The launcher's way back. */
struct stream_answer {
	uint64_t id;
	uint32_t word;	/* enum stream_word */
	uint32_t error; /* WORD_DENY, WORD_NEVER: the errno; 0: EPERM */
};

struct stream {
	int fd;	     /* borrowed; -1: nobody listens */
	char *bytes; /* owned */
	size_t used;
	size_t output; /* where the frame of output begins that is the last; SIZE_MAX: another is */
	bool owed; /* a set of hooks has something to say when nothing else comes: see hooks->idle
		    */
};

int stream_init(struct stream *stream, int fd);
void stream_done(struct stream *stream);

/* Logs and questions are sent at once; the rest when there is enough of it or stream_flush says
 * so. Waits for the launcher when it is slow. */
void stream_say(struct stream *stream, enum stream_kind kind, const void *bytes, size_t length);
void stream_say_two(struct stream *stream, enum stream_kind kind, const void *head,
		    size_t head_length, const void *bytes, size_t length);
void stream_flush(struct stream *stream);

#endif
