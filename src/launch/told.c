/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/told.h"

#include "base/buf.h"
#include "sys/sys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_SIZE (2 * STREAM_LENGTH_MAX)

void told_init(struct told *told, const struct launch_options *options, int fd)
{
	*told = (struct told){.options = options, .fd = fd};
	if (fd < 0)
		return;
	told->bytes = malloc(BUFFER_SIZE);
	if (told->bytes != NULL)
		told->size = BUFFER_SIZE;
	else
		told->fd = -1; /* Nothing is heard then, and who asks is denied in time. */
}

void told_done(struct told *told)
{
	free(told->bytes);
	*told = (struct told){.fd = -1};
}

/* The first frame, when all of it has come. */
static bool first_frame(const struct told *told, struct stream_frame *frame)
{
	if (told->used < sizeof(*frame))
		return false;
	memcpy(frame, told->bytes, sizeof(*frame));
	return frame->length <= STREAM_LENGTH_MAX && told->used - sizeof(*frame) >= frame->length;
}

static void drop_frame(struct told *told, const struct stream_frame *frame)
{
	size_t whole = sizeof(*frame) + frame->length;

	told->used -= whole;
	memmove(told->bytes, told->bytes + whole, told->used);
}

void told_print_log(const char *bytes, size_t length)
{
	struct buf line;

	buf_init(&line, 4 * (size_t)STREAM_LENGTH_MAX);
	if (buf_escaped(&line, bytes, length) == 0)
		(void)fprintf(stderr, "cloche: %s\n", buf_string(&line));
	buf_done(&line);
}

static void pass_on(const struct told *told, const struct stream_frame *frame)
{
	const char *bytes = told->bytes + sizeof(*frame);

	if (told->options->told != NULL)
		told->options->told(told->options->arg, (enum stream_kind)frame->kind, bytes,
				    frame->length);
	else if (frame->kind == STREAM_LOG)
		told_print_log(bytes, frame->length);
}

static void pass_frames(struct told *told)
{
	struct stream_frame frame;

	/* Who works for somebody else passes questions on, too. */
	while (first_frame(told, &frame) &&
	       (frame.kind != STREAM_QUESTION || told->options->owner != NULL)) {
		pass_on(told, &frame);
		drop_frame(told, &frame);
	}
	/* No monitor of ours says so much at once. */
	if (told->used >= sizeof(frame) && frame.length > STREAM_LENGTH_MAX)
		told->fd = -1;
}

void told_read(struct told *told)
{
	ssize_t n = SYS_RESULT(read(told->fd, told->bytes + told->used, told->size - told->used));

	if (n <= 0) {
		if (n != -EINTR && n != -EAGAIN)
			told->fd = -1;
		return;
	}
	told->used += (size_t)n;
	pass_frames(told);
}

bool told_has_question(const struct told *told)
{
	struct stream_frame frame;

	return first_frame(told, &frame) && frame.kind == STREAM_QUESTION;
}

void told_reply(const struct told *told, const struct stream_answer *answer)
{
	/* A monitor that is gone needs none; one that takes none, because it waits for us to
	 * listen, denies when the time is over. */
	if (told->fd >= 0)
		(void)SYS_RESULT(
			send(told->fd, answer, sizeof(*answer), MSG_DONTWAIT | MSG_NOSIGNAL));
}

void told_answer(struct told *told, int over_fd)
{
	struct stream_frame frame;
	struct stream_question question;
	struct stream_answer answer = {0};

	if (!first_frame(told, &frame) || frame.kind != STREAM_QUESTION)
		return;
	if (frame.length >= sizeof(question) && told->options->asked != NULL)
		answer = told->options->asked(told->options->asked_arg,
					      told->bytes + sizeof(frame) + sizeof(question),
					      frame.length - sizeof(question), over_fd);
	if (answer.word == WORD_END) {
		told->ended = true;
		answer = (struct stream_answer){.word = WORD_DENY};
	}
	if (frame.length >= sizeof(question)) {
		memcpy(&question, told->bytes + sizeof(frame), sizeof(question));
		answer.id = question.id;
		told_reply(told, &answer);
	}
	drop_frame(told, &frame);
	pass_frames(told);
}
