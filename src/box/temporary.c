/* SPDX-License-Identifier: Apache-2.0
 *
 * Directories of throw-away boxes, and what trees take on disk.
 */
#include "box/store.h"

#include "base/own.h"
#include "sys/sys.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#define USAGE_DEPTH_MAX 200

static int take_lock(int dir_fd)
{
	_own_(closep) int fd = sys_create(dir_fd, "lock", O_RDWR | O_NOFOLLOW, 0600);

	if (fd < 0)
		return fd;
	int r = sys_flock(fd, LOCK_EX | LOCK_NB);
	return r < 0 ? r : TAKE_FD(&fd);
}

static int open_files(int dir_fd)
{
	int r = sys_mkdirat(dir_fd, "files", 0755);

	if (r < 0 && r != -EEXIST)
		return r;
	return sys_openat(dir_fd, "files", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

int store_make_temporary(const char *home, bool rooted, char **ret_path, int *ret_lock_fd,
			 int *ret_files_fd, struct cloche_err *err)
{
	char path[PATH_MAX];
	int r = store_path(home, rooted, "tmp", path, sizeof(path));

	if (r < 0)
		return err_set(err, r, "'%s': %s", home, errno_text(r));
	/* Nobody sweeps between the directory and its lock. */
	_own_(closep) int parent_fd = store_open_private(AT_FDCWD, path, err);
	if (parent_fd < 0)
		return parent_fd;
	(void)sys_flock(parent_fd, LOCK_SH); /* Not everywhere are there locks. */
	size_t length = strlen(path);
	(void)snprintf(path + length, sizeof(path) - length, "/%d", getpid());
	r = sys_remove_tree(AT_FDCWD, path);
	if (r < 0)
		return err_set(err, r, "'%s': %s", path, errno_text(r));
	_own_(closep) int dir_fd = store_open_private(AT_FDCWD, path, err);
	if (dir_fd < 0)
		return dir_fd;
	_own_(closep) int lock_fd = take_lock(dir_fd);
	_own_(closep) int files_fd = lock_fd < 0 ? lock_fd : open_files(dir_fd);
	_own_(freep) char *copy = strdup(path);
	if (files_fd < 0 || copy == NULL)
		return err_set(err, files_fd < 0 ? files_fd : -ENOMEM, "cannot make '%s'", path);
	*ret_path = TAKE(copy);
	*ret_lock_fd = TAKE_FD(&lock_fd);
	*ret_files_fd = TAKE_FD(&files_fd);
	return 0;
}

void store_remove_temporary(const char *path)
{
	(void)sys_remove_tree(AT_FDCWD, path); /* What remains, the next command's sweep removes. */
}

void store_sweep(const char *home, bool rooted)
{
	char path[PATH_MAX];
	const struct dirent *entry;

	if (store_path(home, rooted, "tmp", path, sizeof(path)) < 0)
		return;
	_own_(closedirp) DIR *dir = opendir(path);
	/* Somebody sweeps already, or is making a directory that has no lock yet. */
	if (dir == NULL || sys_flock(dirfd(dir), LOCK_EX | LOCK_NB) < 0)
		return;
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		_own_(closep) int fd =
			sys_openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		_own_(closep) int lock_fd = fd < 0 ? fd : take_lock(fd);
		if (lock_fd >= 0)
			(void)sys_remove_tree(dirfd(dir), entry->d_name); /* Else the next one. */
	}
}

/* works: in "w", where the kernel keeps directories for itself that nobody may read (w/NAME/work).
 * No guest comes to them, and nothing stays there. */
static uint64_t usage(int dir_fd, bool *complete, int depth, bool works)
{
	uint64_t bytes = 0;
	_own_(closedirp) DIR *dir = NULL;
	const struct dirent *entry;

	if (depth > USAGE_DEPTH_MAX || sys_open_dir(dir_fd, ".", &dir) < 0) {
		*complete = false;
		return 0;
	}
	while ((entry = readdir(dir)) != NULL) {
		struct stat st;

		if (strcmp(entry->d_name, "..") == 0 ||
		    sys_fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		bytes += (uint64_t)st.st_blocks * 512;
		if (!S_ISDIR(st.st_mode) || strcmp(entry->d_name, ".") == 0)
			continue;
		_own_(closep) int fd =
			sys_openat(dir_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		if (fd >= 0)
			bytes += usage(fd, complete, depth + 1,
				       works || (depth == 0 && strcmp(entry->d_name, "w") == 0));
		else if (!works || depth != 2)
			*complete = false;
	}
	return bytes;
}

uint64_t store_usage(int dir_fd, bool *ret_complete)
{
	*ret_complete = true;
	return usage(dir_fd, ret_complete, 0, false);
}
