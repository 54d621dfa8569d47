/* SPDX-License-Identifier: Apache-2.0
 *
 * A screen in the box: an X server that draws into memory, and pictures of it for the command
 * (windows/page.h). Its only socket is in the box's /tmp.
 */
#ifndef CLOCHE_WINDOWS_GUEST_DESKTOP_H
#define CLOCHE_WINDOWS_GUEST_DESKTOP_H

#include "windows/page.h"

#include <stdbool.h>

/* Between two looks at the screen. */
#define DESKTOP_LOOK_MS 200

struct desktop {
	const unsigned char *pixels; /* the server's; NULL: nobody wants pictures */
	struct screen_page *page;
};

/* Starts the server and waits until it is there. page_fd: where pictures go, taken; -1: nobody
 * wants any. False, with errno: it cannot be. */
bool desktop_start(struct desktop *desktop, int page_fd);

/* Takes a picture where there is something to see and it is another than the last one. */
void desktop_look(struct desktop *desktop);

/* In a box that is kept: what a run has left, or one that was killed. */
void desktop_remove_traces(void);

#endif
