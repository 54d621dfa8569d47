/* SPDX-License-Identifier: Apache-2.0
 *
 * Making, removing and renaming names for a caller that a wall keeps from doing so outside of the
 * box's mounts: the directory is found first, and looked at; then the call is made in it, on the
 * last component, which none of these calls follows. i386's calls say the same as x86-64's.
 */
#include "monitor/carry.h"

#include "base/own.h"
#include "monitor/within.h"
#include "sys/sys.h"

#include <linux/fs.h>

/* The paths of a call: which arguments they and their bases are. */
struct paths {
	uint8_t count;	/* 0: no such call */
	int8_t base[2]; /* NO_BASE: the current directory */
	uint8_t path[2];
};

#define NO_BASE (-1)

static struct paths paths_of(enum sc sc)
{
	switch ((int)sc) {
	case SC_mkdir:
	case SC_rmdir:
	case SC_unlink:
	case SC_mknod:
		return (struct paths){1, {NO_BASE, NO_BASE}, {0, 0}};
	case SC_mkdirat:
	case SC_unlinkat:
	case SC_mknodat:
		return (struct paths){1, {0, NO_BASE}, {1, 0}};
	case SC_symlink:
		return (struct paths){1, {NO_BASE, NO_BASE}, {1, 0}};
	case SC_symlinkat:
		return (struct paths){1, {1, NO_BASE}, {2, 0}};
	case SC_rename:
	case SC_link:
		return (struct paths){2, {NO_BASE, NO_BASE}, {0, 1}};
	case SC_renameat:
	case SC_renameat2:
	case SC_linkat:
		return (struct paths){2, {0, 2}, {1, 3}};
	default:
		return (struct paths){0};
	}
}

bool carry_changes_names(enum sc sc)
{
	return paths_of(sc).count > 0;
}

static int64_t make(enum sc sc, const uint64_t *a, const struct within_name *at,
		    const struct within_name *to)
{
	switch ((int)sc) {
	case SC_mkdir:
		return SYS_RAW(SYS_mkdirat, at->dir_fd, at->last, a[1]);
	case SC_mkdirat:
		return SYS_RAW(SYS_mkdirat, at->dir_fd, at->last, a[2]);
	case SC_rmdir:
		return SYS_RAW(SYS_unlinkat, at->dir_fd, at->last, AT_REMOVEDIR);
	case SC_unlink:
		return SYS_RAW(SYS_unlinkat, at->dir_fd, at->last, 0);
	case SC_unlinkat:
		return SYS_RAW(SYS_unlinkat, at->dir_fd, at->last, a[2]);
	case SC_mknod:
		return SYS_RAW(SYS_mknodat, at->dir_fd, at->last, a[1], a[2]);
	case SC_mknodat:
		return SYS_RAW(SYS_mknodat, at->dir_fd, at->last, a[2], a[3]);
	case SC_symlink:
	case SC_symlinkat:
		return SYS_RAW(SYS_symlinkat, a[0], at->dir_fd, at->last);
	case SC_rename:
	case SC_renameat:
		return SYS_RAW(SYS_renameat, at->dir_fd, at->last, to->dir_fd, to->last);
	case SC_renameat2:
		return SYS_RAW(SYS_renameat2, at->dir_fd, at->last, to->dir_fd, to->last, a[4]);
	case SC_link:
		return SYS_RAW(SYS_linkat, at->dir_fd, at->last, to->dir_fd, to->last, 0);
	case SC_linkat:
		return SYS_RAW(SYS_linkat, at->dir_fd, at->last, to->dir_fd, to->last, a[4]);
	default:
		return -ENOSYS;
	}
}

int64_t carry_name_change(enum sc sc, const uint64_t *args)
{
	const struct paths paths = paths_of(sc);
	struct within_name names[2] = {{.own_fd = -1}, {.own_fd = -1}};
	int64_t r = 0;

	/* These follow the last component, or lead to a descriptor. */
	if (sc == SC_linkat && (args[4] & (AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) != 0)
		return CARRY_CANNOT;
	for (size_t i = 0; i < paths.count && r == 0; i++) {
		int base_fd = paths.base[i] == NO_BASE ? AT_FDCWD : (int)args[paths.base[i]];
		const char *path = (const char *)(uintptr_t)args[paths.path[i]];

		r = path == NULL ? -EFAULT : within_find(base_fd, path, &names[i]);
	}
	if (r == 0)
		r = make(sc, args, &names[0], &names[1]);
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		close_fd(&names[i].own_fd);
	/* Or a link that is none of /proc's; the kernel says so to the caller itself. */
	return r == -ELOOP ? CARRY_CANNOT : r;
}
