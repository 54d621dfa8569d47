/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole files and trees.
 */
#include "base/own.h"
#include "sys/sys.h"

#include <string.h>

int sys_write_all(int fd, const void *bytes, size_t length)
{
	const char *p = bytes;

	while (length > 0) {
		ssize_t n = SYS_RESULT(write(fd, p, length));

		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		p += n;
		length -= (size_t)n;
	}
	return 0;
}

ssize_t sys_read_full(int fd, void *buffer, size_t size)
{
	size_t used = 0;

	while (used < size) {
		ssize_t n = SYS_RESULT(read(fd, (char *)buffer + used, size - used));

		if (n == -EINTR)
			continue;
		if (n < 0)
			return n;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

ssize_t sys_read_file(int dir_fd, const char *path, char *buffer, size_t size)
{
	_own_(closep) int fd = sys_openat(dir_fd, path, O_RDONLY);

	if (fd < 0)
		return fd;
	ssize_t n = sys_read_full(fd, buffer, size);
	if (n < 0)
		return n;
	if ((size_t)n == size)
		return -EFBIG;
	buffer[n] = '\0';
	return n;
}

int sys_mount_id(int dir_fd, const char *path, uint32_t *ret_id)
{
	struct statx stx;
	int r = SYS_RESULT(statx(dir_fd, path,
				 AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC,
				 STATX_MNT_ID, &stx));

	if (r < 0)
		return r;
	if ((stx.stx_mask & STATX_MNT_ID) == 0)
		return -ENOSYS; /* Before Linux 5.8. */
	*ret_id = (uint32_t)stx.stx_mnt_id;
	return 0;
}

int sys_write_file(int dir_fd, const char *path, const char *text)
{
	_own_(closep) int fd = sys_openat(dir_fd, path, O_WRONLY);

	if (fd < 0)
		return fd;
	ssize_t n = SYS_RESULT(write(fd, text, strlen(text)));
	return n < 0 ? (int)n : 0;
}

int sys_replace_file(int dir_fd, const char *name, const char *text)
{
	char new_name[64];
	int length = snprintf(new_name, sizeof(new_name), "%s.new", name);

	if (length >= (int)sizeof(new_name))
		return -ENAMETOOLONG;
	_own_(closep) int fd = sys_create(dir_fd, new_name, O_WRONLY | O_TRUNC | O_NOFOLLOW, 0600);
	int r = fd < 0 ? fd : sys_write_all(fd, text, strlen(text));
	if (r == 0)
		r = sys_fsync(fd);
	if (r == 0)
		r = SYS_RAW(SYS_renameat2, dir_fd, new_name, dir_fd, name, 0);
	if (r < 0) {
		(void)sys_unlinkat(dir_fd, new_name, 0); /* The next one truncates it. */
		return r;
	}
	/* A descriptor of O_PATH cannot be synced. */
	_own_(closep) int sync_fd = sys_openat(dir_fd, ".", O_RDONLY | O_DIRECTORY);
	return sync_fd < 0 ? sync_fd : sys_fsync(sync_fd);
}

int sys_open_dir(int dir_fd, const char *name, DIR **ret_dir)
{
	_own_(closep) int fd = sys_openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir == NULL)
		return fd < 0 ? fd : -ENOMEM;
	(void)TAKE_FD(&fd);
	*ret_dir = dir;
	return 0;
}

int sys_scan_dir(int dir_fd, struct dirent ***ret_entries,
		 int (*filter)(const struct dirent *entry))
{
	*ret_entries = NULL;
	return SYS_RESULT(scandirat(dir_fd, ".", ret_entries, filter, alphasort));
}

int sys_mkdir_all(int dir_fd, const char *path, mode_t mode)
{
	char copy[4096];
	size_t length = strlen(path);

	if (length >= sizeof(copy))
		return -ENAMETOOLONG;
	memcpy(copy, path, length + 1);
	int refused = 0;
	for (char *p = copy + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		int r = sys_mkdirat(dir_fd, copy, mode);
		*p = '/';
		if (r == -EROFS || r == -EACCES)
			refused = r; /* It may be there all the same. */
		else if (r < 0 && r != -EEXIST)
			return r == -ENOENT && refused < 0 ? refused : r;
	}
	int r = sys_mkdirat(dir_fd, copy, mode);
	if (r == -ENOENT && refused < 0)
		return refused;
	return r == -EEXIST ? 0 : r;
}

/* A tree of any depth, with a bounded number of descriptors: a directory that lies too deep is
 * moved to the top, where a later round finds it. */
struct removal {
	int top_fd;
	dev_t device;
	unsigned moved; /* also the next name */
};

#define REMOVAL_DEPTH_MAX 50

static int remove_children(struct removal *removal, int fd, int depth);

static int move_up(struct removal *removal, int dir_fd, const char *name)
{
	char new_name[32];

	/* The box may have the name already. Of that an empty directory would be replaced, which is
	 * to go as well; so this needs no flag, which not every file system knows. */
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(new_name, sizeof(new_name), ".deep-%u", removal->moved++);
		int r = SYS_RAW(SYS_renameat2, dir_fd, name, removal->top_fd, new_name, 0);
		if (r != -EEXIST && r != -ENOTEMPTY && r != -ENOTDIR)
			return r;
	}
	return -EEXIST;
}

