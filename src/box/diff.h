/* SPDX-License-Identifier: Apache-2.0
 *
 * What a box has changed: the names in its layers, each held against what lies below. What is not
 * in a layer is not looked at, so the cost follows what was changed and not the host's size; only
 * of a directory that the box has made anew (opaque) are the host's names read.
 *
 * Two trees are compared, not what was done: a file that was written and is the same again is no
 * change, and one that moved is one that is gone and one that is new, with the same content.
 */
#ifndef CLOCHE_BOX_DIFF_H
#define CLOCHE_BOX_DIFF_H

#include "box/entry.h"
#include "box/layer.h"

enum change_kind { CHANGE_ADDED, CHANGE_CHANGED, CHANGE_DELETED };

/* What differs, of a CHANGE_CHANGED; a new hard link is an added file with WHAT_LINKS. */
enum {
	WHAT_KIND = 1 << 0,
	WHAT_CONTENT = 1 << 1, /* or a symlink's target, a device's number */
	WHAT_MODE = 1 << 2,
	WHAT_OWNER = 1 << 3,
	WHAT_ATTRIBUTES = 1 << 4,
	WHAT_LINKS = 1 << 5,
	WHAT_TIME = 1 << 6,
	WHAT_COUNT = 7,
};
extern const char *const what_names[WHAT_COUNT];

enum conflict {
	CONFLICT_NONE,
	CONFLICT_CHANGED,      /* the host's has changed since the box took it */
	CONFLICT_GONE,	       /* ... was removed */
	CONFLICT_HIDDEN,       /* there is one, and the box was never shown it */
	CONFLICT_PERHAPS_GONE, /* while changes are looked for: settled by moves_find */
};

struct change {
	enum change_kind kind;
	unsigned what;
	char *path;  /* owned; below the view, "" for its root */
	size_t view; /* of the stack */
	int layer;   /* of the view: where the box's is; -1: nowhere (deleted) */
	struct facts box;
	struct facts below;
	bool on_host;	  /* what lies below is the host's own, not an older layer's */
	char *link_to;	  /* owned: an earlier path of the view that is the same file; or NULL */
	char *moved_from; /* owned: a path of the view that is gone and had this content */
	bool moved;	  /* deleted: another one is moved_from this */
	enum conflict conflict;
	bool copied;   /* began as a copy of a host file, of this name or another */
	bool forged;   /* marks that no kernel of ours makes: nothing of it can be believed */
	bool too_deep; /* what is in this directory was not looked at */
	bool unsteady; /* it was another thing each time that it was looked at */
	bool own;      /* cloche's doing, or none: who has found that out says so here */
};

struct changes {
	struct change *list; /* owned; by view and path, directories before what is in them */
	size_t count;
	size_t size;
	const struct layer_stack *stack; /* borrowed */
};

/* Against the host, or the snapshot that the stack was opened for (`since`). */
int diff_make(struct changes *ret_changes, const struct layer_stack *stack, bool since,
	      struct cloche_err *err);
void changes_done(struct changes *changes);
/* Only so many stay. */
void changes_cut(struct changes *changes, size_t count);

/* NULL: none. */
const struct change *changes_find(const struct changes *changes, size_t view, const char *path);

/* Where the box shows it, and where the host has it; the length, or -ENAMETOOLONG. */
int change_path(const struct changes *changes, const struct change *change, char *ret_path,
		size_t size);
int change_host_path(const struct changes *changes, const struct change *change, char *ret_path,
		     size_t size);
const char *view_host(const struct layer_view *view);

/* The directory and name of the box's, or of what lies below: a directory descriptor that is the
 * caller's, or an error. */
int change_open_parent(const struct changes *changes, const struct change *change, bool below,
		       const char **ret_name);

/* In a directory that is the box's own: nothing of the host's lies below, and nothing of it can be
 * committed. */
bool change_is_private(const struct changes *changes, const struct change *change);

/* A change of a directory's time alone: what every change in it brings with it; or our own. */
bool change_is_quiet(const struct change *change);

#endif
