/* SPDX-License-Identifier: Apache-2.0
 *
 * Lua's patterns (manual, 6.4.1), counted. The library's own matcher can work for hours on a few
 * bytes (".-.-.-.-x"), in one instruction that no limit of ours interrupts; a guest chooses the
 * paths that hooks match. This one spends a step for each character that it looks at and gives up
 * when there are none left. Pure.
 */
#ifndef CLOCHE_POLICY_PATTERN_H
#define CLOCHE_POLICY_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATTERN_CAPTURES_MAX 32

struct pattern_capture {
	size_t start;
	size_t length;
	bool open;     /* its end was not seen yet */
	bool position; /* "()": where, not what */
};

struct pattern {
	const char *subject; /* borrowed */
	size_t subject_length;
	const char *text; /* borrowed; without the "^" that anchors it */
	size_t length;
	uint64_t steps;	   /* what may still be spent */
	const char *error; /* static; NULL: none. "" means that there are no steps left. */
	unsigned depth;
	unsigned count; /* of captures, after a match */
	struct pattern_capture captures[PATTERN_CAPTURES_MAX];
};

/* The end of the match that begins at `start`, or -1: none, or there is an error. */
ptrdiff_t pattern_match(struct pattern *pattern, size_t start);

/* Has the text any character with a meaning of its own? */
bool pattern_is_plain(const char *text, size_t length);

#endif
