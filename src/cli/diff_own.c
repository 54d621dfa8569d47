/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/diff_own.h"

#include "base/own.h"
#include "cli/diff_registry.h"
#include "sys/sys.h"
#include "windows/prepare.h"
#include "windows/presets.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* The template is not deeper. */
#define DEPTH_MAX 32

#define USERS "drive_c/users/"

static struct change *find(struct changes *changes, size_t view, const char *path)
{
	const struct change *change = changes_find(changes, view, path);

	return change == NULL ? NULL : &changes->list[change - changes->list];
}

static int tell_any(void *context, enum registry_change change, const struct hive_row *before,
		    const struct hive_row *after)
{
	bool *differs = context;

	*differs = true;
	(void)change;
	(void)before;
	(void)after;
	return 1; /* One is enough. */
}

/* A hive of the box's in which nothing is another than below it, with the presets. */
static int find_hive(struct changes *changes, struct change *change, struct cloche_err *err)
{
	struct cloche_err said = {0};
	bool plain = change->kind == CHANGE_CHANGED && !change->forged && !change->unsteady &&
		     (change->what & ~(unsigned)(WHAT_CONTENT | WHAT_TIME)) == 0;

	if (!plain || strchr(change->path, '/') != NULL || diff_registry_part(change) == NULL)
		return 0;
	bool differs = false;
	int r = diff_registry(changes, change, tell_any, &differs, &said);
	change->own = r == 1 && !differs;
	if (r == -E2BIG)
		return 0;
	return r < 0 ? err_set(err, r, "%s", said.text) : 0;
}

static bool has_content(const struct changes *changes, const struct change *change,
			const char *text)
{
	const char *name;
	size_t length = strlen(text);
	_own_(freep) char *content = malloc(length + 2);
	_own_(closep) int dir_fd = change_open_parent(changes, change, false, &name);
	_own_(closep) int fd = dir_fd < 0 ? dir_fd : content_open((struct place){dir_fd, name});

	return fd >= 0 && content != NULL &&
	       sys_read_full(fd, content, length + 1) == (ssize_t)length &&
	       memcmp(content, text, length) == 0;
}

/* Where Wine's server has its socket is noted anew in each box: one word. */
static void find_server_note(struct changes *changes, struct change *change)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	char text[16] = "";
	const char *name;

	if (strcmp(change->path, "wineserver") != 0 || change->kind == CHANGE_DELETED ||
	    !S_ISREG(change->box.mode) || change->forged || change->unsteady)
		return;
	_own_(closep) int dir_fd = change_open_parent(changes, change, false, &name);
	_own_(closep) int fd = dir_fd < 0 ? dir_fd : content_open((struct place){dir_fd, name});
	ssize_t n = fd < 0 ? -1 : sys_read_full(fd, text, sizeof(text) - 1);
	change->own = n == 11 && strncmp(text, "wine-", 5) == 0 && strspn(text + 5, letters) == 6;
}

static const char *last(const struct presets *presets, const char *kind)
{
	const char *text = presets_last(presets, kind, true);

	return text != NULL ? text : presets_last(presets, kind, false);
}

/* The starter's notes, and the serial number. */
static void find_notes(struct changes *changes, struct change *change)
{
	const struct presets *presets = &changes->stack->presets;
	const char *orders = last(presets, WINDOWS_PRESET_REGISTRY);
	const char *serial = last(presets, WINDOWS_PRESET_SERIAL);
	char number[16] = "";

	if (serial != NULL && strlen(serial) == 9)
		(void)snprintf(number, sizeof(number), "%.4s%.4s\n", serial, serial + 5);
	const struct {
		const char *path, *text;
	} rows[] = {
		{".orders", orders},
		{".user", last(presets, WINDOWS_PRESET_USER)},
		{"drive_c/.windows-serial", number[0] != '\0' ? number : NULL},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (rows[i].text != NULL && strcmp(change->path, rows[i].path) == 0 &&
		    change->kind != CHANGE_DELETED && S_ISREG(change->box.mode))
			change->own = has_content(changes, change, rows[i].text);
}

/* ---- the user's directory under another name ---- */

struct profile {
	struct changes *changes;
	const struct change *gone; /* the directory as it was called */
	const char *name;	   /* as it is called now */
	bool complete;		   /* all that was there is there */
};

/* What was `rest` of the directory is the same under the new name, and moved there by us. */
static void find_moved(struct profile *profile, const char *rest, const struct stat *st)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), USERS "%s%s", profile->name, rest);
	struct change *change = find(profile->changes, profile->gone->view, path);
	if (change == NULL || change->kind != CHANGE_ADDED || change->forged || change->unsteady ||
	    change->box.mode != st->st_mode) {
		profile->complete = false;
		return;
	}
	if (S_ISDIR(st->st_mode))
		change->own = true;
}

static void walk(struct profile *profile, int dir_fd, const char *rest, unsigned depth)
{
	struct dirent **entries = NULL;
	int count = depth == 0 ? -ELOOP : sys_scan_dir(dir_fd, &entries, NULL);

	profile->complete &= count >= 0;
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		char path[PATH_MAX];
		struct stat st;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", rest, name) >= (int)sizeof(path) ||
		    sys_fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			profile->complete = false;
			continue;
		}
		find_moved(profile, path, &st);
		if (!S_ISDIR(st.st_mode))
			continue;
		_own_(closep) int fd =
			sys_openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		walk(profile, fd, path, depth - 1);
	}
	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
}

static void find_profile(struct changes *changes, struct change *gone)
{
	const char *before = presets_user_before(&changes->stack->presets);
	struct profile profile = {
		.changes = changes,
		.gone = gone,
		.name = presets_user(&changes->stack->presets),
		.complete = true,
	};
	const char *name;
	struct stat st;

	/* In an older layer of the box it would lie in several places. */
	if (gone->kind != CHANGE_DELETED || !gone->on_host || strcmp(before, profile.name) == 0 ||
	    strncmp(gone->path, USERS, strlen(USERS)) != 0 ||
	    strcmp(gone->path + strlen(USERS), before) != 0)
		return;
	_own_(closep) int parent_fd = change_open_parent(changes, gone, true, &name);
	_own_(closep) int fd =
		parent_fd < 0 ? parent_fd
			      : sys_openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (fd < 0 || sys_fstat(fd, &st) < 0)
		return;
	find_moved(&profile, "", &st);
	walk(&profile, fd, "", DEPTH_MAX);
	/* Where a program has removed something of it, both are told of. */
	gone->own = profile.complete;
}

int diff_find_own(struct changes *changes, struct cloche_err *err)
{
	int r = 0;

	for (size_t i = 0; i < changes->count && r == 0; i++) {
		struct change *change = &changes->list[i];

		if (!diff_is_of_prefix(changes, change))
			continue;
		r = find_hive(changes, change, err);
		find_notes(changes, change);
		find_server_note(changes, change);
		find_profile(changes, change);
	}
	return r;
}
