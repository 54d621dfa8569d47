/* SPDX-License-Identifier: Apache-2.0
 *
 * A screen in the box: an X server that draws into memory, and pictures of it for the command
 * (windows/page.h). Its only socket is in the box's /tmp.
 */
#ifndef CLOCHE_WINDOWS_GUEST_DESKTOP_H
#define CLOCHE_WINDOWS_GUEST_DESKTOP_H

#include "windows/page.h"
#include "windows/x11.h"

#include <stdbool.h>

/* Between two looks at the screen, and where somebody looks on. */
#define DESKTOP_LOOK_MS 200
#define DESKTOP_LIVE_MS 30

struct desktop {
	const unsigned char *pixels; /* the server's; NULL: nobody wants pictures */
	struct screen_page *page;
	bool live;	   /* somebody looks on, and has keys */
	struct x11 x11;	   /* live: our own way to the server */
	uint8_t test;	   /* live: the number of XTEST's requests */
	uint32_t received; /* events */
	unsigned looks;
};

/* Starts the server and waits until it is there. page_fd: where pictures go, taken; -1: nobody
 * wants any. False, with errno: it cannot be. */
bool desktop_start(struct desktop *desktop, int page_fd, bool live);

/* Takes a picture where there is something to see and it is another than the last one. */
void desktop_look(struct desktop *desktop);

/* How long until the next look; -1: for ever. */
int desktop_pause_ms(const struct desktop *desktop);

/* In a box that is kept: what a run has left, or one that was killed. */
void desktop_remove_traces(void);

#endif
