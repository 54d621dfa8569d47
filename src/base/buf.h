/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing byte buffer with a limit that is given when it is made. Once an append has failed
 * (memory or limit) the buffer stays failed and every later append fails too, so a writer may
 * check once at the end. The content always ends in a NUL that does not count.
 */
#ifndef CLOCHE_BASE_BUF_H
#define CLOCHE_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data;    /* owned; NULL while empty */
	size_t length; /* bytes used, without the final NUL */
	size_t size;   /* bytes allocated */
	size_t limit;  /* length never exceeds this */
	bool failed;
};

void buf_init(struct buf *buf, size_t limit);
void buf_done(struct buf *buf);
void buf_clear(struct buf *buf);

/* All return 0, -ENOMEM or -E2BIG. */
int buf_add(struct buf *buf, const void *bytes, size_t length);
int buf_text(struct buf *buf, const char *text);
int buf_format(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The bytes as somebody at a terminal may see them: printable ASCII and valid, harmless UTF-8 as
 * it is, everything else as \xNN (and \n, \t, \\). */
int buf_escaped(struct buf *buf, const void *bytes, size_t length);

/* How many of the bytes at p (left > 0 of them) are one character that may be shown as it is; 0: it
 * may not. */
size_t text_harmless(const void *p, size_t left);

/* The content as a C string; "" while empty. Borrowed until the next change. */
const char *buf_string(const struct buf *buf);

#endif
