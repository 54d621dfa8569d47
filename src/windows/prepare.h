/* SPDX-License-Identifier: Apache-2.0
 *
 * A run of a Windows program: its policy gets the world of a Windows box, its command line Wine's
 * loader.
 *
 * Of the policy's paths, those that presets show of the host's system are no part of that world:
 * it has a system of its own. What the caller names, the current directory, and what is hidden in
 * them, stay where they are, which Windows programs see as Z:, or under the letter that they were
 * given.
 */
#ifndef CLOCHE_WINDOWS_PREPARE_H
#define CLOCHE_WINDOWS_PREPARE_H

#include "base/err.h"
#include "box/presets.h"
#include "policy/policy.h"
#include "windows/runtime.h"

#include <stdbool.h>
#include <stddef.h>

/* The kinds of a Windows box's presets (box/presets.h): orders for the registry, the user's name,
 * and the serial number, as the starter gets them. */
#define WINDOWS_PRESET_REGISTRY "registry"
#define WINDOWS_PRESET_USER	"user"
#define WINDOWS_PRESET_SERIAL	"serial"
#define WINDOWS_PRESETS_MAX	3

struct windows_run {
	struct runtime runtime; /* held until it is over */
	char **argv;		/* owned, each too: of the box; NULL-terminated; NULL: no run */
	size_t argc;
	int page_fd; /* owned: where pictures of its screen go (windows/page.h); -1: nowhere */
	bool live;   /* the box shows it all the time, and takes keys */
	struct preset presets[WINDOWS_PRESETS_MAX]; /* their texts are words of argv */
	size_t preset_count;
};

struct windows_wish {
	const char *cwd; /* the caller's */
	bool pictures;	 /* of its screen, which there must be */
	bool live;	 /* and all the time, and keys for it */
};

/* 1: the program of argv is for Windows, and everything is ready; 0: it is not, nothing was
 * changed. */
int windows_prepare(struct windows_run *ret_run, struct policy *policy, char *const *argv,
		    const struct windows_wish *wish, struct cloche_err *err);
/* Nobody will want the registry: it is not written in the end. -ENOMEM. */
int windows_run_discards(struct windows_run *run);
void windows_run_done(struct windows_run *run);

#endif
