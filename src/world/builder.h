/* SPDX-License-Identifier: Apache-2.0
 *
 * What build.c and mask.c share while a world is built.
 */
#ifndef CLOCHE_WORLD_BUILDER_H
#define CLOCHE_WORLD_BUILDER_H

#include "base/buf.h"
#include "world/build.h"

#include <limits.h>
#include <sys/stat.h>

struct builder {
	const struct build_options *options;
	int staging_fd;
	int storage_fd;
	char layers_path[PATH_MAX]; /* of the host */
	int layers_fd; /* as mounted for the staging; -1: no layers below the storage */
	int root_fd;
	struct cloche_err *err;
};

/* "cannot WHAT 'PATH': ..." as the builder's error; returns the code. */
int builder_fail(const struct builder *b, int code, const char *what, const char *path);

/* Gives the box's owner ids to something that host root made. */
int builder_own(const struct builder *b, int dir_fd, const char *path, uid_t uid, gid_t gid);

/* Mode and owner of a directory or file of ours as the host's has them. */
int builder_copy_attributes(const struct builder *b, int fd, const struct stat *st);

/* Makes room for overlayfs to find the piece's earlier layers ("u" or "p", then the layer's name):
 * appends ":PATH" for each to the text, which may be empty before. Returns how many. */
int builder_stage_layers(const struct builder *b, const char *kind, const char *name, size_t index,
			 struct buf *lower);

/* Is this private directory of the storage made of several layers' (box/layer.h)? Then only an
 * overlay shows it right. */
bool builder_is_merged(const struct builder *b, const char *path);

/* The newest of them that has it; its descriptor. -ENOENT: none has. */
int builder_open_newest(const struct builder *b, const char *kind, const char *name, int flags);

/* Shows the directory of all layers to the staging. */
int builder_mount_layers(struct builder *b);

/* Are the layers below this directory of the host? */
bool builder_store_is_in(const struct builder *b, const char *host);

/* A descriptor from before the mount namespace was made belongs to the old one, whose mounts cannot
 * be cloned. The same directory by its name here, and only if it is the same. */
int builder_reopen(int fd, const char *path);

/* How overlayfs's attributes begin here. What they say of the overlay that a layer was part of says
 * nothing of another. */
const char *builder_mark_prefix(const struct builder *b);

/* The directory of the layer that the box writes to, and overlayfs's own beside it. */
int builder_make_upper(const struct builder *b, const struct piece *piece, const char *kind,
		       const char *name);

struct overlay_parts {
	const char *lower; /* all of it, ":" between them, topmost first */
	const char *kind;  /* where in the storage it is written: "u", "p"; NULL: nowhere */
	const char *name;
	/* The host's is an overlay by itself: inode numbers are of several file systems then. */
	bool wrapped;
};

/* A descriptor of the mount, attached nowhere that the box could see. */
int builder_mount_overlay(const struct builder *b, const struct overlay_parts *parts);

/* overlayfs wants two lower layers where there is no upper one. */
int builder_add_empty(const struct builder *b, struct buf *lower);

/* No lower layer may be inside another, and the store is inside the host's directory: so that one
 * becomes an overlay by itself (of this index), inside which there is nothing. */
int builder_wrap_lower(const struct builder *b, size_t index, struct buf *lower);

#define MOUNT_FLAGS (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

/* Any directory that every host has and no plan shows would do. */
#define STAGING "/proc"

/* The piece's stubs below the directory. */
int mask_make_stubs(const struct builder *b, const struct piece *piece, int fd);

#endif
