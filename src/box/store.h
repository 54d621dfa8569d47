/* SPDX-License-Identifier: Apache-2.0
 *
 * Where boxes are kept: a directory of the caller's alone.
 *
 *     boxes/NAME/        a kept box: "lock", "ids" (made by host root), "files" (its layers)
 *     tmp/PID-N/         layers of a throw-away box, where they cannot be in memory; the lock tells
 *                        whether its maker lives
 *
 * Host root's is /var/lib/cloche, others' $XDG_DATA_HOME/cloche or ~/.local/share/cloche.
 */
#ifndef CLOCHE_BOX_STORE_H
#define CLOCHE_BOX_STORE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* The whole of it, with symlinks resolved; heap, or NULL where there is none. */
char *store_directory(const char *home, bool rooted);

/* Opens the kept box, making it when it is new, and takes its lock. -EBUSY: it runs already. */
int store_open_box(const char *home, bool rooted, const char *name, int *ret_box_fd,
		   int *ret_files_fd, struct cloche_err *err);

/* A directory for a throw-away box: its path (heap, the caller's) and its lock. */
int store_make_temporary(const char *home, bool rooted, char **ret_path, int *ret_lock_fd,
			 int *ret_files_fd, struct cloche_err *err);
void store_remove_temporary(const char *path);

/* Removes what killed commands left in tmp/. */
void store_sweep(const char *home, bool rooted);

/* Letters, digits, ".", "_", "-"; not first a dot or dash; at most 64. */
bool store_name_valid(const char *name);

/* Bytes that the tree takes on disk. ret_complete: false where a directory could not be read. */
uint64_t store_usage(int dir_fd, bool *ret_complete);

#endif
