/* SPDX-License-Identifier: Apache-2.0 */
#include "box/note.h"

#include "base/own.h"
#include "box/diff.h"
#include "box/layer.h"
#include "box/tree.h"
#include "sys/sys.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 200
#define TEXT_MAX  ((size_t)256 << 20)
/* What the kernel has copied into a layer has cost more than reading it again does. */
#define COVERED_BYTES_MAX ((uint64_t)2 << 30)
/* What was removed with its directory has cost the box nothing. */
#define REMOVED_BYTES_MAX ((uint64_t)256 << 20)
#define REMOVED_FILES_MAX 50000

static const struct realm of_host;

struct noting {
	const struct layer_stack *stack;
	const struct layer_view *view;
	struct realm realm;
	struct timespec since; /* what has not changed since then was looked at */
	struct buf lines;
	uint64_t covered_left; /* bytes that may be read */
	uint64_t removed_left;
	size_t files_left;
	int host_fd;	     /* owned: what lies below the view; -1: nothing */
	char path[PATH_MAX]; /* in the view */
};

/* Since when the box sees nothing newer of the host's at the path, whose last part is the name: the
 * oldest layer's. */
static struct timespec born_of(const struct noting *noting, const struct facts *facts,
			       const char *name)
{
	struct timespec born = facts->born;
	char parent[PATH_MAX] = ".";
	size_t length = strlen(noting->path) - strlen(name);

	if (length > 0)
		(void)snprintf(parent, sizeof(parent), "%.*s", (int)length - 1, noting->path);
	for (size_t i = 1; i < noting->view->fd_count; i++) {
		struct facts older;
		_own_(closep) int fd =
			sys_openat2(noting->view->fds[i], parent, O_PATH | O_DIRECTORY | O_NOFOLLOW,
				    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);

		if (fd >= 0 && facts_read(&older, (struct place){fd, name}, &noting->realm) == 0 &&
		    !time_reached(older.born, born))
			born = older.born;
	}
	return born;
}

static int add_was(struct noting *noting, struct place place, const struct facts *facts,
		   uint64_t *limit)
{
	int r = known_add(&noting->lines, noting->view->name, noting->path, place, facts, limit);

	/* Not to be read, or changing: times tell. */
	return r == -ENOMEM || r == -E2BIG ? r : 0;
}

/* Appends a name to the path, whose length it was; false: it is too long. */
static bool push_name(struct noting *noting, const char *name)
{
	size_t length = strlen(noting->path);
	size_t left = sizeof(noting->path) - length;

	return snprintf(noting->path + length, left, "%s%s", length > 0 ? "/" : "", name) <
	       (int)left;
}

/* All that a host directory has, which goes with it. */
static int note_tree(struct noting *noting, struct place place, struct timespec born, int depth)
{
	_own_(closedirp) DIR *dir = NULL;
	size_t length = strlen(noting->path);
	const struct dirent *entry;
	int r = 0;

	if (depth > DEPTH_MAX || sys_open_dir(place.dir_fd, place.name, &dir) < 0)
		return 0;
	while (r == 0 && noting->files_left > 0 && (entry = readdir(dir)) != NULL) {
		struct facts facts;
		const struct place inner = {dirfd(dir), entry->d_name};

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		noting->files_left--;
		if (push_name(noting, entry->d_name) && facts_read(&facts, inner, &of_host) == 0 &&
		    !time_reached(facts.ctime, born) &&
		    known_find(&noting->stack->known, noting->view->name, noting->path) == NULL) {
			r = add_was(noting, inner, &facts, &noting->removed_left);
			if (r == 0 && S_ISDIR(facts.mode))
				r = note_tree(noting, inner, born, depth + 1);
		}
		noting->path[length] = '\0';
	}
	return r;
}

static bool is_whiteout(const struct facts *facts)
{
	return S_ISCHR(facts->mode) && facts->rdev == 0;
}

/* What the box has at the path lies over `host`, which is there. */
static int note_host(struct noting *noting, const struct facts *box, struct place host,
		     const struct facts *facts, struct timespec born)
{
	if (time_reached(facts->ctime, born)) {
		/* A directory's time says little, and whiteouts of one run are one file. */
		return S_ISDIR(box->mode) || is_whiteout(box)
			       ? 0
			       : known_add_kind(&noting->lines, KNOWN_CHANGED, noting->view->name,
						noting->path);
	}
	int r = add_was(noting, host, facts, &noting->covered_left);
	return r == 0 && S_ISDIR(facts->mode) && !S_ISDIR(box->mode)
		       ? note_tree(noting, host, born, 0)
		       : r;
}

/* One name of a directory that has changed. */
static int note_name(struct noting *noting, struct place place, const struct facts *box,
		     int host_dir_fd)
{
	const char *view = noting->view->name;
	const struct known_entry *known = known_find(&noting->stack->known, view, noting->path);
	struct facts facts;
	const struct place host = {host_dir_fd, place.name};

	if (known != NULL && known->kind != KNOWN_NOTHING)
		return 0;
	if (host_dir_fd < 0 || facts_read(&facts, host, &of_host) < 0)
		return known == NULL && S_ISREG(box->mode) &&
				       mark_is(place, &noting->realm, "origin", 0)
			       ? known_add_kind(&noting->lines, KNOWN_NOTHING, view, noting->path)
			       : 0;
	struct timespec born = born_of(noting, box, place.name);
	int r = note_host(noting, box, host, &facts, born);
	if (r == 0 && S_ISDIR(box->mode) && S_ISDIR(facts.mode) &&
	    mark_is(place, &noting->realm, "opaque", 'y'))
		r = note_tree(noting, host, born, 0);
	return r;
}