static int remove_entry(struct removal *removal, int dir_fd, const char *name, int depth)
{
	int r = sys_unlinkat(dir_fd, name, 0);

	if (r != -EISDIR && r != -EPERM)
		return r == -ENOENT ? 0 : r;
	r = sys_unlinkat(dir_fd, name, AT_REMOVEDIR);
	if (r == 0 || r == -ENOENT)
		return 0;
	if (r != -ENOTEMPTY && r != -EACCES)
		return r;
	/* A directory may have been left without permissions; O_PATH needs none on it. */
	_own_(closep) int fd = sys_openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (fd == -EACCES) {
		(void)sys_fchmodat(dir_fd, name, 0700); /* The open tells. */
		fd = sys_openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	}
	if (fd < 0)
		return fd;
	struct stat st;
	r = sys_fstat(fd, &st);
	if (r < 0)
		return r;
	if (st.st_dev != removal->device)
		return -EXDEV;
	if ((st.st_mode & 0700) != 0700)
		(void)sys_fchmod(fd, 0700); /* The next removal tells. */
	if (depth >= REMOVAL_DEPTH_MAX)
		return move_up(removal, dir_fd, name);
	r = remove_children(removal, fd, depth + 1);
	return r < 0 ? r : sys_unlinkat(dir_fd, name, AT_REMOVEDIR);
}

static int remove_children(struct removal *removal, int fd, int depth)
{
	_own_(closedirp) DIR *dir = NULL;
	int r = sys_open_dir(fd, ".", &dir);
	if (r < 0)
		return r;
	int first = 0;
	struct dirent *entry;
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = remove_entry(removal, fd, entry->d_name, depth);
		if (r < 0 && first == 0)
			first = r;
	}
	return first;
}

int sys_remove_tree(int dir_fd, const char *name)
{
	struct removal removal = {0};
	struct stat st;
	int r = sys_fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (!S_ISDIR(st.st_mode))
		return sys_unlinkat(dir_fd, name, 0);
	_own_(closep) int top_fd = sys_openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (top_fd == -EACCES) {
		(void)sys_fchmodat(dir_fd, name, 0700); /* The open tells. */
		top_fd = sys_openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	}
	if (top_fd >= 0 && (st.st_mode & 0700) != 0700)
		(void)sys_fchmod(top_fd, 0700); /* The next removal tells. */
	if (top_fd < 0)
		return top_fd == -ENOENT ? 0 : top_fd;
	removal.top_fd = top_fd;
	removal.device = st.st_dev;
	/* Each round makes what is left shallower. */
	for (unsigned moved = 1; moved != removal.moved;) {
		moved = removal.moved;
		r = remove_children(&removal, top_fd, 0);
		if (r < 0)
			return r;
	}
	r = sys_unlinkat(dir_fd, name, AT_REMOVEDIR);
	return r == -ENOENT ? 0 : r;
}
