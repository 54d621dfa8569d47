/* SPDX-License-Identifier: Apache-2.0
 *
 * The world of a Windows box as rules of a policy, and what is started in it.
 */
#ifndef CLOCHE_WINDOWS_BOX_H
#define CLOCHE_WINDOWS_BOX_H

#include "base/err.h"
#include "policy/policy.h"

#include <stdbool.h>

/* As the box sees them. */
#define WINDOWS_PREFIX	   "/wine"
#define WINDOWS_PARTS	   "/usr/lib/cloche"
#define WINDOWS_STARTER	   WINDOWS_PARTS "/starter"
#define WINDOWS_DRIVES	   "/drives"		   /* what --read DIR:D: shows is at /drives/d */
#define WINDOWS_FONT_CACHE "/var/cache/fontconfig" /* written while the template is made */
#define WINE32		   "/usr/lib/wine/wine"
#define WINE64		   "/usr/lib/wine/wine64"
#define WINDOWS_USER	   "user"

struct windows_world {
	const char *root;   /* Wine's system, shown read-only as / */
	const char *prefix; /* C: and the registry */
	const char *parts;  /* what of cloche is in it (parts.h) */
	bool is_template;   /* the prefix itself is written: it is being made */
	bool boots;	    /* with wineboot, which makes one, and starts Windows's services */
};

/* Adds the world's own paths, which replace those of the same name, and variables, where the policy
 * has no value for one. */
int windows_add_world(struct policy *policy, const struct windows_world *world,
		      struct cloche_err *err);

/* Runs it in a box that can write the prefix, with no network, and waits: its exit status, or a
 * negative errno. For code that was downloaded: it runs nowhere else. */
int windows_run_setup(const struct windows_world *world, char *const *argv, struct cloche_err *err);

#endif
