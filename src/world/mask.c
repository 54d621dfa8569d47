/* SPDX-License-Identifier: Apache-2.0
 *
 * Masks: layers of ours above the host's, with mount points that the host does not have, symlinks,
 * and whiteouts for hidden names.
 */
#include "base/own.h"
#include "sys/sys.h"
#include "world/builder.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

int builder_fail(const struct builder *b, int code, const char *what, const char *path)
{
	return err_set(b->err, code, "cannot %s '%s': %s", what, path, errno_text(code));
}

int builder_own(const struct builder *b, int dir_fd, const char *path, uid_t uid, gid_t gid)
{
	if (!b->options->rooted)
		return 0;
	return sys_fchownat(dir_fd, path, b->options->id_base + uid, b->options->id_base + gid);
}

/* Ids above the box's range show as nobody. */
static uint32_t id_in_box(uint32_t id)
{
	return id < 65536 ? id : 65534;
}

int builder_copy_attributes(const struct builder *b, int fd, const struct stat *st)
{
	int r = 0;

	if (b->options->rooted)
		r = SYS_RESULT(fchown(fd, b->options->id_base + id_in_box(st->st_uid),
				      b->options->id_base + id_in_box(st->st_gid)));
	return r < 0 ? r : sys_fchmod(fd, st->st_mode & 07777 & ~(mode_t)(S_ISUID | S_ISGID));
}

/* The directories above a stub: as on the host where it has them. */
static int make_parents(const struct builder *b, const struct piece *piece, int mask_fd,
			const char *path)
{
	char part[PATH_MAX];
	char host[2 * PATH_MAX];
	struct stat st;

	for (const char *end = strchr(path, '/'); end != NULL; end = strchr(end + 1, '/')) {
		(void)snprintf(part, sizeof(part), "%.*s", (int)(end - path), path);
		int r = sys_mkdirat(mask_fd, part, 0755);
		if (r == -EEXIST)
			continue;
		if (r < 0)
			return r;
		r = builder_own(b, mask_fd, part, 0, 0);
		if (r < 0)
			return r;
		if (piece->host == NULL)
			continue;
		(void)snprintf(host, sizeof(host), "%s/%s", piece->host, part);
		if (sys_fstatat(AT_FDCWD, host, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		_own_(closep) int fd = sys_openat(mask_fd, part, O_RDONLY | O_DIRECTORY);
		if (fd < 0)
			return fd;
		r = builder_copy_attributes(b, fd, &st);
		if (r < 0)
			return r;
	}
	return 0;
}

static int make_stub(const struct builder *b, const struct piece *piece, int mask_fd,
		     const struct stub *stub)
{
	int r = make_parents(b, piece, mask_fd, stub->path);

	if (r < 0)
		return r;
	switch (stub->kind) {
	case STUB_DIR:
		r = sys_mkdirat(mask_fd, stub->path, 0755);
		if (r == 0)
			r = sys_fchmodat(mask_fd, stub->path, stub->mode);
		break;
	case STUB_FILE:
		r = sys_mknodat(mask_fd, stub->path, S_IFREG | 0644, 0);
		break;
	case STUB_SYMLINK:
		r = sys_symlinkat(stub->target, mask_fd, stub->path);
		break;
	case STUB_WHITEOUT:
		return sys_mknodat(mask_fd, stub->path, S_IFCHR, 0);
	}
	if (r == -EEXIST)
		return 0;
	return r < 0 ? r : builder_own(b, mask_fd, stub->path, 0, 0);
}

int mask_make_stubs(const struct builder *b, const struct piece *piece, int fd)
{
	for (size_t i = 0; i < piece->stub_count; i++) {
		int r = make_stub(b, piece, fd, &piece->stubs[i]);
		if (r < 0)
			return builder_fail(b, r, "prepare the place for", piece->stubs[i].path);
	}
	return 0;
}
