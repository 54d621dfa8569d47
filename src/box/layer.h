/* SPDX-License-Identifier: Apache-2.0
 *
 * What a box has written, as trees that can be read: one view for each place of the root plan that
 * a box may write to, and in each the box's layers, newest first.
 *
 * On disk a layer is a directory of the store (see store.h):
 *
 *     u/NAME/    what was written over a host directory: an upper directory of overlayfs
 *     w/NAME/    overlayfs's own, of the same; nothing of the box's
 *     p/NAME/    a private directory. In the lowest layer that has it a plain tree (unless it has
 *                the mark "origin" itself, because layers were merged), above that what was
 *                changed, in the marks of overlayfs, too
 *     f/NAME     a file of which the box has its own copy, all of it
 *     views      which path each NAME stands for, one line each: "u|p|f NAME GUEST HOST", fields
 *                percent-encoded, HOST "-" where nothing of the host's lies below; "h NAME GUEST -"
 *                for what is hidden, "m NAME GUEST -" for what we have made a place for in a
 * private directory; of several lines for one NAME the last is true. Ours: no guest can write it
 *
 * Everything below u, p and f was written by guests and is hostile. Names with a dot first do not
 * exist there (NAME is made by world_layer_name). Made by host root, owners are shifted by the
 * box's id_base and marks are trusted.overlay.*; an ordinary user's are the caller's and
 * user.overlay.*. A whiteout is a character device 0:0. No redirect and no metacopy marks are made
 * (a directory that was renamed is a copy), and none may be believed.
 */
#ifndef CLOCHE_BOX_LAYER_H
#define CLOCHE_BOX_LAYER_H

#include "base/err.h"
#include "box/known.h"
#include "box/presets.h"
#include "box/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum layer_kind {
	LAYER_TREE,    /* over a host directory */
	LAYER_PRIVATE, /* a directory of the box, nothing of the host's below */
	LAYER_FILE,    /* a copy of one file: the newest is the file, all of it */
};

struct layer_view {
	enum layer_kind kind;
	char *guest; /* owned: where the box shows it, absolute */
	char *host;  /* owned: what lies below all layers; NULL: nothing, or a skeleton */
	char *name;  /* owned: its directory in a layer, "u/NAME" */
	/* Owned: newest first; O_RDONLY | O_DIRECTORY, of a LAYER_FILE O_PATH. A layer that has
	 * nothing there is left out. Never 0 of them. */
	int *fds;
	size_t fd_count;
	/* The first so many are newer than the snapshot that was asked for; all, where none was. */
	size_t new_count;
	bool in_top; /* the first of fds is the top layer's */
};

struct layer_stack {
	struct layer_view *views; /* owned; sorted by guest path, parents first */
	size_t view_count;
	bool rooted;	  /* marks are trusted.overlay.*, owners are shifted by id_base */
	uint32_t id_base; /* host uid and gid of the box's 0; 0 when not rooted */
	/* Owned, each too: paths of the box at which something of the host's was hidden from it in
	 * some run, so that nothing it did there was about that. */
	char **hidden;
	size_t hidden_count;
	/* Owned, each too: paths in private directories that no guest has made. */
	char **mounts;
	size_t mount_count;
	struct known known;	/* owned: of the host, from all layers */
	struct presets presets; /* owned: of all layers; those newer than the snapshot are new */
};

/* The layers of an open box, read-only. `since` (may be NULL) is a snapshot's name: views without
 * anything newer are there all the same. Nothing is done on disk. -ENOENT: no such snapshot. */
int layer_stack_open(struct layer_stack *ret_stack, const struct stored_box *box, const char *since,
		     struct cloche_err *err);
void layer_stack_done(struct layer_stack *stack);

/* Modes that guests gave bar an ordinary user from its own layers. This makes the calling process
 * (which has one thread) the owner of everything in them: a user namespace of its own, in which its
 * uid and gid are what they were. It cannot be taken back: fork for it where that matters. Nothing
 * for host root, who is that already. */
int layer_own_all(struct cloche_err *err);
/* The same for a program that is executed then: there the caller's uid and gid are 0. */
int layer_own_all_as_root(struct cloche_err *err);

/* Runs it in a child process and waits for that: its result, and what it says in err. */
int layer_in_child(int (*run)(void *arg, struct cloche_err *err), void *arg,
		   struct cloche_err *err);

/* Notes in the layer's file which paths its directories stand for. Called where a box starts. */
struct root_plan;
int layer_note_views(int layer_fd, const struct root_plan *plan, struct cloche_err *err);

/* The file's text (heap, "" where there is none), and a field of such a line. */
int layer_read_views(int dir_fd, const char *name, char **ret_text);
struct buf;
int layer_add_field(struct buf *buf, const char *text);
/* False: too long, or damaged. */
bool layer_take_field(char *to, size_t size, const char *text);
/* A directory of cloche's own that boxes show under another name. */
struct layer_base {
	const char *guest; /* NULL: there is none */
	const char *host;
};
/* Makes the layer's file of a stranger's text: only what a guest path itself says is taken, and for
 * the base's what we say. */
int layer_take_views(int layer_fd, const char *text, const struct layer_base *base);

/* The lower layer's file has all that the upper one's has. */
int layer_merge_views(int upper_fd, int lower_fd);

#endif
