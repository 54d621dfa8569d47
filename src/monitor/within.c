/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/within.h"

#include "base/own.h"
#include "sys/sys.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MOUNTS_MAX 8192U
#define PATH_SIZE  4096

static uint32_t mounts[MOUNTS_MAX]; /* in order */
static size_t mount_count;
static bool matters;
static bool sees_truncate = true;

/* One that there is no room for is left to callers, as if it were none of the box's. */
static void add(uint32_t id)
{
	if (mount_count < MOUNTS_MAX)
		mounts[mount_count++] = id;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* "24 1 8:2 / / rw,relatime ...": each line begins with the mount's number. */
static int read_mounts(int fd)
{
	char part[4096] = "";
	uint32_t id = 0;
	bool in_number = true;
	ssize_t n;

	while ((n = SYS_RESULT(read(fd, part, sizeof(part)))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (part[i] == '\n') {
				in_number = true;
				id = 0;
			} else if (in_number && part[i] >= '0' && part[i] <= '9') {
				id = id * 10 + (uint32_t)(part[i] - '0');
			} else if (in_number) {
				in_number = false;
				add(id);
			}
		}
	}
	return (int)n;
}

int within_init(int proc_fd)
{
	/* Version 1 cannot be used as a wall, so nobody has one there. */
	matters = sys_wall_version() >= 2;
	sees_truncate = !sys_wall_misses_truncate();
	if (!matters)
		return 0;
	_own_(closep) int fd = sys_openat(proc_fd, "self/mountinfo", O_RDONLY);
	int r = fd < 0 ? fd : read_mounts(fd);
	if (r == 0)
		qsort(mounts, mount_count, sizeof(*mounts), compare);
	return r;
}

bool within_matters(void)
{
	return matters;
}

bool within_sees_truncate(void)
{
	return sees_truncate;
}

bool within_mounts(int base_fd, const char *path)
{
	uint32_t id = 0;

	if (!matters)
		return true;
	return sys_mount_id(base_fd, path, &id) == 0 && mount_count > 0 &&
	       bsearch(&id, mounts, mount_count, sizeof(*mounts), compare) != NULL;
}

/* Where the last component begins; 0: there is only that, or nothing but slashes. */
static size_t last_begins(const char *path)
{
	size_t at = strlen(path);

	while (at > 0 && path[at - 1] == '/')
		at--;
	size_t end = at;
	while (at > 0 && path[at - 1] != '/')
		at--;
	return end == 0 ? 0 : at;
}

int within_find(int base_fd, const char *path, struct within_name *name)
{
	char directory[PATH_SIZE];
	size_t at = last_begins(path);

	*name = (struct within_name){.dir_fd = base_fd, .own_fd = -1, .last = path + at};
	if (at == 0)
		return within_mounts(base_fd, path[0] == '/' ? "/" : "") ? 0 : -ELOOP;
	assert(at < sizeof(directory));
	memcpy(directory, path, at);
	directory[at] = '\0';
	_own_(closep) int fd =
		sys_openat2(base_fd, directory, O_PATH | O_DIRECTORY, RESOLVE_NO_MAGICLINKS);
	if (fd < 0)
		return fd;
	if (!within_mounts(fd, ""))
		return -ELOOP;
	name->own_fd = TAKE_FD(&fd);
	name->dir_fd = name->own_fd;
	return 0;
}
