/* SPDX-License-Identifier: Apache-2.0
 *
 * The user's name, as far as it is written down in C: and the registry.
 */
#ifndef CLOCHE_WINDOWS_GUEST_PROFILE_H
#define CLOCHE_WINDOWS_GUEST_PROFILE_H

#include <stdbool.h>

/* C:\users\NAME is the user's directory from now on, and the registry says so; once for a name.
 * False, with errno: it could not be done. */
bool profile_rename(int prefix_fd, const char *name);

#endif
