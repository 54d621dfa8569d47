/* SPDX-License-Identifier: Apache-2.0
 *
 * What of this cloche is in each Windows box, at WINDOWS_PARTS: the guest's first program
 * (guest/starter.c), the library in front of direct calls of NT (nt/nt.c) for both bitnesses, and
 * the list by which the dynamic loader loads that into Wine.
 */
#ifndef CLOCHE_WINDOWS_PARTS_H
#define CLOCHE_WINDOWS_PARTS_H

#include "windows/runtime.h"

/* Whether this cloche was built with all of it. */
bool parts_built(void);

/* Puts them beside the runtimes, where they are not there yet. A descriptor: as long as it is open
 * nobody removes them. */
int parts_put(int windows_fd, const char *windows_path, char ret_path[RUNTIME_PATH_SIZE],
	      struct cloche_err *err);

/* Removes those of other cloches, or this one's too, that nobody uses. */
int parts_sweep(int windows_fd, bool own_too);

#endif
