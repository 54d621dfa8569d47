/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *buf, size_t limit)
{
	*buf = (struct buf){.limit = limit};
}

void buf_done(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){0};
}

void buf_clear(struct buf *buf)
{
	buf->length = 0;
	buf->failed = false;
	if (buf->data != NULL)
		buf->data[0] = '\0';
}

static int reserve(struct buf *buf, size_t more)
{
	if (buf->failed)
		return -E2BIG;
	if (more > buf->limit || buf->length > buf->limit - more) {
		buf->failed = true;
		return -E2BIG;
	}
	size_t need = buf->length + more + 1;
	if (need <= buf->size)
		return 0;
	size_t size = buf->size < 64 ? 64 : buf->size;
	while (size < need)
		size *= 2;
	char *data = realloc(buf->data, size);
	if (data == NULL) {
		buf->failed = true;
		return -ENOMEM;
	}
	buf->data = data;
	buf->size = size;
	return 0;
}

int buf_add(struct buf *buf, const void *bytes, size_t length)
{
	int r = reserve(buf, length);
	if (r < 0)
		return r;
	if (length > 0)
		memcpy(buf->data + buf->length, bytes, length);
	buf->length += length;
	buf->data[buf->length] = '\0';
	return 0;
}

int buf_text(struct buf *buf, const char *text)
{
	return buf_add(buf, text, strlen(text));
}

int buf_format(struct buf *buf, const char *format, ...)
{
	/* Most fits where there is room already, and need not be formatted twice. */
	size_t room = buf->data == NULL || buf->failed ? 0 : buf->size - buf->length;
	char *end = room > 0 ? buf->data + buf->length : NULL;
	va_list list;

	va_start(list, format);
	int length = vsnprintf(end, room, format, list);
	va_end(list);
	bool fits =
		length >= 0 && (size_t)length < room && (size_t)length <= buf->limit - buf->length;
	if (!fits && end != NULL)
		*end = '\0';
	if (length < 0)
		return -EINVAL;
	if (fits) {
		buf->length += (size_t)length;
		return 0;
	}
	int r = reserve(buf, (size_t)length);
	if (r < 0)
		return r;
	va_start(list, format);
	(void)vsnprintf(buf->data + buf->length, (size_t)length + 1, format, list);
	va_end(list);
	buf->length += (size_t)length;
	return 0;
}

/* The length of the UTF-8 sequence at p when it is well formed and harmless to show, else 0.
 * Harmless leaves out C1 controls, bidirectional marks, zero-width characters and the like. */
static size_t harmless_utf8(const unsigned char *p, size_t left)
{
	size_t length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	uint32_t c = p[0] & (0xffU >> (length + 1));

	if (p[0] < 0xc2 || p[0] > 0xf4 || length > left)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fU);
	}
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	if (c < 0xa0 || c == 0xad || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
	    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	    (c >= 0xe000 && c <= 0xf8ff) || c >= 0xe0000)
		return 0;
	return length;
}

size_t text_harmless(const void *p, size_t left)
{
	const unsigned char *c = p;

	if (*c < 0x80)
		return *c >= 0x20 && *c < 0x7f ? 1 : 0;
	return harmless_utf8(c, left);
}

int buf_escaped(struct buf *buf, const void *bytes, size_t length)
{
	const unsigned char *p = bytes;
	int r = 0;

	for (size_t i = 0; i < length && r == 0;) {
		size_t step = text_harmless(p + i, length - i);

		if (p[i] == '\n') {
			r = buf_text(buf, "\\n");
		} else if (p[i] == '\t') {
			r = buf_text(buf, "\\t");
		} else if (p[i] == '\\') {
			r = buf_text(buf, "\\\\");
		} else if (step > 0) {
			r = buf_add(buf, p + i, step);
		} else {
			r = buf_format(buf, "\\x%02x", p[i]);
		}
		i += step > 0 ? step : 1;
	}
	return r;
}

const char *buf_string(const struct buf *buf)
{
	return buf->data != NULL ? buf->data : "";
}
