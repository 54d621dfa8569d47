/* SPDX-License-Identifier: Apache-2.0
 *
 * What a kept box has written before lies below what it writes now: its earlier layers, read-only,
 * above mask and host.
 */
#include "base/own.h"
#include "sys/sys.h"
#include "world/builder.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

int builder_reopen(int fd, const char *path)
{
	struct stat before;
	struct stat now;
	_own_(closep) int own_fd = sys_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_NOFOLLOW);

	if (own_fd < 0)
		return own_fd;
	if (sys_fstat(fd, &before) < 0 || sys_fstat(own_fd, &now) < 0 ||
	    before.st_dev != now.st_dev || before.st_ino != now.st_ino)
		return -ESTALE;
	return TAKE_FD(&own_fd);
}

int builder_mount_layers(struct builder *b)
{
	const struct mount_attr attributes = {
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
	};
	_own_(closep) int own_fd = builder_reopen(b->options->layers_fd, b->layers_path);
	_own_(closep) int mount_fd =
		own_fd < 0 ? own_fd : sys_open_tree(own_fd, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);
	int r = mount_fd < 0 ? mount_fd : sys_mount_setattr(mount_fd, 0, &attributes);

	if (r == 0)
		r = sys_mkdirat(b->staging_fd, "k", 0755);
	if (r == 0)
		r = sys_mkdirat(b->staging_fd, "y", 0755);
	_own_(closep) int point_fd =
		r < 0 ? r : sys_openat(b->staging_fd, "k", O_PATH | O_DIRECTORY);
	r = point_fd < 0 ? point_fd : sys_move_mount(mount_fd, point_fd);
	if (r == 0)
		r = b->layers_fd = sys_openat(b->staging_fd, "k", O_RDONLY | O_DIRECTORY);
	return r < 0 ? r : 0;
}

bool builder_store_is_in(const struct builder *b, const char *host)
{
	struct stat own;
	struct stat other;

	/* Another file system's directories are in nobody else's. */
	return path_below(b->layers_path, host) &&
	       (sys_fstat(b->layers_fd, &own) < 0 || sys_fstatat(AT_FDCWD, host, &other, 0) < 0 ||
		own.st_dev == other.st_dev);
}

static void layer_path(const struct builder *b, size_t i, const char *kind, const char *name,
		       char path[PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%s/%s/%s", b->options->layers[i], kind, name);
}

int builder_stage_layers(const struct builder *b, const char *kind, const char *name, size_t index,
			 struct buf *lower)
{
	char path[PATH_MAX];
	char target[PATH_MAX + 16];
	char link[32];
	int count = 0;

	for (size_t i = 0; i < b->options->layer_count; i++) {
		struct stat st;

		layer_path(b, i, kind, name, path);
		int r = sys_fstatat(b->layers_fd, path, &st, AT_SYMLINK_NOFOLLOW);
		if (r == -ENOENT)
			continue;
		if (r < 0)
			return r;
		/* An archive may have brought a symlink, which would lead to the host's. */
		if (!S_ISDIR(st.st_mode))
			return -ENOTDIR;
		/* Links with short names: all paths together must fit into a page. */
		(void)snprintf(link, sizeof(link), "y/%zx.%zx", index, i);
		(void)snprintf(target, sizeof(target), STAGING "/k/%s", path);
		r = sys_symlinkat(target, b->staging_fd, link);
		if (r == 0)
			r = buf_format(lower, "%s" STAGING "/%s", lower->length > 0 ? ":" : "",
				       link);
		if (r < 0)
			return r;
		count++;
	}
	return count;
}

bool builder_is_merged(const struct builder *b, const char *path)
{
	char name[32];
	_own_(closep) int fd = sys_openat(b->storage_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

	(void)snprintf(name, sizeof(name), "%sorigin", builder_mark_prefix(b));
	return fd >= 0 && SYS_RESULT(fgetxattr(fd, name, NULL, 0)) >= 0;
}

int builder_open_newest(const struct builder *b, const char *kind, const char *name, int flags)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < b->options->layer_count; i++) {
		layer_path(b, i, kind, name, path);
		int fd = sys_openat(b->layers_fd, path, flags | O_NOFOLLOW);
		if (fd != -ENOENT)
			return fd;
	}
	return -ENOENT;
}
