/* SPDX-License-Identifier: Apache-2.0 */
#include "world/build.h"

#include "base/own.h"
#include "sys/sys.h"
#include "world/builder.h"
#include "world/device.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/xattr.h>

void world_layer_name(const char *guest, char *ret_name, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325ULL; /* FNV-1a */
	size_t used = 0;

	for (const char *p = guest; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		hash = (hash ^ c) * 0x100000001b3ULL;
		if (used + 4 >= size || used > 160)
			continue;
		if (isalnum(c) || c == '.' || c == '_' || c == '-')
			ret_name[used++] = (char)c;
		else
			used += (size_t)snprintf(ret_name + used, size - used, "%%%02X", c);
	}
	ret_name[used] = '\0';
	if (used > 160)
		(void)snprintf(ret_name + used, size - used, "%%%%%016llx",
			       (unsigned long long)hash);
}

static int new_tmpfs(const char *mode, uint64_t size, uint64_t inodes)
{
	char number[32];
	_own_(closep) int fs_fd = sys_fsopen("tmpfs");

	if (fs_fd < 0)
		return fs_fd;
	int r = sys_fsconfig_string(fs_fd, "mode", mode);
	if (r == 0 && size > 0) {
		(void)snprintf(number, sizeof(number), "%llu", (unsigned long long)size);
		r = sys_fsconfig_string(fs_fd, "size", number);
	}
	if (r == 0 && inodes > 0) {
		(void)snprintf(number, sizeof(number), "%llu", (unsigned long long)inodes);
		r = sys_fsconfig_string(fs_fd, "nr_inodes", number);
	}
	if (r == 0)
		r = sys_fsconfig_create(fs_fd);
	return r < 0 ? r : sys_fsmount(fs_fd, MOUNT_FLAGS);
}

