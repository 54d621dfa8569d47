/* SPDX-License-Identifier: Apache-2.0
 *
 * Where boxes are kept: a directory of the caller's alone.
 *
 *     lock               held, for moments, by who changes which boxes and layers there are
 *     boxes/NAME/        a kept box: "lock", "ids" (made by host root), "stack" (stack.h), "log"
 *     layers/ID/         a layer (layer.h); whose it is, the stacks say: nothing is counted
 *     trash/             what is being removed; anything in it has the next command go on with that
 *     tmp/PID/           layers of a throw-away box, where they cannot be in memory; the lock tells
 *                        whether its maker lives
 *
 * A box is changed by one step: its new "stack" is renamed over the old one. A layer is written
 * down in a stack before it exists and removed when no stack has it any more.
 *
 * Host root's is /var/lib/cloche, others' $XDG_DATA_HOME/cloche or ~/.local/share/cloche.
 */
#ifndef CLOCHE_BOX_STORE_H
#define CLOCHE_BOX_STORE_H

#include "base/err.h"
#include "box/stack.h"

#include <stdbool.h>
#include <stdint.h>

struct store {
	int fd; /* owned */
	int boxes_fd;
	int layers_fd;
	bool rooted;
};

enum store_access {
	STORE_LOOK,   /* no lock: it may run, or change meanwhile */
	STORE_CHANGE, /* locked: waits for other commands; -EBUSY, and who, when it runs */
	STORE_RUN,    /* the same, and others are told that it runs */
	STORE_MAKE = 4, /* with one of them: made where there is none */
};

struct stored_box {
	const struct store *store; /* borrowed */
	char name[STORE_NAME_SIZE];
	int fd;	     /* owned: its directory */
	int lock_fd; /* owned; -1: STORE_LOOK */
	struct stack stack; /* owned */
};

/* Makes it where it is missing, and finishes what killed commands left. */
int store_open(struct store *ret_store, const char *home, bool rooted, struct cloche_err *err);
void store_close(struct store *store);

/* The kept box. -ENOENT: there is none. */
int store_box_open(struct stored_box *ret_box, const struct store *store, const char *name,
		   unsigned access, struct cloche_err *err);
void store_box_close(struct stored_box *box);

/* The directory of a layer of it: O_RDONLY | O_DIRECTORY. */
int store_layer_open(const struct store *store, const char *id);

/* The whole of it, with symlinks resolved; heap, or NULL where there is none. */
char *store_directory(const char *home, bool rooted);

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
