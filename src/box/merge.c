/* SPDX-License-Identifier: Apache-2.0
 *
 * Directories are walked with one descriptor a side and ".." to come back, for guests make trees of
 * any depth. What is done leaves the upper one, so wherever we come back to, what is still there is
 * still to do.
 */
#include "box/merge.h"

#include "base/own.h"
#include "box/layer.h"
#include "box/trash.h"
#include "sys/sys.h"

#include <assert.h>
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

/* More than a file system has; where this ends the layers stay two. */
#define DEPTH_MAX 100000

#define GARBAGE "garbage"

struct merger {
	const char *mark;   /* prefix of overlayfs's attributes */
	const char *opaque; /* the attribute of a directory that hides what is below it */
	const char *origin; /* of one that has something below it */
	bool lowest;	    /* nothing lies below the lower one: whiteouts have nothing to hide */
	int layer_fd;	    /* the lower layer's directory */
	int upper_fd;	    /* owned: where we are */
	int lower_fd;	    /* owned */
	char **names;	    /* owned: how we got there */
	size_t depth;
	size_t size;
};

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

/* Takes a name away at once, whatever it is and however much is below: it goes with its layer's
 * garbage. */
static int put_away(const struct merger *m, const char *name)
{
	int r = sys_unlinkat(m->lower_fd, name, 0);

	if (r == -ENOENT || r == 0)
		return 0;
	if (r != -EISDIR && r != -EPERM)
		return r;
	r = sys_remove_tree(m->layer_fd, GARBAGE);
	return r < 0 ? r : sys_renameat(m->lower_fd, name, m->layer_fd, GARBAGE, 0);
}

