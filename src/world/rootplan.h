/* SPDX-License-Identifier: Apache-2.0
 *
 * The box's root directory as a list of mounts, worked out from the policy's path rules and the
 * host's mounts before anything is done. It looks at the host (what exists, what is a symlink)
 * and changes nothing.
 *
 *     rule -> view     a rule with symlinks resolved; sorted, parents first
 *     view -> pieces   what can be mounted in one step
 *
 * A user namespace cannot overlay a directory that has mounts below it, so there a copied or read
 * view becomes one piece for each largest mount-free subtree, and the directories above those
 * become skeletons of their own. Host root overlays the directory itself, and each mount below it
 * as a piece of its own.
 *
 * Stubs are what a piece must show beyond its host directory: mount points that the host does not
 * have, symlinks, and whiteouts for hidden names. They live in a mask, a layer above the host's.
 */
#ifndef CLOCHE_WORLD_ROOTPLAN_H
#define CLOCHE_WORLD_ROOTPLAN_H

#include "base/err.h"
#include "policy/policy.h"
#include "world/mounts.h"

#include <sys/types.h>

enum stub_kind { STUB_DIR, STUB_FILE, STUB_SYMLINK, STUB_WHITEOUT };

struct stub {
	enum stub_kind kind;
	char *path;   /* owned; relative to the piece */
	char *target; /* owned; STUB_SYMLINK */
	mode_t mode;  /* permission bits; those of directories the host has are copied from it */
};

enum piece_kind {
	PIECE_OVERLAY,	    /* own layer over mask and host (host NULL: over the mask alone) */
	PIECE_OVERLAY_READ, /* mask over host, read-only */
	PIECE_READ,	    /* the host's, read-only */
	PIECE_WRITE,	    /* the host's own */
	PIECE_PRIVATE,	    /* a directory of the box */
	PIECE_COVER,	    /* something empty and unreadable over a path that must not be seen */
	PIECE_FILE_COPY,    /* a file of the box, filled from the host's when the box is made */
};

struct piece {
	enum piece_kind kind;
	char *guest; /* owned */
	char *host;  /* owned; NULL where there is none */
	bool is_dir;
	bool recursive;	    /* with what is mounted below (PIECE_READ, PIECE_WRITE) */
	bool listed;	    /* found in a directory, named by no rule: may be gone by now */
	mode_t mode;	    /* PIECE_PRIVATE */
	struct stub *stubs; /* owned */
	size_t stub_count;
	const char *origin; /* borrowed from the rule; "world" for our own */
};

struct root_plan {
	struct piece *pieces; /* owned; in mounting order; the first is "/" */
	size_t piece_count;
	bool has_write; /* some piece is the host's own, writable */
};

struct root_options {
	bool rooted;	   /* made by host root: see above */
	const char *store; /* where boxes are kept: never shown; NULL: nowhere */
	bool net_host;	   /* /etc/resolv.conf must lead somewhere */
};

int root_plan_make(struct root_plan *ret_plan, const struct policy *policy,
		   const struct host_mounts *mounts, const struct root_options *options,
		   struct cloche_err *err);
void root_plan_done(struct root_plan *plan);

const char *piece_kind_name(enum piece_kind kind);

#endif
