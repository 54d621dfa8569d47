/* SPDX-License-Identifier: Apache-2.0
 *
 * A registry hive as Wine keeps it: a text file of keys and values. The box's programs can write
 * any bytes into one, so nothing about it is believed: what cannot be read as a key or a value is
 * left out and counted, and all sizes are bounded.
 *
 * Names and data stay in the file's own writing ("raw"): Wine writes each in one way only, so two
 * are the same when their bytes are. The writing: ASCII, a UTF-16 unit beyond it as \xHHHH, control
 * characters as in C, two backslashes between the keys of a path.
 */
#ifndef CLOCHE_WINDOWS_HIVE_H
#define CLOCHE_WINDOWS_HIVE_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Wine's own are a few megabytes; what is larger than these is not looked into. */
#define HIVE_FILE_MAX (64U << 20)
#define HIVE_ROWS_MAX 2000000U
#define HIVE_KEYS_MAX (1U << 30) /* bytes of all rows' keys, each as often as it would be shown */
/* Of what is written about one: of a byte of it no more than four come. */
#define HIVE_SIZE_MAX (320U << 20)

struct raw {
	const char *text; /* borrowed from the hive; not terminated */
	size_t length;
};

/* That a key exists (`is_key`), or one of its values; the default value has an empty name. */
struct hive_row {
	struct raw key;
	struct raw name;
	struct raw data;
	bool is_key;
	size_t order; /* in the file: of two that say the same, the later holds */
};

struct hive {
	char *text; /* owned; a zero byte follows */
	size_t length;
	struct hive_row
		*rows; /* owned; sorted, a key before its values and those before its keys */
	size_t count;
	size_t size;
	size_t key_bytes; /* of all rows */
	size_t strange;	  /* lines that are nothing of a hive */
};

/* `fd` is read from its beginning; -1 is a hive without keys. -E2BIG: larger than is
 * looked into. */
int hive_read(struct hive *ret_hive, int fd, struct cloche_err *err);
/* The same of a text, which is copied. */
int hive_from(struct hive *ret_hive, const char *text, size_t length);
void hive_done(struct hive *hive);

/* Whether the text says of itself that it is a hive. */
bool hive_is_known(const struct hive *hive);

/* Less than, equal to or greater than 0; names of keys and values differ by more than their case.
 */
int hive_compare_rows(const struct hive_row *a, const struct hive_row *b);
bool raw_equal(struct raw a, struct raw b);
bool raw_starts(struct raw raw, const char *start);

/* Whether `inner` is a key below `key`. */
bool hive_key_below(struct raw inner, struct raw key);

/* The next line of a hive's text without its end; a line that ends in a backslash goes on in the
 * next. false: there is none. `at` is 0 at first. */
bool hive_next_line(struct raw text, size_t *at, struct raw *ret_line);

/* "[key] time" */
bool hive_line_key(struct raw line, struct raw *ret_key);
/* "name"=data or @=data, of which the default's name is empty. */
bool hive_line_value(struct raw line, struct raw *ret_name, struct raw *ret_data);

/* As keys' and values' names are compared: less than, equal to or greater than 0. */
int raw_compare_names(struct raw a, struct raw b);

/* What the raw text stands for: UTF-16LE bytes, or UTF-8, in which half a pair is U+FFFD. */
int raw_utf16(struct raw raw, struct buf *out);
int raw_utf8(struct raw raw, struct buf *out);
int utf16_utf8(const struct buf *units, struct buf *out);

#endif