static int open_dir(int dir_fd, const char *name)
{
	return sys_openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

/* 1: what is below it does not show. */
static int is_opaque(const struct merger *m, int fd)
{
	char value[2] = "";
	ssize_t n = SYS_RESULT(fgetxattr(fd, m->opaque, value, sizeof(value)));

	if (n < 0 && n != -ENODATA && n != -ERANGE && n != -EOPNOTSUPP)
		return (int)n;
	return n == 1 && value[0] == 'y';
}

/* Can a whiteout hide anything in the lower directory where we are? Not in one that was made new in
 * its layer; there the kernel, which tells that by the same mark, would even list it. */
static int whiteouts_hide(const struct merger *m)
{
	if (m->lowest)
		return 0;
	/* What the view is of lies below in any case. */
	if (m->depth <= 1)
		return 1;
	int r = (int)SYS_RESULT(fgetxattr(m->lower_fd, m->origin, NULL, 0));
	if (r < 0)
		return r == -ENODATA || r == -EOPNOTSUPP ? 0 : r;
	r = is_opaque(m, m->lower_fd);
	return r < 0 ? r : r == 0;
}

static int move_over(const struct merger *m, const char *name)
{
	return sys_renameat(m->upper_fd, name, m->lower_fd, name, 0);
}

static int enter(struct merger *m, const char *name, int take_upper_fd, int take_lower_fd)
{
	_own_(closep) int upper_fd = take_upper_fd;
	_own_(closep) int lower_fd = take_lower_fd;

	if (m->depth >= DEPTH_MAX)
		return -E2BIG;
	if (m->depth == m->size) {
		size_t size = m->size == 0 ? 64 : m->size * 2;
		char **names = realloc(m->names, size * sizeof(*names));
		if (names == NULL)
			return -ENOMEM;
		m->names = names;
		m->size = size;
	}
	m->names[m->depth] = strdup(name);
	if (m->names[m->depth] == NULL)
		return -ENOMEM;
	m->depth++;
	close_fd(&m->upper_fd);
	close_fd(&m->lower_fd);
	m->upper_fd = TAKE_FD(&upper_fd);
	m->lower_fd = TAKE_FD(&lower_fd);
	return 0;
}

/* A directory of the upper one over one of the lower. 1: they were entered. */
static int merge_dir(struct merger *m, const char *name)
{
	struct stat st;
	_own_(closep) int upper_fd = open_dir(m->upper_fd, name);
	int r = sys_fstatat(m->lower_fd, name, &st, AT_SYMLINK_NOFOLLOW);

	if (upper_fd < 0)
		return upper_fd;
	if (r < 0 && r != -ENOENT)
		return r;
	bool there = r == 0;
	bool both = there && S_ISDIR(st.st_mode);
	int opaque = is_opaque(m, upper_fd);
	if (opaque < 0)
		return opaque;
	if (both && !opaque) {
		_own_(closep) int lower_fd = open_dir(m->lower_fd, name);
		if (lower_fd < 0)
			return lower_fd;
		r = enter(m, name, TAKE_FD(&upper_fd), TAKE_FD(&lower_fd));
		return r < 0 ? r : 1;
	}
	/* Over what is no directory nothing of below shows, and that must stay so without it. */
	if (there && !both && !m->lowest)
		r = SYS_RESULT(fsetxattr(upper_fd, m->opaque, "y", 1, 0));
	else
		r = 0;
	if (r == 0 && there)
		r = put_away(m, name);
	return r < 0 ? r : move_over(m, name);
}

/* 1: a directory was entered. */
static int merge_entry(struct merger *m, const char *name)
{
	struct stat st;
	struct stat below;
	int r = sys_fstatat(m->upper_fd, name, &st, AT_SYMLINK_NOFOLLOW);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (S_ISDIR(st.st_mode))
		return merge_dir(m, name);
	int hides = is_whiteout(&st) ? whiteouts_hide(m) : 1;
	if (hides < 0)
		return hides;
	if (hides == 0) {
		r = put_away(m, name);
		return r < 0 ? r : sys_unlinkat(m->upper_fd, name, 0);
	}
	r = sys_fstatat(m->lower_fd, name, &below, AT_SYMLINK_NOFOLLOW);
	if (r == 0 && S_ISDIR(below.st_mode))
		r = put_away(m, name);
	/* Two names of one file: the kernel would leave both. */
	if (r == 0 && below.st_ino == st.st_ino && below.st_dev == st.st_dev)
		return sys_unlinkat(m->upper_fd, name, 0);
	return r < 0 && r != -ENOENT ? r : move_over(m, name);
}

/* Everything in the directory, until it is empty (0) or another one was entered (1). */
static int merge_here(struct merger *m)
{
	for (bool found = true; found;) {
		_own_(closedirp) DIR *dir = NULL;
		const struct dirent *entry;
		int r = sys_open_dir(m->upper_fd, ".", &dir);

		if (r < 0)
			return r;
		found = false;
		while ((entry = readdir(dir)) != NULL) {
			if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
				continue;
			found = true;
			r = merge_entry(m, entry->d_name);
			if (r != 0)
				return r;
		}
	}
	return 0;
}

/* The directory itself: all but what it hides. */
static int merge_self(const struct merger *m)
{
	char value[8];
	char name[64];

	(void)snprintf(name, sizeof(name), "%simpure", m->mark);
	ssize_t n = SYS_RESULT(fgetxattr(m->upper_fd, name, value, sizeof(value)));
	if (n > 0)
		(void)fsetxattr(m->lower_fd, name, value, (size_t)n, 0); /* Inode numbers only. */
	return sys_copy_attributes(m->upper_fd, m->lower_fd, m->mark);
}

static int leave(struct merger *m)
{
	_own_(closep) int upper_fd = open_dir(m->upper_fd, "..");
	_own_(closep) int lower_fd = open_dir(m->lower_fd, "..");

	if (upper_fd < 0 || lower_fd < 0)
		return upper_fd < 0 ? upper_fd : lower_fd;
	close_fd(&m->upper_fd);
	close_fd(&m->lower_fd);
	m->upper_fd = TAKE_FD(&upper_fd);
	m->lower_fd = TAKE_FD(&lower_fd);
	assert(m->names != NULL);
	_own_(freep) char *name = m->names[--m->depth];
	return sys_unlinkat(m->upper_fd, name, AT_REMOVEDIR);
}

/* The tree NAME below "u" or "p" of both layers. */
static int merge_tree(struct merger *m, const char *name)
{
	int r = merge_dir(m, name);

	while (r == 1 || (r == 0 && m->depth > 0)) {
		r = merge_here(m);
		if (r == 0)
			r = merge_self(m);
		if (r == 0)
			r = leave(m);
	}
	while (m->depth > 0)
		free(m->names[--m->depth]);
	free(m->names);
	m->names = NULL;
	m->size = 0;
	return r;
}

/* What comes of two layers' private directories has marks in it, which only an overlay hides: it is
 * one from now on, also where nothing is below any more (see layer.h). */
static int mark_private(const struct merger *m, const char *name)
{
	_own_(closep) int upper_fd = open_dir(m->upper_fd, name);
	_own_(closep) int lower_fd = open_dir(m->lower_fd, name);

	if (upper_fd < 0 || lower_fd < 0)
		return 0; /* One of them has it: that is moved, or stays, as it is. */
	return SYS_RESULT(fsetxattr(lower_fd, m->origin, "", 0, 0));
}

/* Does no layer below the lower one have this private directory? Nothing else has an end. */
static int is_lowest(const struct stored_box *box, const struct stack_layer *lower,
		     const char *kind, const char *name)
{
	char path[NAME_MAX + 8];

	if (strcmp(kind, "p") != 0)
		return 0;
	(void)snprintf(path, sizeof(path), "p/%s", name);
	for (const struct stack_layer *layer = stack_parent(&box->stack, lower); layer != NULL;
	     layer = stack_parent(&box->stack, layer)) {
		_own_(closep) int fd = store_layer_open(box->store, layer->id);
		struct stat st;
		int r = fd < 0 ? fd : sys_fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW);

		if (r != -ENOENT)
			return r;
	}
	return 1;
}

