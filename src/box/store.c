/* SPDX-License-Identifier: Apache-2.0 */
#include "box/store.h"

#include "base/own.h"
#include "sys/sys.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#define NAME_LENGTH_MAX 64
#define USAGE_DEPTH_MAX 200

bool store_name_valid(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length > NAME_LENGTH_MAX || name[0] == '.' || name[0] == '-')
		return false;
	for (const char *p = name; *p != '\0'; p++) {
		if (!isalnum((unsigned char)*p) && strchr("._-", *p) == NULL)
			return false;
	}
	return true;
}

static int store_path(const char *home, bool rooted, const char *rest, char *ret_path, size_t size)
{
	const char *data = getenv("XDG_DATA_HOME");
	int n;

	if (rooted)
		n = snprintf(ret_path, size, "/var/lib/cloche/%s", rest);
	else if (data != NULL && data[0] == '/')
		n = snprintf(ret_path, size, "%s/cloche/%s", data, rest);
	else
		n = snprintf(ret_path, size, "%s/.local/share/cloche/%s", home, rest);
	return n < (int)size ? 0 : -ENAMETOOLONG;
}

char *store_directory(const char *home, bool rooted)
{
	char path[PATH_MAX];

	return store_path(home, rooted, ".", path, sizeof(path)) < 0 ? NULL : realpath(path, NULL);
}

/* The directory, made 0700 when it is missing, and the caller's own. */
static int open_private(const char *path, struct cloche_err *err)
{
	struct stat st;
	mode_t saved = umask(077);
	int r = sys_mkdir_all(AT_FDCWD, path, 0700);

	(void)umask(saved);
	if (r < 0)
		return err_set(err, r, "cannot make '%s': %s", path, errno_text(r));
	_own_(closep) int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	r = fd < 0 ? fd : sys_fstat(fd, &st);
	if (r < 0)
		return err_set(err, r, "'%s': %s", path, errno_text(r));
	if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		return err_set(err, -EPERM,
			       "'%s' is open to others: make it yours alone (chmod 700)", path);
	return TAKE_FD(&fd);
}

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

int store_open_box(const char *home, bool rooted, const char *name, int *ret_box_fd,
		   int *ret_files_fd, struct cloche_err *err)
{
	char rest[NAME_LENGTH_MAX + 16];
	char path[PATH_MAX];

	if (!store_name_valid(name))
		return err_set(
			err, -EINVAL,
			"box name '%s': letters, digits, '.', '_' and '-' are allowed, at most %d, "
			"and no '.' or '-' first",
			name, NAME_LENGTH_MAX);
	(void)snprintf(rest, sizeof(rest), "boxes/%s", name);
	int r = store_path(home, rooted, rest, path, sizeof(path));
	if (r < 0)
		return err_set(err, r, "box '%s': %s", name, errno_text(r));
	_own_(closep) int box_fd = open_private(path, err);
	if (box_fd < 0)
		return box_fd;
	/* The lock is held as long as a descriptor of it is open: it stays with this process. */
	int lock_fd = take_lock(box_fd);
	if (lock_fd == -EAGAIN)
		return err_set(err, -EBUSY, "box '%s' is in use by another cloche", name);
	_own_(closep) int files_fd = lock_fd < 0 ? lock_fd : open_files(box_fd);
	if (files_fd < 0)
		return err_set(err, files_fd, "box '%s': %s", name, errno_text(files_fd));
	*ret_box_fd = TAKE_FD(&box_fd);
	*ret_files_fd = TAKE_FD(&files_fd);
	return 0;
}

int store_make_temporary(const char *home, bool rooted, char **ret_path, int *ret_lock_fd,
			 int *ret_files_fd, struct cloche_err *err)
{
	char path[PATH_MAX];
	int r = store_path(home, rooted, "tmp", path, sizeof(path));

	if (r < 0)
		return err_set(err, r, "'%s': %s", home, errno_text(r));
	/* Nobody sweeps between the directory and its lock. */
	_own_(closep) int parent_fd = open_private(path, err);
	if (parent_fd < 0)
		return parent_fd;
	(void)sys_flock(parent_fd, LOCK_SH); /* Not everywhere are there locks. */
	size_t length = strlen(path);
	(void)snprintf(path + length, sizeof(path) - length, "/%d", getpid());
	r = sys_remove_tree(AT_FDCWD, path);
	if (r < 0)
		return err_set(err, r, "'%s': %s", path, errno_text(r));
	_own_(closep) int dir_fd = open_private(path, err);
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

static uint64_t usage(int dir_fd, bool *complete, int depth)
{
	uint64_t bytes = 0;
	int copy_fd =
		depth > USAGE_DEPTH_MAX ? -ELOOP : sys_openat(dir_fd, ".", O_RDONLY | O_DIRECTORY);
	DIR *opened = copy_fd < 0 ? NULL : fdopendir(copy_fd);
	_own_(closedirp) DIR *dir = opened;
	const struct dirent *entry;

	if (dir == NULL) {
		*complete = false;
		if (copy_fd >= 0)
			(void)close(copy_fd); /* Not taken. */
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
		if (fd < 0)
			*complete = false;
		else
			bytes += usage(fd, complete, depth + 1);
	}
	return bytes;
}

uint64_t store_usage(int dir_fd, bool *ret_complete)
{
	*ret_complete = true;
	return usage(dir_fd, ret_complete, 0);
}
