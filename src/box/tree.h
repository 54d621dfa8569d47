/* SPDX-License-Identifier: Apache-2.0
 *
 * One directory of a stack of trees, newest first, the host's last: what overlayfs would show of
 * them. Reads only; the marks are those that kernels write for us (no redirects, no metacopies).
 */
#ifndef CLOCHE_BOX_TREE_H
#define CLOCHE_BOX_TREE_H

#include "box/entry.h"

struct tree {
	int *fds;    /* owned, each too: newest first */
	int *layers; /* owned: which of the whole stack's each is */
	size_t count;
	int host_fd;	      /* owned; -1: there is no such directory below the layers */
	bool cut;	      /* nothing of what is older than the layers shows through */
	struct timespec born; /* since when, where it is cut */
	struct realm realm;   /* of the layers */
};

struct found {
	bool present;
	bool whiteout; /* it was removed in a layer */
	bool on_host;
	size_t at; /* where it is; index into fds */
	int layer; /* of the whole stack */
	struct place place;
	struct facts facts;
	struct timespec born; /* in layers: since when there is no look through to the host's */
	struct place oldest;  /* what it began as, where it was copied from layer to layer */
};

void tree_done(struct tree *tree);

/* Not there is no error: present is false. */
int tree_find(const struct tree *tree, const char *name, struct found *ret_found);

/* The directory that was found, of all trees that make it up. */
int tree_enter(const struct tree *tree, const char *name, const struct found *found,
	       struct tree *ret_tree);

/* All that the layers (and the host's) have, each name once, sorted; whiteouts too. */
struct names {
	char **list; /* owned, each too */
	size_t count;
	size_t size;
};
int tree_names(const struct tree *tree, bool with_host, struct names *names);
void names_done(struct names *names);

#endif