struct merged_layers {
	const struct stored_box *box;
	const struct stack_layer *lower;
	int upper_fd; /* borrowed, both */
	int lower_fd;
};

/* What both, or the upper one, have below "u", "p" or "f" under the name. */
static int merge_named(const struct merged_layers *layers, const char *kind, const char *name)
{
	bool rooted = layers->box->store->rooted;
	int lowest = is_lowest(layers->box, layers->lower, kind, name);
	struct merger m = {
		.mark = rooted ? "trusted.overlay." : "user.overlay.",
		.opaque = rooted ? "trusted.overlay.opaque" : "user.overlay.opaque",
		.origin = rooted ? "trusted.overlay.origin" : "user.overlay.origin",
		.layer_fd = layers->lower_fd,
		.lowest = lowest == 1,
		.upper_fd = open_dir(layers->upper_fd, kind),
		.lower_fd = open_dir(layers->lower_fd, kind),
	};
	int r = lowest < 0 ? lowest : 0;

	if (r == 0 && strcmp(kind, "p") == 0)
		r = mark_private(&m, name);
	if (r == 0)
		r = strcmp(kind, "f") == 0 ? move_over(&m, name) : merge_tree(&m, name);
	close_fd(&m.upper_fd);
	close_fd(&m.lower_fd);
	return r;
}

static int merge_kind(const struct merged_layers *layers, const char *kind)
{
	struct dirent **entries = NULL;
	_own_(closep) int from_fd = open_dir(layers->upper_fd, kind);
	int r = sys_mkdirat(layers->lower_fd, kind, 0755);

	if (from_fd < 0)
		return from_fd == -ENOENT ? 0 : from_fd;
	_own_(closep) int to_fd = r < 0 && r != -EEXIST ? r : open_dir(layers->lower_fd, kind);
	int count = to_fd < 0 ? to_fd : sys_scan_dir(from_fd, &entries, NULL);
	r = count < 0 ? count : 0;
	for (int i = 0; i < count; i++) {
		if (r == 0 && entries[i]->d_name[0] != '.')
			r = merge_named(layers, kind, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return r;
}

/* All of it but the stack. */
static int merge_layers(const struct stored_box *box, struct cloche_err *err)
{
	static const char *const kinds[] = {"u", "p", "f"};
	const struct stack_layer *upper = stack_find(&box->stack, box->stack.merging);
	const struct stack_layer *lower = upper == NULL ? NULL : stack_parent(&box->stack, upper);
	_own_(closep) int upper_fd =
		upper == NULL ? -EINVAL : store_layer_open(box->store, upper->id);
	_own_(closep) int lower_fd =
		lower == NULL ? -EINVAL : store_layer_open(box->store, lower->id);
	int r = layer_own_all(err);

	/* Nothing was ever written to one of them; the lower one is made where that is the case. */
	if (r == 0 && upper_fd == -ENOENT)
		return 0;
	if (r == 0 && lower_fd == -ENOENT) {
		r = sys_mkdirat(box->store->layers_fd, lower->id, 0755);
		lower_fd = r < 0 ? r : store_layer_open(box->store, lower->id);
	}
	if (r == 0 && (upper_fd < 0 || lower_fd < 0))
		r = upper_fd < 0 ? upper_fd : lower_fd;
	if (r == 0)
		r = layer_merge_views(upper_fd, lower_fd);
	if (r == 0)
		r = known_merge(upper_fd, lower_fd);
	if (r == 0)
		r = presets_merge(upper_fd, lower_fd);
	const struct merged_layers layers = {box, lower, upper_fd, lower_fd};
	for (size_t i = 0; i < ARRAY_LENGTH(kinds) && r == 0; i++)
		r = merge_kind(&layers, kinds[i]);
	if (r == 0)
		r = sys_remove_tree(lower_fd, GARBAGE);
	/* All of it is on disk before the stack says so. */
	if (r == 0)
		r = SYS_RESULT(syncfs(lower_fd));
	return r < 0 ? err_set(err, r, "box '%s': merging two layers: %s", box->name, errno_text(r))
		     : 0;
}

static int merge_it(void *arg, struct cloche_err *err)
{
	return merge_layers(arg, err);
}

int merge_finish(struct stored_box *box, struct cloche_err *err)
{
	int r = layer_in_child(merge_it, box, err);

	if (r < 0)
		return r;
	_own_(closep) int lock_fd = store_lock(box->store, err);
	r = lock_fd < 0 ? lock_fd : trash_mark(box->store, err);
	if (r < 0)
		return r;
	stack_merged(&box->stack);
	return store_box_write(box, err);
}
