/* SPDX-License-Identifier: Apache-2.0
 *
 * What happened to a box, one JSON object a line in its file "log": {"time": "...", "event": ...}.
 * It never fails what is told of: a line that cannot be written is lost.
 */
#ifndef CLOCHE_BOX_LOG_H
#define CLOCHE_BOX_LOG_H

#include "box/store.h"

#include <stdio.h>

struct json_object;

/* Pairs of a key and a text, ended by NULL: box_log(box, "snapshot", "name", name, NULL). A text
 * that is NULL is left out. Bytes that are no text are written as \xNN. */
#define box_log(box, event, ...) box_log_pairs(box, event, (const char *const[]){__VA_ARGS__})
void box_log_pairs(const struct stored_box *box, const char *event, const char *const *pairs);

/* The same with what is in the object, which is taken; NULL does nothing. */
void box_log_object(const struct stored_box *box, const char *event, struct json_object *take);

/* Calls `each` for every line, oldest first, until it is negative. */
int box_log_read(const struct stored_box *box, int (*each)(const char *line, void *arg), void *arg,
		 struct cloche_err *err);

#endif