static int open_dir(int dir_fd, const char *name, mode_t mode)
{
	int r = sys_mkdir_all(dir_fd, name, mode);

	return r < 0 ? r : sys_openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

/* The plan has followed every symlink already; one that somebody puts there now leads nowhere. */
static int open_host(const struct piece *piece, int flags)
{
	return sys_openat2(AT_FDCWD, piece->host, flags | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
}

/* A copy of the host's mount, with the flags and ids that it has in the box. */
static int clone_host(const struct builder *b, const struct piece *piece, bool read_only)
{
	unsigned recursive = piece->recursive ? AT_RECURSIVE : 0;
	struct mount_attr attributes = {
		.attr_set = MOUNT_FLAGS | (read_only ? MOUNT_ATTR_RDONLY : 0),
	};

	/* In a user namespace only the whole tree may be cloned where something is mounted below.
	 */
	_own_(closep) int host_fd = open_host(piece, O_PATH);
	_own_(closep) int fd =
		host_fd < 0
			? host_fd
			: sys_open_tree(host_fd, "", OPEN_TREE_CLONE | AT_EMPTY_PATH | recursive);
	if (fd < 0)
		return builder_fail(b, fd, "show", piece->host);
	int r = sys_mount_setattr(fd, recursive, &attributes);
	if (r < 0)
		return builder_fail(b, r, "restrict", piece->host);
	if (b->options->rooted) {
		attributes = (struct mount_attr){
			.attr_set = MOUNT_ATTR_IDMAP,
			.userns_fd = (uint64_t)b->options->userns_fd,
		};
		r = sys_mount_setattr(fd, recursive, &attributes);
		/* Not every file system can; its files then belong to nobody in the box. One below
		 * that cannot is no reason against this one. */
		if ((r == -EINVAL || r == -EPERM) && recursive != 0)
			r = sys_mount_setattr(fd, 0, &attributes);
		if (r < 0 && r != -EINVAL && r != -EPERM)
			return builder_fail(b, r, "map the owners of", piece->host);
	}
	return TAKE_FD(&fd);
}

/* A directory of the root that is being built. */
static int open_guest_dir(const struct builder *b, const char *guest)
{
	return sys_openat2(b->root_fd, guest + 1, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
			   RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
}

static int attach(const struct builder *b, int mount_fd, const char *guest)
{
	_own_(closep) int point_fd = -1;

	if (strcmp(guest, "/") == 0)
		point_fd = sys_openat(b->staging_fd, "r", O_PATH | O_DIRECTORY);
	else
		point_fd = sys_openat2(b->root_fd, guest + 1, O_PATH | O_NOFOLLOW,
				       RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
	if (point_fd < 0)
		return builder_fail(b, point_fd, "find the place for", guest);
	int r = sys_move_mount(mount_fd, point_fd);
	return r < 0 ? builder_fail(b, r, "mount", guest) : 0;
}

/* Puts the host's directory where overlayfs can be told about it: the current directory, or below
 * the staging directory where its owners are mapped. */
static int stage_lower(const struct builder *b, const struct piece *piece, size_t index,
		       char *ret_path, size_t size)
{
	char name[32];

	if (!b->options->rooted) {
		_own_(closep) int fd = open_host(piece, O_PATH | O_DIRECTORY);
		int r = fd < 0 ? fd : sys_fchdir(fd);

		(void)snprintf(ret_path, size, ".");
		if (r == -EACCES)
			return err_set(b->err, r,
				       "cannot enter '%s': %s; a copy can be made only of what "
				       "you may read (--hide or --read it, or change to another "
				       "directory)",
				       piece->host, errno_text(r));
		return r < 0 ? builder_fail(b, r, "enter", piece->host) : 0;
	}
	(void)snprintf(name, sizeof(name), "l/%zu", index);
	int r = sys_mkdirat(b->staging_fd, name, 0755);
	if (r < 0)
		return r;
	_own_(closep) int mount_fd = clone_host(b, piece, true);
	if (mount_fd < 0)
		return mount_fd;
	_own_(closep) int point_fd = sys_openat(b->staging_fd, name, O_PATH | O_DIRECTORY);
	if (point_fd < 0)
		return point_fd;
	r = sys_move_mount(mount_fd, point_fd);
	(void)snprintf(ret_path, size, STAGING "/%s", name);
	return r < 0 ? builder_fail(b, r, "stage", piece->host) : 0;
}

/* The mask directory of the piece, made when it has stubs or nothing else below. */
static int stage_mask(const struct builder *b, const struct piece *piece, const char *path)
{
	struct stat st;
	const char *host = piece->host != NULL ? piece->host : "/";

	_own_(closep) int fd = open_dir(b->staging_fd, path, 0755);
	if (fd < 0)
		return builder_fail(b, fd, "stage", path);
	if (sys_fstatat(AT_FDCWD, host, &st, 0) == 0) {
		int r = builder_copy_attributes(b, fd, &st);
		if (r < 0)
			return builder_fail(b, r, "stage", path);
	}
	return mask_make_stubs(b, piece, fd);
}

/* The mask, then the host. */
static int stage_host(const struct builder *b, const struct piece *piece, size_t index,
		      struct buf *lower)
{
	char host[64] = "";
	char mask[32];
	int r = 0;

	(void)snprintf(mask, sizeof(mask), "m/%zu", index);
	if (piece->stub_count > 0 || piece->host == NULL) {
		r = stage_mask(b, piece, mask);
		if (r == 0)
			r = buf_format(lower, STAGING "/%s", mask);
	}
	if (r == 0 && piece->host != NULL) {
		r = stage_lower(b, piece, index, host, sizeof(host));
		if (r == 0)
			r = buf_format(lower, "%s%s", lower->length > 0 ? ":" : "", host);
	}
	return r;
}

/* What lies below an overlay: the box's earlier layers, then the host's directory under its mask.
 */
struct lowers {
	struct buf layers;
	struct buf host;
	int layer_count;
};

static void lowers_done(struct lowers *lowers)
{
	buf_done(&lowers->layers);
	buf_done(&lowers->host);
}

static int stage_lowers(const struct builder *b, const struct piece *piece, size_t index,
			const char *name, struct lowers *lowers)
{
	bool writable = piece->kind == PIECE_OVERLAY;

	buf_init(&lowers->layers, 4095);
	buf_init(&lowers->host, 4095);
	lowers->layer_count =
		writable ? builder_stage_layers(b, "u", name, index, &lowers->layers) : 0;
	int r = lowers->layer_count < 0 ? lowers->layer_count
					: stage_host(b, piece, index, &lowers->host);
	if (r == 0 && !writable)
		r = builder_add_empty(b, &lowers->host);
	return r;
}

static int mount_over(const struct builder *b, const struct lowers *lowers,
		      struct overlay_parts *parts)
{
	struct buf lower;

	buf_init(&lower, 4095);
	int r = buf_format(&lower, "%s%s%s", buf_string(&lowers->layers),
			   lowers->layers.length > 0 ? ":" : "", buf_string(&lowers->host));
	parts->lower = buf_string(&lower);
	if (r == 0)
		r = builder_mount_overlay(b, parts);
	buf_done(&lower);
	return r;
}

static int wrap(const struct builder *b, size_t index, struct lowers *lowers,
		struct overlay_parts *parts)
{
	parts->wrapped = true;
	return builder_wrap_lower(b, index, &lowers->host);
}

static int overlay(const struct builder *b, const struct piece *piece, size_t index)
{
	char name[NAME_MAX + 1];
	_own_(lowers_done) struct lowers lowers;
	struct overlay_parts parts = {.kind = piece->kind == PIECE_OVERLAY ? "u" : NULL,
				      .name = name};

	world_layer_name(piece->guest, name, sizeof(name));
	int r = stage_lowers(b, piece, index, name, &lowers);
	bool may_wrap = lowers.layer_count > 0 && piece->host != NULL;
	if (r == 0 && may_wrap && builder_store_is_in(b, piece->host))
		r = wrap(b, index, &lowers, &parts);
	if (r == 0 && parts.kind != NULL)
		r = builder_make_upper(b, piece, "u", name);
	if (r < 0)
		return b->err->text[0] != '\0'
			       ? r
			       : builder_fail(b, r, "prepare the layer of", piece->guest);
	r = mount_over(b, &lowers, &parts);
	/* The store is in there all the same, by another name: a bind mount's. */
	if (r == -ELOOP && may_wrap && !parts.wrapped) {
		r = wrap(b, index, &lowers, &parts);
		r = r < 0 ? r : mount_over(b, &lowers, &parts);
	}
	_own_(closep) int mount_fd = r;
	return mount_fd < 0 ? builder_fail(b, mount_fd, "overlay", piece->guest)
			    : attach(b, mount_fd, piece->guest);
}

/* Shows something of the box's storage in its root. */
static int attach_stored(const struct builder *b, const struct piece *piece, const char *path,
			 bool read_only)
{
	struct mount_attr attributes = {
		.attr_set = MOUNT_FLAGS | (read_only ? MOUNT_ATTR_RDONLY : 0),
	};
	_own_(closep) int fd =
		sys_open_tree(b->storage_fd, path, OPEN_TREE_CLONE | AT_SYMLINK_NOFOLLOW);
	int r = fd < 0 ? fd : sys_mount_setattr(fd, 0, &attributes);

	return r < 0 ? builder_fail(b, r, "show", piece->guest) : attach(b, fd, piece->guest);
}

/* A directory of the box: a plain one, until there is an earlier layer that has it. */
static int private_dir(const struct builder *b, const struct piece *piece, size_t index)
{
	char name[NAME_MAX + 1];
	char path[NAME_MAX + 8];
	struct buf lower;

	world_layer_name(piece->guest, name, sizeof(name));
	(void)snprintf(path, sizeof(path), "p/%s", name);
	int r = builder_make_upper(b, piece, "p", name);
	if (r < 0)
		return builder_fail(b, r, "prepare", piece->guest);
	buf_init(&lower, 4095);
	r = builder_stage_layers(b, "p", name, index, &lower);
	if (r == 0 && builder_is_merged(b, path)) {
		r = sys_mkdir_all(b->staging_fd, "m/empty", 0755);
		if (r == 0)
			r = buf_text(&lower, STAGING "/m/empty");
		r = r < 0 ? r : 1;
	}
	if (r <= 0) {
		buf_done(&lower);
		_own_(closep) int fd =
			sys_openat(b->storage_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		if (r < 0 || fd < 0)
			return builder_fail(b, r < 0 ? r : fd, "open", piece->guest);
		r = mask_make_stubs(b, piece, fd);
		return r < 0 ? r : attach_stored(b, piece, path, false);
	}
	const struct overlay_parts parts = {.lower = buf_string(&lower), .kind = "p", .name = name};
	_own_(closep) int mount_fd = builder_mount_overlay(b, &parts);
	buf_done(&lower);
	if (mount_fd < 0)
		return builder_fail(b, mount_fd, "overlay", piece->guest);
	r = attach(b, mount_fd, piece->guest);
	/* Through the overlay: what an earlier layer has is there. */
	_own_(closep) int fd = r < 0 ? r : open_guest_dir(b, piece->guest);
	if (r == 0 && fd < 0)
		return builder_fail(b, fd, "open", piece->guest);
	return r < 0 ? r : mask_make_stubs(b, piece, fd);
}

/* Fills the new file of the box: from an earlier layer's, else from the host's. */
static int fill_copy(const struct builder *b, const struct piece *piece, const char *name,
		     int to_fd)
{
	struct stat st;
	int before_fd = builder_open_newest(b, "f", name, O_RDONLY | O_NONBLOCK);
	bool has_before = before_fd >= 0;
	_own_(closep) int from_fd =
		before_fd == -ENOENT ? open_host(piece, O_RDONLY | O_NONBLOCK) : before_fd;
	int r = from_fd < 0 ? from_fd : sys_fstat(from_fd, &st);

	if (r == 0 && !S_ISREG(st.st_mode))
		r = -EINVAL;
	for (ssize_t n = 1; r == 0 && n > 0;) {
		n = SYS_RESULT(sendfile(to_fd, from_fd, NULL, 1 << 20));
		r = n < 0 ? (int)n : 0;
	}
	if (r < 0)
		return r;
	return has_before ? sys_copy_attributes(from_fd, to_fd, builder_mark_prefix(b))
			  : builder_copy_attributes(b, to_fd, &st);
}

/* A file that the box gets a copy of once. */
static int file_copy(const struct builder *b, const struct piece *piece)
{
	char name[NAME_MAX + 1];
	char path[NAME_MAX + 8];
	struct stat st;

	world_layer_name(piece->guest, name, sizeof(name));
	(void)snprintf(path, sizeof(path), "f/%s", name);
	if (sys_fstatat(b->storage_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		/* Half a copy is none: it has its name when it is whole. */
		int r = sys_remove_tree(b->storage_fd, "new");
		_own_(closep) int to_fd =
			r < 0 ? r : sys_create(b->storage_fd, "new", O_WRONLY | O_EXCL, 0600);
		r = to_fd < 0 ? to_fd : fill_copy(b, piece, name, to_fd);
		if (r == 0)
			r = sys_renameat(b->storage_fd, "new", b->storage_fd, path, 0);
		if (r < 0)
			return builder_fail(b, r, "copy", piece->host);
	} else if (!S_ISREG(st.st_mode)) {
		return builder_fail(b, -EINVAL, "show the copy of", piece->host);
	}
	return attach_stored(b, piece, path, false);
}

static int cover(const struct builder *b, const struct piece *piece)
{
	const char *path = piece->is_dir ? "c/dir" : "c/file";
	int r = sys_mkdir_all(b->storage_fd, "c", 0700);

	if (r == 0)
		r = piece->is_dir ? sys_mkdirat(b->storage_fd, path, 0)
				  : sys_mknodat(b->storage_fd, path, S_IFREG, 0);
	if (r < 0 && r != -EEXIST)
		return builder_fail(b, r, "cover", piece->guest);
	return attach_stored(b, piece, path, true);
}

static int show_host(const struct builder *b, const struct piece *piece, bool read_only)
{
	_own_(closep) int fd = clone_host(b, piece, read_only);

	return fd < 0 ? fd : attach(b, fd, piece->guest);
}

static int mount_piece(struct builder *b, const struct piece *piece, size_t index)
{
	switch (piece->kind) {
	case PIECE_OVERLAY:
	case PIECE_OVERLAY_READ:
		return overlay(b, piece, index);
	case PIECE_READ:
		return show_host(b, piece, true);
	case PIECE_WRITE:
		return show_host(b, piece, false);
	case PIECE_PRIVATE:
		return private_dir(b, piece, index);
	case PIECE_COVER:
		return cover(b, piece);
	case PIECE_FILE_COPY:
		return file_copy(b, piece);
	}
	return -EINVAL;
}

/* Can a layer be put here? In a user namespace overlayfs keeps its marks in user.* attributes. */
static bool storage_takes_marks(const struct builder *b)
{
	_own_(closep) int fd = sys_openat(b->storage_fd, "u", O_RDONLY | O_DIRECTORY);

	if (b->options->rooted)
		return true;
	int r = fd < 0 ? fd : SYS_RESULT(fsetxattr(fd, "user.cloche", "1", 1, 0));
	if (r == 0)
		(void)fremovexattr(fd, "user.cloche");
	return r == 0;
}

/* What the descriptor is called; asked before /proc is covered. */
static int name_of(int fd, char *path, size_t size)
{
	char link[64];

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = sys_readlinkat(AT_FDCWD, link, path, size - 1);
	if (n < 0)
		return (int)n;
	path[n] = '\0';
	return 0;
}

static int stage(struct builder *b, bool *ret_needs_storage)
{
	static const char *const directories[] = {"m", "l", "s", "r"};
	static const char *const stored[] = {"u", "w", "p", "f"};
	const struct build_options *o = b->options;
	char storage_path[PATH_MAX] = "";

	/* Where they are without a name, the opens tell. */
	if (o->storage_fd >= 0)
		(void)name_of(o->storage_fd, storage_path, sizeof(storage_path));
	if (o->layer_count > 0)
		(void)name_of(o->layers_fd, b->layers_path, sizeof(b->layers_path));
	_own_(closep) int tmpfs_fd = new_tmpfs("0755", 0, 0);
	_own_(closep) int point_fd = sys_openat(AT_FDCWD, STAGING, O_PATH | O_DIRECTORY);
	if (tmpfs_fd < 0 || point_fd < 0)
		return builder_fail(b, tmpfs_fd < 0 ? tmpfs_fd : point_fd, "stage on", STAGING);
	int r = sys_move_mount(tmpfs_fd, point_fd);
	if (r < 0)
		return builder_fail(b, r, "stage on", STAGING);
	b->staging_fd = TAKE_FD(&tmpfs_fd);
	for (size_t i = 0; i < ARRAY_LENGTH(directories) && r == 0; i++)
		r = sys_mkdirat(b->staging_fd, directories[i], 0755);
	if (r < 0)
		return builder_fail(b, r, "stage on", STAGING);
	/* A million empty files are memory too. */
	uint64_t inodes = o->disk_bytes > 0 ? o->disk_bytes / 2048 + 4096 : 0;
	_own_(closep) int own_fd =
		o->storage_fd < 0 ? -1 : builder_reopen(o->storage_fd, storage_path);
	_own_(closep) int mount_fd =
		o->storage_fd < 0 ? new_tmpfs("0755", o->disk_bytes, inodes)
				  : sys_open_tree(own_fd, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);
	if (mount_fd < 0)
		return builder_fail(b, mount_fd, "use the storage of", "the box");
	_own_(closep) int storage_point_fd = sys_openat(b->staging_fd, "s", O_PATH | O_DIRECTORY);
	r = storage_point_fd < 0 ? storage_point_fd : sys_move_mount(mount_fd, storage_point_fd);
	if (r == 0)
		b->storage_fd = sys_openat(b->staging_fd, "s", O_RDONLY | O_DIRECTORY);
	if (r < 0 || b->storage_fd < 0)
		return builder_fail(b, r < 0 ? r : b->storage_fd, "use the storage of", "the box");
	if (o->layer_count > 0)
		r = builder_mount_layers(b);
	for (size_t i = 0; i < ARRAY_LENGTH(stored) && r == 0; i++) {
		r = sys_mkdirat(b->storage_fd, stored[i], 0755);
		r = r == -EEXIST ? 0 : r;
	}
	if (r < 0)
		return builder_fail(b, r, "use the storage of", "the box");
	*ret_needs_storage = !storage_takes_marks(b);
	if (*ret_needs_storage)
		return err_set(b->err, -EOPNOTSUPP,
			       "the box's directory is on a file system without user.* attributes");
	return 0;
}

static int build(struct builder *b, struct built_world *world, bool *ret_needs_storage)
{
	const struct root_plan *plan = b->options->plan;
	int r = sys_mount_private();

	if (r < 0)
		return err_set(b->err, r, "cannot make mounts private: %s", errno_text(r));
	r = stage(b, ret_needs_storage);
	for (size_t i = 0; i < plan->piece_count && r == 0; i++) {
		r = mount_piece(b, &plan->pieces[i], i);
		if (r == -ENOENT && plan->pieces[i].listed) {
			r = 0; /* An empty directory is in its place. */
			if (b->err != NULL)
				*b->err = (struct cloche_err){0};
		}
		if (i == 0 && r == 0) {
			b->root_fd = sys_openat(b->staging_fd, "r", O_PATH | O_DIRECTORY);
			r = b->root_fd < 0 ? b->root_fd : 0;
		}
	}
	if (r < 0)
		return r;
	const struct device_options devices = {
		.rooted = b->options->rooted,
		.id_base = b->options->id_base,
		.shm_bytes = b->options->shm_bytes,
		.terminal = b->options->terminal,
	};
	r = device_mount(b->root_fd, &devices, &world->master_fd, &world->slave_fd, b->err);
	if (r < 0)
		return r;
	if (b->options->storage_fd < 0)
		world->tmpfs_fds[0] = TAKE_FD(&b->storage_fd);
	world->tmpfs_fds[1] = sys_openat(b->root_fd, "dev/shm", O_RDONLY | O_DIRECTORY);
	world->root_fd = TAKE_FD(&b->root_fd);
	return 0;
}

int world_build(const struct build_options *options, struct built_world *ret_world,
		bool *ret_needs_storage, struct cloche_err *err)
{
	struct builder b = {
		.options = options,
		.staging_fd = -1,
		.storage_fd = -1,
		.layers_fd = -1,
		.root_fd = -1,
		.err = err,
	};
	struct built_world world = {
		.root_fd = -1, .tmpfs_fds = {-1, -1}, .master_fd = -1, .slave_fd = -1};
	mode_t saved = umask(0);

	*ret_needs_storage = false;
	int r = build(&b, &world, ret_needs_storage);
	(void)umask(saved);
	close_fd(&b.staging_fd);
	close_fd(&b.storage_fd);
	close_fd(&b.layers_fd);
	close_fd(&b.root_fd);
	if (r == 0)
		*ret_world = world;
	return r;
}

int world_enter(int root_fd, struct cloche_err *err)
{
	int r = sys_fchdir(root_fd);

	if (r == 0)
		r = sys_pivot_root_here();
	if (r == 0)
		r = sys_umount_detach(".");
	if (r == 0)
		r = sys_chdir("/");
	return r < 0 ? err_set(err, r, "cannot enter the box's root: %s", errno_text(r)) : 0;
}
