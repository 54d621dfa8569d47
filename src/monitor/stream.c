/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/stream.h"

#include "sys/sys.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_SIZE (STREAM_LENGTH_MAX + sizeof(struct stream_frame))

int stream_init(struct stream *stream, int fd)
{
	*stream = (struct stream){.fd = fd, .output = SIZE_MAX};
	if (fd < 0)
		return 0;
	stream->bytes = malloc(BUFFER_SIZE);
	return stream->bytes == NULL ? -ENOMEM : 0;
}

void stream_done(struct stream *stream)
{
	free(stream->bytes);
	*stream = (struct stream){.fd = -1};
}

void stream_flush(struct stream *stream)
{
	/* When the launcher is gone, so are we in a moment. */
	if (stream->used > 0)
		(void)sys_write_all(stream->fd, stream->bytes, stream->used);
	stream->used = 0;
	stream->output = SIZE_MAX;
}

/* Output is bytes, so what comes next is the same frame: a write of the launcher's, not many. */
static bool add_to_output(struct stream *stream, const void *bytes, size_t length)
{
	struct stream_frame frame;

	if (stream->output == SIZE_MAX || length > BUFFER_SIZE - stream->used)
		return false;
	memcpy(&frame, stream->bytes + stream->output, sizeof(frame));
	if (length > STREAM_LENGTH_MAX - frame.length)
		return false;
	frame.length += (uint32_t)length;
	memcpy(stream->bytes + stream->output, &frame, sizeof(frame));
	memcpy(stream->bytes + stream->used, bytes, length);
	stream->used += length;
	return true;
}

void stream_say_two(struct stream *stream, enum stream_kind kind, const void *head,
		    size_t head_length, const void *bytes, size_t length)
{
	struct stream_frame frame = {.kind = kind};

	assert(head_length <= STREAM_LENGTH_MAX);
	if (stream->bytes == NULL)
		return;
	if (kind == STREAM_OUTPUT && head_length == 0 && add_to_output(stream, bytes, length))
		return;
	if (length > STREAM_LENGTH_MAX - head_length)
		length = STREAM_LENGTH_MAX - head_length;
	frame.length = (uint32_t)(head_length + length);
	if (sizeof(frame) + frame.length > BUFFER_SIZE - stream->used)
		stream_flush(stream);
	stream->output = kind == STREAM_OUTPUT ? stream->used : SIZE_MAX;
	memcpy(stream->bytes + stream->used, &frame, sizeof(frame));
	stream->used += sizeof(frame);
	memcpy(stream->bytes + stream->used, head, head_length);
	stream->used += head_length;
	memcpy(stream->bytes + stream->used, bytes, length);
	stream->used += length;
	if (kind == STREAM_LOG || kind == STREAM_QUESTION)
		stream_flush(stream);
}

void stream_say(struct stream *stream, enum stream_kind kind, const void *bytes, size_t length)
{
	stream_say_two(stream, kind, "", 0, bytes, length);
}
