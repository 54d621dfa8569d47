/* SPDX-License-Identifier: Apache-2.0
 *
 * Where boxes are kept: a directory of the caller's alone.
 *
 *     lock               held, for moments, by who changes which boxes and layers there are
 *     boxes/NAME/        a kept box: "stack" (stack.h), "lock" and "running" (see below), "ids"
 *                        (made by host root), "log" (log.h), "words" (words.h), "committed"
 *                        (committed.h), "leaving" (leave.h), and while it runs "door"
 *                        (launch/door.h)
 *     layers/ID/         a layer (layer.h); whose it is, the stacks say: nothing is counted
 *     trash/             what is being removed; anything in it has the next command go on with that
 *     tmp/PID/           layers of a throw-away box, where they cannot be in memory; the lock tells
 *                        whether its maker lives
 *
 * A box is changed in one step: its new "stack" is renamed over the old one. A layer is written
 * down in a stack before it exists, and is removed when no stack has it any more; so whatever a
 * killed command has left is either part of a box or nobody's.
 *
 * "lock" of a box is held while a command changes it (the next one waits), and for a moment while a
 * run begins; "running" is held for as long as that lasts, and says who it is. Locks end with
 * the process. Who holds a box's lock may take the store's, never the other way round.
 *
 * Host root's is /var/lib/cloche, others' $XDG_DATA_HOME/cloche or ~/.local/share/cloche.
 */
#ifndef CLOCHE_BOX_STORE_H
#define CLOCHE_BOX_STORE_H

#include "base/err.h"
#include "box/name.h"
#include "box/stack.h"

#include <stdbool.h>
#include <stdint.h>

struct store {
	int fd; /* owned, as all of them */
	int boxes_fd;
	int layers_fd;
	int trash_fd;
	bool rooted;
};

enum store_access {
	STORE_LOOK = 0,	  /* no lock: it may run, or change meanwhile */
	STORE_CHANGE = 1, /* locked: waits for other commands; -EBUSY, and who, when it runs */
	STORE_TRY = 3,	  /* the same, but -EBUSY instead of waiting */
	STORE_RUN = 2,	  /* as STORE_CHANGE, and from then on it runs, until it is closed */
};

struct stored_box {
	const struct store *store; /* borrowed */
	char name[STORE_NAME_SIZE];
	int fd;		    /* owned: its directory */
	int lock_fd;	    /* owned: what is held; -1: STORE_LOOK */
	struct stack stack; /* owned */
};

/* Made where it is missing. Goes on with what killed commands have left. */
int store_open(struct store *ret_store, const char *home, bool rooted, struct cloche_err *err);
/* The same for whoever this process is. */
int store_open_here(struct store *ret_store, struct cloche_err *err);
void store_close(struct store *store);

/* The kept box. -ENOENT: there is none. Finishes what a killed command has begun with it. */
int store_box_open(struct stored_box *ret_box, const struct store *store, const char *name,
		   enum store_access access, struct cloche_err *err);
void store_box_close(struct stored_box *box);

/* Calls `each` for every box, sorted by name, until it is negative. Negative, too, and after all
 * others, when one could not be read. */
int store_boxes(const struct store *store,
		int (*each)(struct stored_box *box, void *arg, struct cloche_err *err), void *arg,
		struct cloche_err *err);

/* The store's lock, waited for; held until closed. */
int store_lock(const struct store *store, struct cloche_err *err);

/* Puts the stack that is in `box` on disk: from here on it is what the box is. */
int store_box_write(const struct stored_box *box, struct cloche_err *err);

/* A box of this stack, which appears at once as a whole. The store's lock is held. `like` (may be
 * NULL) is the box whose ids it shares, because it shares its layers. -EEXIST. */
int store_box_make(const struct store *store, const char *name, const struct stack *stack,
		   const struct stored_box *like, struct cloche_err *err);

/* A name for a new layer or box that nothing has. */
int store_new_id(char ret_id[LAYER_ID_SIZE], struct cloche_err *err);

/* A layer's directory, O_RDONLY | O_DIRECTORY; -ENOENT: nothing was written to it yet. */
int store_layer_open(const struct store *store, const char *id);
/* The top, made where it is missing. */
int store_top_open(const struct stored_box *box, struct cloche_err *err);

/* 1: it runs, and the text is the PID of who runs it; 0: it does not. */
int store_runner(const struct stored_box *box, char *ret_text, size_t size);

/* The whole of it, with symlinks resolved; heap, or NULL where there is none. */
char *store_directory(const char *home, bool rooted);

/* A directory for a throw-away box: its path (heap, the caller's) and its lock. */
int store_make_temporary(const char *home, bool rooted, char **ret_path, int *ret_lock_fd,
			 int *ret_files_fd, struct cloche_err *err);
void store_remove_temporary(const char *path);

/* Removes what killed commands left in tmp/. */
void store_sweep(const char *home, bool rooted);

/* Bytes that the tree takes on disk. ret_complete: false where a directory could not be read. */
uint64_t store_usage(int dir_fd, bool *ret_complete);

/* Is the directory the caller's, and nobody else may write to it? */
bool store_is_ours(int fd);

/* Between the files of this room: the directory, made 0700 when it is missing, the caller's own. */
int store_open_private(int dir_fd, const char *path, struct cloche_err *err);
int store_path(const char *home, bool rooted, const char *rest, char *ret_path, size_t size);

#endif
