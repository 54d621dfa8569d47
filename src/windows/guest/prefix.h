/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of the prefix (C: and the registry), written by the starter with the guest's authority.
 */
#ifndef CLOCHE_WINDOWS_GUEST_PREFIX_H
#define CLOCHE_WINDOWS_GUEST_PREFIX_H

#include "windows/hive.h"

#include <stddef.h>

/* Puts text under the name, in one step. */
int prefix_put(int prefix_fd, const char *name, const char *text, size_t length);

/* Puts in the place of the hive `file` what `edit` makes of its text. */
int prefix_edit(int prefix_fd, const char *file,
		int (*edit)(const char *file, struct raw hive, void *arg, struct buf *out),
		void *arg);

#endif
