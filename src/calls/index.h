/* SPDX-License-Identifier: Apache-2.0
 *
 * What the generator writes for calls.c alone; everybody else uses the functions of calls.h.
 */
#ifndef CLOCHE_CALLS_INDEX_H
#define CLOCHE_CALLS_INDEX_H

#include "calls/calls.h"

/* One more than the row in calls_table; 0: that ABI has no such number. */
extern const uint16_t calls_by_number[ABI_COUNT][CALL_NUMBER_MAX + 1];

extern const char *const calls_family_names[FAMILY_COUNT];
extern const char *const calls_family_other_names[FAMILY_COUNT]; /* strace's, or "-" */
extern const char *const calls_role_names[ROLE_COUNT];

#endif
