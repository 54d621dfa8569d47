/* SPDX-License-Identifier: Apache-2.0
 *
 * What a policy itself has put into a box, so that nobody takes it for what programs did. A layer's
 * file "presets" has a line for each: "KIND TEXT", percent-encoded; which kinds there are is the
 * affair of those who make them. Ours: no guest can write it, and it is in no archive, for whoever
 * could write one could keep a change from being shown.
 */
#ifndef CLOCHE_BOX_PRESETS_H
#define CLOCHE_BOX_PRESETS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct preset {
	const char *kind; /* a word */
	const char *text;
};

struct stored_box;

/* Notes them in the box's top layer, but for those of which the last of their kind says the same.
 */
int presets_note(const struct stored_box *box, int top_fd, const struct preset *presets,
		 size_t count, struct cloche_err *err);

/* As they were put there, one after the other. */
struct presets {
	struct preset_line {
		char *kind; /* owned */
		char *text; /* owned */
		bool is_new;
	} * list; /* owned */
	size_t count;
};

/* Adds those of a layer that is older than all that are there. */
int presets_read(struct presets *presets, int layer_fd, bool is_new);
void presets_done(struct presets *presets);

/* The last text of this kind, among the old or the new ones; NULL: there is none. */
const char *presets_last(const struct presets *presets, const char *kind, bool is_new);

/* The lower layer's file has all that the upper one's has. */
int presets_merge(int upper_fd, int lower_fd);

#endif
