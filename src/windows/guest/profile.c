/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/guest/profile.h"

#include "base/buf.h"
#include "base/own.h"
#include "sys/sys.h"
#include "windows/hive_edit.h"
#include "windows/registry.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#define FIRST "user"  /* as the template has it */
#define NOTE  ".user" /* whom it is named after now */
#define NEW   ".new"

static int is_entry(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* In an overlay a directory from below cannot be renamed: its content moves into a new one. */
static int move(int from_fd, const char *from, int to_fd, const char *to, unsigned depth)
{
	struct dirent **entries = NULL;
	int r = sys_renameat(from_fd, from, to_fd, to, RENAME_NOREPLACE);

	if (r != -EXDEV || depth == 0)
		return r;
	r = sys_mkdirat(to_fd, to, 0755);
	_own_(closep) int old_fd = sys_openat(from_fd, from, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	_own_(closep) int new_fd = sys_openat(to_fd, to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (r == 0 && (old_fd < 0 || new_fd < 0))
		r = old_fd < 0 ? old_fd : new_fd;
	int count = r < 0 ? r : sys_scan_dir(old_fd, &entries, is_entry);
	for (int i = 0; entries != NULL && i < count; i++) {
		if (r == 0)
			r = move(old_fd, entries[i]->d_name, new_fd, entries[i]->d_name, depth - 1);
		free(entries[i]);
	}
	free(entries);
	if (r == 0)
		r = count < 0 ? count : sys_unlinkat(from_fd, from, AT_REMOVEDIR);
	return r;
}

static int put(int prefix_fd, const char *name, const char *text, size_t length)
{
	(void)sys_unlinkat(prefix_fd, NEW, 0); /* What a run that was killed has left. */
	_own_(closep) int fd = sys_create(prefix_fd, NEW, O_WRONLY | O_EXCL, 0600);
	int r = fd < 0 ? fd : sys_write_all(fd, text, length);

	return r < 0 ? r : sys_renameat(prefix_fd, NEW, prefix_fd, name, 0);
}

static int rename_in_hive(int prefix_fd, const char *file, const char *old, const char *name)
{
	struct hive hive = {0};
	struct buf out;
	_own_(closep) int fd = sys_openat(prefix_fd, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	int r = fd < 0 ? fd : hive_read(&hive, fd, NULL);

	buf_init(&out, HIVE_SIZE_MAX);
	if (r == 0)
		r = hive_rename_user((struct raw){hive.text, hive.length}, old, name, &out);
	if (r == 0)
		r = put(prefix_fd, file, buf_string(&out), out.length);
	buf_done(&out);
	hive_done(&hive);
	return r;
}

bool profile_rename(int prefix_fd, const char *name)
{
	char old[64] = FIRST;
	_own_(closep) int users_fd =
		sys_openat(prefix_fd, "drive_c/users", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	_own_(closep) int note_fd = sys_openat(prefix_fd, NOTE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = note_fd < 0 ? 0 : sys_read_full(note_fd, old, sizeof(old) - 1);

	if (n > 0)
		old[n] = '\0';
	if (strcmp(old, name) == 0)
		return true;
	int r = users_fd < 0 ? users_fd : move(users_fd, old, users_fd, name, 64);
	for (size_t i = 0; i < REGISTRY_PARTS && r == 0; i++)
		r = rename_in_hive(prefix_fd, registry_parts[i].file, old, name);
	if (r == 0)
		r = put(prefix_fd, NOTE, name, strlen(name));
	errno = -r;
	return r == 0;
}
