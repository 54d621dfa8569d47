/* SPDX-License-Identifier: Apache-2.0
 *
 * One overlay of the box: its upper directory, and the mount.
 */
#include "base/own.h"
#include "sys/sys.h"
#include "world/builder.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

const char *builder_mark_prefix(const struct builder *b)
{
	return b->options->rooted ? "trusted.overlay." : "user.overlay.";
}

/* What a directory of a new layer looks like: as the box has left it, else as the host's does. */
static int look_like(const struct builder *b, const struct piece *piece, const char *kind,
		     const char *name, int fd)
{
	struct stat st = {0};
	const char *host = piece->host != NULL	    ? piece->host
			   : strcmp(kind, "p") == 0 ? piece->guest
						    : "/";
	_own_(closep) int before_fd = builder_open_newest(b, kind, name, O_RDONLY | O_DIRECTORY);

	if (before_fd >= 0)
		return sys_copy_attributes(before_fd, fd, builder_mark_prefix(b));
	if (before_fd != -ENOENT)
		return before_fd;
	int r = sys_fstatat(AT_FDCWD, host, &st, 0);
	/* A private directory where the host has none. */
	if (piece->kind == PIECE_PRIVATE && (r < 0 || !S_ISDIR(st.st_mode)))
		st = (struct stat){.st_mode = piece->mode};
	else if (r < 0)
		return r;
	return builder_copy_attributes(b, fd, &st);
}

int builder_make_upper(const struct builder *b, const struct piece *piece, const char *kind,
		       const char *name)
{
	char path[NAME_MAX + 8];
	struct stat st;

	(void)snprintf(path, sizeof(path), "w/%s", name);
	int r = sys_mkdir_all(b->storage_fd, path, 0700);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/%s", kind, name);
	if (sys_fstatat(b->storage_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
	/* It has its name only when it is finished. */
	r = sys_remove_tree(b->storage_fd, "new");
	if (r == 0)
		r = sys_mkdirat(b->storage_fd, "new", 0700);
	_own_(closep) int fd =
		r < 0 ? r : sys_openat(b->storage_fd, "new", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	r = fd < 0 ? fd : look_like(b, piece, kind, name, fd);
	return r < 0 ? r : sys_renameat(b->storage_fd, "new", b->storage_fd, path, 0);
}

/* Layers come and go below the same upper directory: what the kernel would note of them there (an
 * index) would be wrong the next time. */
static int configure_overlay(int fs_fd, const struct overlay_parts *parts, bool rooted)
{
	char path[PATH_MAX];
	int r = sys_fsconfig_string(fs_fd, "lowerdir", parts->lower);

	if (r == 0 && parts->kind != NULL) {
		(void)snprintf(path, sizeof(path), STAGING "/s/%s/%s", parts->kind, parts->name);
		r = sys_fsconfig_string(fs_fd, "upperdir", path);
		(void)snprintf(path, sizeof(path), STAGING "/s/w/%s", parts->name);
		if (r == 0)
			r = sys_fsconfig_string(fs_fd, "workdir", path);
		if (r == 0)
			r = sys_fsconfig_string(fs_fd, "index", "off");
		if (r == 0 && parts->wrapped)
			r = sys_fsconfig_string(fs_fd, "xino", "on");
	}
	if (r < 0)
		return r;
	if (!rooted) {
		r = sys_fsconfig_flag(fs_fd, "userxattr");
	} else {
		/* As in a user namespace, whatever this kernel's default is: a directory that was
		 * moved must not show what is below it without the mounts that cover that. */
		r = sys_fsconfig_string(fs_fd, "redirect_dir", "nofollow");
		if (r == 0)
			r = sys_fsconfig_string(fs_fd, "metacopy", "off");
	}
	return r < 0 ? r : sys_fsconfig_create(fs_fd);
}

/* The same by the older call, which takes a page of options; fsconfig takes 255 bytes each. */
static int mount_by_page(const struct builder *b, const struct overlay_parts *parts)
{
	struct buf buf;
	int r = sys_mkdir_all(b->staging_fd, "o", 0755);

	buf_init(&buf, 4095);
	if (r == 0)
		r = buf_format(&buf,
			       "lowerdir=%s,upperdir=" STAGING "/s/%s/%s,workdir=" STAGING
			       "/s/w/%s,index=off,%s%s",
			       parts->lower, parts->kind, parts->name, parts->name,
			       parts->wrapped ? "xino=on," : "",
			       b->options->rooted ? "redirect_dir=nofollow,metacopy=off"
						  : "userxattr");
	if (r == 0)
		r = sys_mount("overlay", STAGING "/o", "overlay", MS_NOSUID | MS_NODEV,
			      buf_string(&buf));
	buf_done(&buf);
	/* Moved away from there by this descriptor. */
	return r < 0 ? r : sys_openat(b->staging_fd, "o", O_PATH | O_DIRECTORY);
}

int builder_mount_overlay(const struct builder *b, const struct overlay_parts *parts)
{
	if (parts->kind != NULL && strlen(parts->lower) > 255)
		return mount_by_page(b, parts);
	_own_(closep) int fs_fd = sys_fsopen("overlay");
	if (fs_fd < 0)
		return fs_fd;
	int r = configure_overlay(fs_fd, parts, b->options->rooted);
	return r < 0 ? r
		     : sys_fsmount(fs_fd,
				   MOUNT_FLAGS | (parts->kind != NULL ? 0 : MOUNT_ATTR_RDONLY));
}

int builder_add_empty(const struct builder *b, struct buf *lower)
{
	int r = sys_mkdir_all(b->staging_fd, "m/empty", 0755);

	return r < 0 || strchr(buf_string(lower), ':') != NULL
		       ? r
		       : buf_text(lower, ":" STAGING "/m/empty");
}

int builder_wrap_lower(const struct builder *b, size_t index, struct buf *lower)
{
	char name[32];
	const struct overlay_parts parts = {.lower = buf_string(lower)};
	int r = builder_add_empty(b, lower);
	_own_(closep) int mount_fd = r < 0 ? r : builder_mount_overlay(b, &parts);

	(void)snprintf(name, sizeof(name), "n/%zu", index);
	r = mount_fd < 0 ? mount_fd : sys_mkdir_all(b->staging_fd, name, 0755);
	_own_(closep) int point_fd =
		r < 0 ? r : sys_openat(b->staging_fd, name, O_PATH | O_DIRECTORY);
	r = point_fd < 0 ? point_fd : sys_move_mount(mount_fd, point_fd);
	buf_clear(lower);
	return r < 0 ? r : buf_format(lower, STAGING "/%s", name);
}
