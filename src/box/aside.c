/* SPDX-License-Identifier: Apache-2.0 */
#include "box/aside.h"

#include "base/own.h"
#include "box/entry.h"
#include "box/put.h"
#include "sys/sys.h"

#include <limits.h>

#define INNER "x"

static const struct realm of_host;

/* The owner of a directory may rename in it, sticky or not. */
static int others_may_rename(int dir_fd)
{
	struct stat st;
	int r = sys_fstat(dir_fd, &st);

	return r < 0 ? r
		     : st.st_uid != geteuid() ||
			       ((st.st_mode & 022) != 0 && (st.st_mode & S_ISVTX) == 0);
}

static int is_this(int dir_fd, const char *name, dev_t dev, uint64_t ino)
{
	struct facts facts;
	int r = facts_read(&facts, (struct place){dir_fd, name}, &of_host);

	return r < 0 ? r : facts.dev == dev && facts.ino == ino;
}

/* Ours, or one that somebody else has put there: nobody but us writes into what is opened. */
static int open_own(int dir_fd, const char *name)
{
	struct stat st;
	_own_(closep) int fd = sys_openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	int r = fd < 0 ? fd : sys_fstat(fd, &st);

	if (r < 0)
		return r;
	return st.st_uid == geteuid() && (st.st_mode & 07777) == 0700 ? TAKE_FD(&fd) : -ESTALE;
}

/* What is in our directory: gone if it is the one, else back where it was. */
static int settle(int own_fd, int dir_fd, const char *name, dev_t dev, uint64_t ino)
{
	int same = is_this(own_fd, INNER, dev, ino);

	if (same < 0)
		return same == -ENOENT ? 0 : same;
	if (same > 0)
		return sys_remove_tree(own_fd, INNER);
	int r = put_move(own_fd, INNER, dir_fd, name);
	return r < 0 ? r : -ESTALE;
}

static int remove_here(int dir_fd, const char *name, dev_t dev, uint64_t ino)
{
	int same = is_this(dir_fd, name, dev, ino);

	if (same > 0)
		return sys_remove_tree(dir_fd, name);
	return same == -ENOENT ? 0 : same == 0 ? -ESTALE : same;
}

/* By way of our directory. */
static int remove_aside(int dir_fd, const char *own, const char *name, dev_t dev, uint64_t ino)
{
	int r = sys_mkdirat(dir_fd, own, 0700);

	if (r < 0 && r != -EEXIST)
		return r;
	_own_(closep) int own_fd = open_own(dir_fd, own);
	r = own_fd < 0 ? own_fd : settle(own_fd, dir_fd, name, dev, ino);
	if (r == 0)
		r = put_move(dir_fd, name, own_fd, INNER);
	if (r == 0)
		r = settle(own_fd, dir_fd, name, dev, ino);
	if (r == 0 || r == -ENOENT || r == -ESTALE)
		(void)sys_unlinkat(dir_fd, own, AT_REMOVEDIR);
	return r == -ENOENT ? 0 : r;
}

int aside_remove(int dir_fd, const char *name, dev_t dev, uint64_t ino)
{
	char own[NAME_MAX + 1];
	int r = others_may_rename(dir_fd);

	if (r <= 0)
		return r < 0 ? r : remove_here(dir_fd, name, dev, ino);
	(void)snprintf(own, sizeof(own), "%s-aside", name);
	bool was_cut_off = is_this(dir_fd, own, 0, 0) >= 0;
	r = is_this(dir_fd, name, dev, ino);
	if (r <= 0 && !was_cut_off)
		return r == -ENOENT ? 0 : r == 0 ? -ESTALE : r;
	return remove_aside(dir_fd, own, name, dev, ino);
}
