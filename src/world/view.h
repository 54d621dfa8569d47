/* SPDX-License-Identifier: Apache-2.0
 *
 * Path rules of a policy with the host's symlinks resolved. A step of rootplan.c.
 */
#ifndef CLOCHE_WORLD_VIEW_H
#define CLOCHE_WORLD_VIEW_H

#include "base/err.h"
#include "policy/policy.h"

struct view {
	enum path_class class;
	char *guest; /* owned */
	char *host;  /* owned */
	bool exists; /* on the host */
	bool is_dir;
	bool own;	    /* cloche's: of the rule */
	const char *origin; /* borrowed */
	size_t order;	    /* a later view of the same guest path replaces an earlier */
};

/* A symlink that a rule's path went through, so that it can be shown where nothing else shows it.
 */
struct view_link {
	char *path;   /* owned */
	char *target; /* owned */
};

struct views {
	struct view *list; /* owned; sorted by guest path, parents first, each path once */
	size_t count;
	struct view_link *links; /* owned */
	size_t link_count;
};

int views_make(struct views *ret_views, const struct policy *policy, bool net_host,
	       const char *store, struct cloche_err *err);
void views_done(struct views *views);

/* The innermost view that path is in, among the first `count`; NULL: none. */
const struct view *views_find(const struct views *views, size_t count, const char *path);

#endif
