/* SPDX-License-Identifier: Apache-2.0
 *
 * The command's side of a box's screen (windows/page.h): what the box writes there is a picture,
 * whatever it is, and nothing else.
 */
#ifndef CLOCHE_WINDOWS_SCREEN_H
#define CLOCHE_WINDOWS_SCREEN_H

#include "base/err.h"

/* The page: a descriptor, or a negative errno. */
int screen_make(struct cloche_err *err);

/* The newest picture as PNG. -ENODATA: there has been none. */
int screen_write(int page_fd, int to_fd, struct cloche_err *err);

#endif
