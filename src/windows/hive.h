/* SPDX-License-Identifier: Apache-2.0
 *
 * A registry hive as Wine writes it, as a sorted list, and what differs between two. A box's hive
 * was written by guests: it may be anything. What makes no sense as a line is passed over.
 *
 *     [Software\\Wine] 1795885530        a key, below the hive's root
 *     #time=1dd7f5aabfb02c0              not compared
 *     "Version"="win10"                  a value of it; "@" is the default one
 *
 * Names and data stay as they are written there: backslashes and quotes escaped by a backslash,
 * everything that is not ASCII as \xNNNN, so the same value is the same text.
 */
#ifndef CLOCHE_WINDOWS_HIVE_H
#define CLOCHE_WINDOWS_HIVE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hive_entry {
	const char *key;   /* of all: below the root */
	const char *value; /* the name with its quotes, or "@"; NULL: the key itself */
	const char *data;  /* of a value */
	size_t order;
};

struct hive {
	char *text;		    /* owned */
	struct hive_entry *entries; /* owned; borrowing from text; sorted, each once */
	size_t count;
};

/* From the descriptor's start; -1: an empty one. -EFBIG. */
int hive_read(struct hive *ret_hive, int fd, struct cloche_err *err);
void hive_done(struct hive *hive);

/* The text of a name or string, without its quotes, as UTF-16: at most `max` units; how many. */
size_t hive_decode(const char *text, size_t length, uint16_t *ret_units, size_t max);

enum hive_change { HIVE_ADDED, HIVE_CHANGED, HIVE_DELETED };

/* Calls `each` for what differs, sorted by key; of a deleted key's values and keys nothing is said.
 * Until it is negative. */
int hive_compare(const struct hive *before, const struct hive *after,
		 int (*each)(void *arg, enum hive_change change, const struct hive_entry *before,
			     const struct hive_entry *after),
		 void *arg);

#endif
