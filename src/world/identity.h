/* SPDX-License-Identifier: Apache-2.0
 *
 * Who the guest is, inside and outside.
 *
 * An ordinary caller's box maps one id: the guest's uid inside is the caller's outside. A box made
 * by host root maps a whole range of 65536 ids that nobody else uses, and its 0 is no host root.
 */
#ifndef CLOCHE_WORLD_IDENTITY_H
#define CLOCHE_WORLD_IDENTITY_H

#include "base/err.h"
#include "policy/policy.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define ID_RANGE	 65536U
#define GUEST_GROUPS_MAX 64

struct identity {
	bool rooted;	  /* the caller is host root */
	uid_t caller_uid; /* outside */
	gid_t caller_gid;
	uid_t uid; /* inside */
	gid_t gid;
	size_t group_count; /* rooted: supplementary groups */
	gid_t groups[GUEST_GROUPS_MAX];
	uint32_t id_base; /* rooted: outside id of the inside's 0 */
	pid_t holder;	  /* rooted: a dead child that is to be waited for; 0: none */
	int range_fd;	  /* rooted: holds the range while open; owned */
	char name[64];
	char home[PATH_MAX];
	char caller_home[PATH_MAX];
};

/* `user` NULL: the caller's own name and uid. Does not choose the range. */
int identity_resolve(struct identity *identity, const char *user, struct cloche_err *err);

/* The same for the user that a policy wants; an error says where it was said. */
int identity_of_policy(struct identity *identity, const struct policy *policy,
		       struct cloche_err *err);

/* Can it be the outside uid of somebody in a box of host root's? */
bool identity_is_box_uid(uid_t uid);

/* Takes a free range of ids for a box that is thrown away; held until range_fd is closed. */
int identity_take_range(struct identity *identity, struct cloche_err *err);

/* The range that belongs to a kept box: read from, or chosen and written to, the file "ids" in
 * its directory. */
int identity_kept_range(struct identity *identity, int box_fd, struct cloche_err *err);

/* The range that the box has. -ENOENT: none yet; -EINVAL: its file is damaged. */
int identity_range_of(int box_fd, uint32_t *ret_base);

/* Gives back all ranges of kept boxes but these. */
void identity_free_ranges(const uint32_t *bases, size_t count);

/* A user namespace with the range, made by host root. Returns its descriptor. */
int identity_make_userns(struct identity *identity, struct cloche_err *err);

/* An ordinary caller's child maps itself; before its /proc is covered. */
int identity_map_self(const struct identity *identity, struct cloche_err *err);

/* What the kernel counts for the box is counted for its caller, too, whom nothing would be left of
 * otherwise: a box gets a part. From within its user namespace, while that has a capability. */
void identity_share_counts(int proc_fd);

/* The capabilities, inside its own namespace, that the guest may have. */
uint64_t identity_capabilities(const struct identity *identity);

#endif