static int open_host(const struct noting *noting)
{
	return noting->host_fd < 0
		       ? -1
		       : sys_openat2(noting->host_fd, noting->path[0] == '\0' ? "." : noting->path,
				     O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
				     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

static int note_directory(struct noting *noting, struct place place, bool is_new, int depth)
{
	_own_(closedirp) DIR *dir = NULL;
	size_t length = strlen(noting->path);
	const struct dirent *entry;
	int r = sys_open_dir(place.dir_fd, place.name, &dir);

	if (r < 0 || depth > DEPTH_MAX)
		return r;
	_own_(closep) int host_fd = is_new ? open_host(noting) : -1;
	while (r == 0 && (entry = readdir(dir)) != NULL) {
		struct facts facts;
		const struct place inner = {dirfd(dir), entry->d_name};

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    (!is_new && entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) ||
		    facts_read(&facts, inner, &noting->realm) < 0 ||
		    !push_name(noting, entry->d_name))
			continue;
		if (is_new)
			r = note_name(noting, inner, &facts, host_fd);
		bool inner_new = time_reached(facts.ctime, noting->since);
		/* One that has no directory in it and nothing new is not even opened. */
		if (r == 0 && S_ISDIR(facts.mode) && (inner_new || facts.nlink != 2))
			r = note_directory(noting, inner, inner_new, depth + 1);
		noting->path[length] = '\0';
	}
	return r;
}

static int note_tree_view(struct noting *noting)
{
	const struct place top = {noting->view->fds[0], "."};
	struct facts facts;
	int r = facts_read(&facts, top, &noting->realm);

	noting->host_fd =
		sys_openat2(AT_FDCWD, view_host(noting->view), O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
			    RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	if (r == 0)
		r = note_directory(noting, top, time_reached(facts.ctime, noting->since), 0);
	close_fd(&noting->host_fd);
	return r;
}

/* A copied file: its copy began when it was born. */
static int note_file_view(struct noting *noting)
{
	struct facts box;
	struct facts host;
	const struct layer_view *view = noting->view;
	_own_(closep) int fd = sys_openat2(AT_FDCWD, view_host(view), O_PATH | O_NOFOLLOW,
					   RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);

	if (fd < 0 || known_find(&noting->stack->known, view->name, "") != NULL ||
	    facts_read(&box, (struct place){view->fds[0], ""}, &noting->realm) < 0 ||
	    facts_read(&host, (struct place){fd, ""}, &of_host) < 0)
		return 0;
	return note_host(noting, &box, (struct place){fd, ""}, &host, box.born);
}

static int note_views(struct noting *noting)
{
	int r = 0;

	for (size_t i = 0; i < noting->stack->view_count && r == 0; i++) {
		noting->view = &noting->stack->views[i];
		noting->path[0] = '\0';
		if (!noting->view->in_top || noting->view->kind == LAYER_PRIVATE)
			continue;
		r = noting->view->kind == LAYER_FILE ? note_file_view(noting)
						     : note_tree_view(noting);
	}
	return r;
}

static int note(const struct stored_box *box, struct cloche_err *err)
{
	struct layer_stack stack = {0};
	struct noting *noting = malloc(sizeof(*noting));
	struct facts file = {0};
	_own_(closep) int layer_fd = store_layer_open(box->store, box->stack.top);
	int r = noting == NULL ? -ENOMEM
		: layer_fd < 0 ? layer_fd
			       : layer_stack_open(&stack, box, NULL, err);

	if (r == 0 && noting != NULL) {
		(void)facts_read(&file, (struct place){layer_fd, KNOWN_FILE}, &of_host);
		*noting = (struct noting){
			.stack = &stack,
			.realm = {true, stack.rooted, stack.id_base},
			.since = file.ctime,
			.covered_left = COVERED_BYTES_MAX,
			.removed_left = REMOVED_BYTES_MAX,
			.files_left = REMOVED_FILES_MAX,
			.host_fd = -1,
		};
		buf_init(&noting->lines, TEXT_MAX);
		r = note_views(noting);
		if (r == 0)
			r = known_append(layer_fd, &noting->lines);
		buf_done(&noting->lines);
	}
	layer_stack_done(&stack);
	free(noting);
	return r;
}

static int note_as_owner(void *arg, struct cloche_err *err)
{
	int r = layer_own_all(err);

	return r < 0 ? r : note(arg, err);
}

void note_covered(const struct stored_box *box)
{
	struct cloche_err err = {0};

	/* Modes that the guest gave may bar the layer's owner, who is all powerful in a child. */
	if (note(box, &err) == -EACCES)
		(void)layer_in_child(note_as_owner, (void *)(uintptr_t)box, &err);
}
