/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters for our own processes: a list of calls, and any other kills the process.
 */
#ifndef CLOCHE_GUARD_OWN_H
#define CLOCHE_GUARD_OWN_H

#include "calls/calls.h"

#include <stddef.h>
#include <stdint.h>

#define OWN_CALLS_MAX 160

struct own_calls {
	uint16_t numbers[ABI_COUNT][OWN_CALLS_MAX];
	size_t count[ABI_COUNT];
};

/* -E2BIG: too many. */
int own_calls_add(struct own_calls *calls, enum abi abi, const int *numbers, size_t count);

/* The calling thread may make these from now on. It has no_new_privs. */
int own_filter_install(const struct own_calls *calls);

#endif
