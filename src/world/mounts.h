/* SPDX-License-Identifier: Apache-2.0
 *
 * What is mounted on the host, as the caller sees it.
 */
#ifndef CLOCHE_WORLD_MOUNTS_H
#define CLOCHE_WORLD_MOUNTS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct host_mount {
	char *path;  /* owned; absolute */
	bool pseudo; /* the kernel's own (proc, sysfs, cgroup ...): never shown in a box */
};

struct host_mounts {
	struct host_mount *list; /* owned; a path stands once, parents before children */
	size_t count;
};

/* Reads /proc/self/mountinfo. */
int host_mounts_read(struct host_mounts *ret_mounts, struct cloche_err *err);
/* The same from text, which is changed. */
int host_mounts_parse(char *text, struct host_mounts *ret_mounts, struct cloche_err *err);
void host_mounts_done(struct host_mounts *mounts);

/* The path is of /proc, /sys and the like, or of what is mounted in them. */
bool host_mounts_are_pseudo(const struct host_mounts *mounts, const char *path);

/* Something is mounted strictly below path. */
bool host_mounts_below(const struct host_mounts *mounts, const char *path);

/* Something is mounted strictly between a directory and a path in it. */
bool host_mounts_between(const struct host_mounts *mounts, const char *dir, const char *path);

#endif
