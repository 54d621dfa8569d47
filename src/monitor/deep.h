/* SPDX-License-Identifier: Apache-2.0
 *
 * Arguments that lead to more than one place: argv, several buffers, a message. All of it becomes
 * one copy with links (struct call_memory). For call.c.
 */
#ifndef CLOCHE_MONITOR_DEEP_H
#define CLOCHE_MONITOR_DEEP_H

#include "monitor/call.h"

/* All that one argument leads to. */
#define DEEP_MAX ((size_t)3 << 20)

/* Is this argument of such a kind? */
bool deep_is(const struct call *call, unsigned index);

/* Fills in memory; negative: what the caller is told. */
int deep_read(struct call *call, unsigned index, struct call_memory *memory);

/* Writes the copy to `to` as it is for an address of `address`. */
void deep_place(const struct call *call, const struct call_memory *memory, char *to,
		uint64_t address);

/* The members of a message's copy, as offsets in it. */
struct message_parts {
	size_t name;
	size_t name_length;
	size_t buffers; /* the array of address and length */
	size_t buffer_count;
};

bool deep_message_parts(const struct call *call, const struct call_memory *memory,
			struct message_parts *parts);

/* Where the link at this place leads to; 0: there is none. */
size_t deep_target(const struct call_memory *memory, size_t at);

uint64_t deep_word(const struct call *call, const char *at);
void deep_set_word(const struct call *call, char *at, uint64_t value);

#endif
