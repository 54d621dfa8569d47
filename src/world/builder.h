/* SPDX-License-Identifier: Apache-2.0
 *
 * What build.c and mask.c share while a world is built.
 */
#ifndef CLOCHE_WORLD_BUILDER_H
#define CLOCHE_WORLD_BUILDER_H

#include "world/build.h"

#include <sys/stat.h>

struct builder {
	const struct build_options *options;
	int staging_fd;
	int storage_fd;
	int root_fd;
	struct cloche_err *err;
};

/* "cannot WHAT 'PATH': ..." as the builder's error; returns the code. */
int builder_fail(const struct builder *b, int code, const char *what, const char *path);

/* Gives the box's owner ids to something that host root made. */
int builder_own(const struct builder *b, int dir_fd, const char *path, uid_t uid, gid_t gid);

/* Mode and owner of a directory or file of ours as the host's has them. */
int builder_copy_attributes(const struct builder *b, int fd, const struct stat *st);

/* The piece's stubs below the directory. */
int mask_make_stubs(const struct builder *b, const struct piece *piece, int fd);

#endif
