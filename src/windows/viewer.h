/* SPDX-License-Identifier: Apache-2.0
 *
 * Shows a box's screen in a window of the caller's display. No program of the box talks to that
 * display: what comes from the box is pixels (windows/page.h), what goes there is keys and buttons
 * that were meant for this window.
 */
#ifndef CLOCHE_WINDOWS_VIEWER_H
#define CLOCHE_WINDOWS_VIEWER_H

#include "base/err.h"
#include "windows/x11.h"

/* A display of this machine: ":0", "unix:0", ":0.0". The cookie is looked for where XAUTHORITY
 * says. */
int viewer_open(struct x11 *ret_display, const char *name, struct cloche_err *err);

/* A child of this process that shows it until it is killed or this process ends; it has the
 * display, which is closed here. When somebody closes the window it sends this process SIGTERM, and
 * ends. Its pid. */
int viewer_start(struct x11 *take_display, int page_fd, const char *title, struct cloche_err *err);
void viewer_end(int pid);

#endif
