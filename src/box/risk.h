/* SPDX-License-Identifier: Apache-2.0
 *
 * What may be dangerous about a change, once it is on the host: classes with names. A class says
 * why somebody should look before it is taken over; none is a proof that the rest is harmless.
 *
 * Names are matched by path, without regard to case (some directories have none), wherever in the
 * tree they are, and where the caller's start-up files are symlinks, by what these lead to.
 */
#ifndef CLOCHE_BOX_RISK_H
#define CLOCHE_BOX_RISK_H

#include "box/diff.h"

enum risk {
	RISK_SET_ID,
	RISK_DEVICE,
	RISK_SHELL,
	RISK_GIT,
	RISK_CRON,
	RISK_SYSTEMD,
	RISK_AUTOSTART,
	RISK_SSH,
	RISK_SUDO,
	RISK_PRELOAD,
	RISK_EDITOR,
	RISK_PATH,
	RISK_LINK,
	RISK_PERMISSION,
	RISK_COUNT,
};

struct risk_class {
	const char *name;
	const char *reason;
};
extern const struct risk_class risk_classes[RISK_COUNT];

/* The class of the name, or -EINVAL. */
int risk_parse(const char *name);

/* What is looked up once for many changes. */
struct risk_lookup;
/* `home` and `search` (a PATH) may be NULL. NULL: no memory. */
struct risk_lookup *risk_lookup_new(const char *home, const char *search);
struct risk_lookup *risk_lookup_free(struct risk_lookup *lookup);

/* A set of 1 << enum risk; or an error. */
int risk_of(const struct risk_lookup *lookup, const struct changes *changes,
	    const struct change *change);

/* By name alone. */
unsigned risk_of_path(const struct risk_lookup *lookup, const char *path);

#endif
