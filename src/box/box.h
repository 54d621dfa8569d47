/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be done with kept boxes as a whole. Every function is one step for whoever looks,
 * however it ends, and none copies files.
 *
 * Messages are for the caller of the command; codes: -ENOENT: no such box or snapshot, -EEXIST,
 * -EBUSY: it runs, or is the base of another, -EINVAL: a name, -E2BIG: too many layers.
 */
#ifndef CLOCHE_BOX_BOX_H
#define CLOCHE_BOX_BOX_H

#include "box/store.h"

struct box_options {
	const char *name;
	bool temporary;
	const char *base; /* a box whose present state this one stands on; NULL: the host */
};

int box_create(const struct store *store, const struct box_options *options,
	       struct cloche_err *err);
int box_rename(const struct store *store, const char *from, const char *to, struct cloche_err *err);
int box_remove(const struct store *store, const char *name, struct cloche_err *err);
/* One that is used by a run on `base` and then removed; its name is made. What killed runs have
 * left is removed first. */
int box_create_temporary(const struct store *store, const char *base,
			 char ret_name[STORE_NAME_SIZE], struct cloche_err *err);
/* Makes the box where it is missing; -EINVAL: it is there and does not stand on that base. */
int box_create_on(const struct store *store, const struct box_options *options,
		  struct cloche_err *err);
/* Shares all layers and has all snapshots of it. */
int box_clone(const struct store *store, const char *from, const char *to, struct cloche_err *err);

/* `snapshot` NULL: the next number. ret_name is what it is called. */
int box_snapshot(const struct store *store, const char *name, const char *snapshot,
		 char ret_name[STORE_NAME_SIZE], struct cloche_err *err);
/* What was written since is gone; snapshots that came later stay. */
int box_rollback(const struct store *store, const char *name, const char *snapshot,
		 struct cloche_err *err);
/* The name is gone; its layer is merged into one with what lies over it where nobody else has one
 * of the two. */
int box_drop(const struct store *store, const char *name, const char *snapshot,
	     struct cloche_err *err);
/* Removes what nothing uses, and merges what was left apart. */
int box_prune(const struct store *store, struct cloche_err *err);

#endif
