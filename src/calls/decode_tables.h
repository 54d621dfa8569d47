/* SPDX-License-Identifier: Apache-2.0
 *
 * What gen_decode.py makes of flags.tbl and structs.tbl, for the decoders, and for hooks, which
 * show single members.
 */
#ifndef CLOCHE_CALLS_DECODE_TABLES_H
#define CLOCHE_CALLS_DECODE_TABLES_H

#include "calls/calls.h"
#include "calls/decode.h"

/* (number & mask) == value. An empty name: the masked bits are a signal's number. */
struct flag {
	const char *name;
	uint64_t mask;
	uint64_t value;
};

struct flag_list {
	const char *name;
	const char *prefix; /* that all of its names have: "O_" */
	const struct flag *flags;
	size_t count;
	bool wide; /* has bits above the 32nd, which registers then count too */
};

struct member {
	const char *name;  /* NULL: the structure is this value */
	const char *about; /* list of flags, or type of what is pointed at; or NULL */
	uint16_t offset;
	uint16_t size;
	uint8_t role;
	uint8_t length_member; /* which member counts this, or CALL_NO_ARG */
	uint8_t phase;	       /* shown in this phase only; 0: always; or DECODE_HIDDEN */
	bool is_signed;
};

/* No phase: a member that is there but not shown. */
#define DECODE_HIDDEN 4

#define LAYOUT_MEMBERS_MAX 64
#define LAYOUT_SIZE_MAX	   512

/* size 0: this ABI has no such structure. */
struct layout {
	const char *name;
	const struct member *members;
	uint16_t size;
	uint8_t member_count;
	bool shortened; /* has members that are not shown */
	bool sized;	/* the argument after it is its length */
	bool array;	/* shown as an array of its members */
};

/* Both sorted by name. */
extern const struct flag_list decode_flags[];
extern const size_t decode_flags_count;
extern const struct layout *const decode_layouts[ABI_COUNT];
extern const size_t decode_layouts_count;

const struct flag_list *flag_list_get(const char *name);	  /* NULL: no such list */
const struct layout *layout_find(const char *name, enum abi abi); /* NULL: none */

#endif
