/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeping to the box's own mounts. Guests are behind a second wall (Landlock): a directory that
 * somebody outside hands in through a socket leads nowhere. The monitor is not, as it could not
 * look into them from behind a wall of its own; so where it opens, makes or removes something for
 * a guest it does so only in the mounts of the box. What begins or leads elsewhere the caller does
 * itself, against its wall. Nothing is mounted once guests run, so the mounts are known.
 */
#ifndef CLOCHE_MONITOR_WITHIN_H
#define CLOCHE_MONITOR_WITHIN_H

#include <stdbool.h>

/* Once the box's mounts are complete. proc_fd: a /proc that has this process. */
int within_init(int proc_fd);

/* There is a wall to be kept to; else all of the following are satisfied with everything. */
bool within_matters(void);

/* Callers' walls see truncate of a path, or there are none (Landlock 3, Linux 6.2). */
bool within_sees_truncate(void);

/* What the path, "" for the descriptor itself, leads to without following a last link. */
bool within_mounts(int base_fd, const char *path);

/* The directory that a path's last component is in, and that component with the slashes behind it.
 */
struct within_name {
	int dir_fd;
	int own_fd; /* owned; -1: dir_fd is the base */
	const char *last;
};

/* Magic links of /proc, which may lead anywhere, are not followed. -ELOOP: there is one, or the
 * directory is not in the box's mounts. */
int within_find(int base_fd, const char *path, struct within_name *name);

#endif
