/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/guest/profile.h"

#include "base/own.h"
#include "sys/sys.h"
#include "windows/guest/prefix.h"
#include "windows/hive_edit.h"
#include "windows/registry.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#define FIRST "user"  /* as the template has it */
#define NOTE  ".user" /* whom it is named after now */

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

struct names {
	const char *old;
	const char *now;
};

static int edit(const char *file, struct raw hive, void *arg, struct buf *out)
{
	const struct names *names = arg;

	(void)file;
	return hive_rename_user(hive, names->old, names->now, out);
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
	struct names names = {old, name};
	int r = users_fd < 0 ? users_fd : move(users_fd, old, users_fd, name, 64);
	for (size_t i = 0; i < REGISTRY_PARTS && r == 0; i++)
		r = prefix_edit(prefix_fd, registry_parts[i].file, edit, &names);
	if (r == 0)
		r = prefix_put(prefix_fd, NOTE, name, strlen(name));
	errno = -r;
	return r == 0;
}
