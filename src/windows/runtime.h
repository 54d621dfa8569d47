/* SPDX-License-Identifier: Apache-2.0
 *
 * What all Windows boxes of a caller stand on, in the caller's store:
 *
 *     windows/lock        held while one is built, replaced or removed
 *     windows/new/        what is being built; goes on where it was interrupted
 *     windows/current     a symlink: which of the next is used
 *     windows/ID/         a runtime: whole when it has this name
 *         root/           Wine and the libraries that it needs, a box's root directory
 *         prefix/         the template of C: and the registry
 *         about           versions, one "NAME VALUE" a line
 *         lock            held, shared, by everybody who runs something on it
 *     windows/parts-HASH/    what of this cloche is in each box (parts.h); held, shared, likewise
 *
 * Boxes see root read-only and prefix under a layer of their own, so nothing here changes once it
 * is made. No path of a policy can lead here: a rule that may says so by its own mark.
 */
#ifndef CLOCHE_WINDOWS_RUNTIME_H
#define CLOCHE_WINDOWS_RUNTIME_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* How it is made. One of another number is built anew. */
#define RUNTIME_FORMAT "4"

/* A store in a deeper directory has no Windows boxes. */
#define RUNTIME_PATH_SIZE 1024

struct runtime {
	char path[RUNTIME_PATH_SIZE];  /* of windows/ID, without symlinks */
	char parts[RUNTIME_PATH_SIZE]; /* of windows/parts-HASH */
	int lock_fd;  /* owned: as long as it is open nobody removes it; -1: not held */
	int parts_fd; /* owned: the same for the parts */
};

/* The directory windows/ of the caller's store, O_DIRECTORY, made where it is missing, and its
 * path. */
int runtime_directory(char ret_path[RUNTIME_PATH_SIZE], struct cloche_err *err);

/* The one in use, held. -ENOENT: there is none, or one of another cloche; err says how to make it.
 */
int runtime_open(struct runtime *ret_runtime, struct cloche_err *err);
void runtime_close(struct runtime *runtime);

/* A line of its "about"; "" where it has none. */
void runtime_about(const struct runtime *runtime, const char *name, char *ret_value, size_t size);

/* Removes all runtimes but the current one (or that too) which nobody uses, and the same of parts.
 * The number of those that are in use, or negative. windows/lock is held. */
int runtime_sweep(int windows_fd, bool current_too, struct cloche_err *err);

/* windows/lock, waited for; says so when it has to. */
int runtime_lock(int windows_fd, struct cloche_err *err);

/* The same where somebody cleans up: nothing where there is no windows/ in the store, or somebody
 * is at work there. */
int runtime_prune(int store_fd, struct cloche_err *err);

#endif
