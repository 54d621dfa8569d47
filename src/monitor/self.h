/* SPDX-License-Identifier: Apache-2.0
 *
 * What /proc/self means when the monitor makes a call for somebody: in the box's /proc the monitor
 * is nobody, so the name has to be put in the caller's words.
 */
#ifndef CLOCHE_MONITOR_SELF_H
#define CLOCHE_MONITOR_SELF_H

#include "monitor/task.h"

/* The path with the caller's own directory of /proc in it, where it names that plainly. Its
 * length; 0: it does not and is fine as it is; or -ENAMETOOLONG. */
int self_rename(const struct task *task, const char *path, char *to, size_t size);

/* A look-up failed: is that because a link on the way leads to /proc/self? Asked with the caller's
 * authority. */
bool self_in_links(int base_fd, const char *path);

#endif
