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

/* One directory above a stub, made as on the host where it has it. Its descriptor. */
static int make_parent(const struct builder *b, const struct piece *piece, int dir_fd,
		       const char *name, const char *path)
{
	char host[2 * PATH_MAX];
	struct stat st;
	int r = sys_mkdirat(dir_fd, name, 0755);
	bool fresh = r == 0;

	if (r < 0 && r != -EEXIST)
		return r;
	_own_(closep) int fd =
		sys_openat(dir_fd, name, (fresh ? O_RDONLY : O_PATH) | O_DIRECTORY | O_NOFOLLOW);
	if (fd < 0 || !fresh)
		return fd < 0 ? fd : TAKE_FD(&fd);
	r = builder_own(b, dir_fd, name, 0, 0);
	(void)snprintf(host, sizeof(host), "%s/%s", piece->host != NULL ? piece->host : "", path);
	if (r == 0 && piece->host != NULL &&
	    sys_fstatat(AT_FDCWD, host, &st, AT_SYMLINK_NOFOLLOW) == 0)
		r = builder_copy_attributes(b, fd, &st);
	return r < 0 ? r : TAKE_FD(&fd);
}

/* The directory that a stub is made in, and the stub's name in it. Step by step and through no
 * symlink: in a box that is kept, guests have had time to put some there. */
static int open_parent(const struct builder *b, const struct piece *piece, int mask_fd,
		       const char *path, const char **ret_name)
{
	char part[PATH_MAX];
	_own_(closep) int fd = SYS_RESULT(fcntl(mask_fd, F_DUPFD_CLOEXEC, 3));
	const char *name = path;

	for (const char *end; fd >= 0 && (end = strchr(name, '/')) != NULL; name = end + 1) {
		(void)snprintf(part, sizeof(part), "%.*s", (int)(end - path), path);
		int next_fd = make_parent(b, piece, fd, part + (name - path), part);
		if (next_fd < 0)
			return next_fd;
		(void)close(fd);
		fd = next_fd;
	}
	*ret_name = name;
	return TAKE_FD(&fd);
}

static int make_stub(const struct builder *b, const struct piece *piece, int mask_fd,
		     const struct stub *stub)
{
	const char *name;
	_own_(closep) int dir_fd = open_parent(b, piece, mask_fd, stub->path, &name);
	int r = dir_fd;

	if (dir_fd < 0)
		return dir_fd;
	switch (stub->kind) {
	case STUB_DIR:
		r = sys_mkdirat(dir_fd, name, 0755);
		if (r == 0)
			r = sys_fchmodat(dir_fd, name, stub->mode);
		break;
	case STUB_FILE:
		r = sys_mknodat(dir_fd, name, S_IFREG | 0644, 0);
		break;
	case STUB_SYMLINK:
		r = sys_symlinkat(stub->target, dir_fd, name);
		break;
	case STUB_WHITEOUT:
		return sys_mknodat(dir_fd, name, S_IFCHR, 0);
	}
	if (r == -EEXIST)
		return 0;
	return r < 0 ? r : builder_own(b, dir_fd, name, 0, 0);
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
