/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters for our own processes inside a box: a list of allowed calls, everything else kills.
 */
#ifndef CLOCHE_GUARD_OWN_H
#define CLOCHE_GUARD_OWN_H

#include <stddef.h>

/* x86-64 numbers; the calling thread has no_new_privs. */
int own_filter_install(const int *allowed, size_t count);

#endif
