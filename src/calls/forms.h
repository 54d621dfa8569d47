/* SPDX-License-Identifier: Apache-2.0
 *
 * For those who show calls: what a call takes where that depends on one of its arguments, and what
 * its result is. The takes and returns lines of calls.tbl.
 */
#ifndef CLOCHE_CALLS_FORMS_H
#define CLOCHE_CALLS_FORMS_H

#include "calls/calls.h"

/* The arguments are these when the test holds. */
struct call_variant {
	struct arg_test test;
	struct call_args args;
};

/* The result is this when the test holds, not a plain number. */
struct call_returns {
	struct arg_test test;
	uint8_t role;
	const char *flag_list;
};

/* The first that holds counts. */
struct call_forms {
	const struct call_variant *variants;
	const struct call_returns *returns;
	uint8_t variant_count;
	uint8_t returns_count;
};

extern const struct call_forms calls_forms[SC_COUNT];

#endif
