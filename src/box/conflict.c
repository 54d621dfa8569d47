/* SPDX-License-Identifier: Apache-2.0 */
#include "box/conflict.h"

#include "sys/sys.h"

#include <limits.h>
#include <string.h>

/* Deeper than that nobody looks; it counts as changed. */
#define DEPTH_MAX 200

static bool is_newer(const struct facts *host, struct timespec born)
{
	return time_reached(host->ctime, born);
}

/* What a host directory has in it counts, where all of it goes. */
static bool tree_is_newer(int dir_fd, const char *name, struct timespec born, int depth)
{
	struct names names = {0};
	struct tree tree = {.host_fd =
				    sys_openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)};
	bool newer = depth > DEPTH_MAX || tree_names(&tree, true, &names) < 0;

	for (size_t i = 0; i < names.count && !newer; i++) {
		struct found found;

		newer = tree_find(&tree, names.list[i], &found) < 0 ||
			(found.present && is_newer(&found.facts, born)) ||
			(found.present && S_ISDIR(found.facts.mode) &&
			 tree_is_newer(tree.host_fd, names.list[i], born, depth + 1));
	}
	names_done(&names);
	tree_done(&tree);
	return newer;
}

enum conflict conflict_find(const struct change *change, const struct found *below,
			    struct timespec born)
{
	if (!below->on_host || !below->present)
		return CONFLICT_NONE;
	bool whole = change->kind == CHANGE_DELETED || (change->what & WHAT_KIND) != 0;
	if (!S_ISDIR(below->facts.mode) || whole ||
	    (change->what & (WHAT_MODE | WHAT_OWNER | WHAT_ATTRIBUTES)) != 0) {
		if (is_newer(&below->facts, born))
			return CONFLICT_CHANGED;
	}
	if (S_ISDIR(below->facts.mode) && whole &&
	    tree_is_newer(below->place.dir_fd, below->place.name, born, 0))
		return CONFLICT_CHANGED;
	return CONFLICT_NONE;
}

enum conflict conflict_missing(const struct layer_view *view, const struct found *box,
			       const struct realm *realm)
{
	/* overlayfs moves no directory that the host has. */
	if (S_ISDIR(box->facts.mode))
		return CONFLICT_GONE;
	int r = origin_exists(box->oldest, realm, view_host(view));

	/* A commit of the box itself may have put another one there, and the box has moved that. */
	return r == 1 || box->facts.nlink > 1 ? CONFLICT_NONE : CONFLICT_PERHAPS_GONE;
}

static bool is_below(const char *path, const char *top)
{
	size_t length = strlen(top);

	return strncmp(path, top, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

void conflict_settle_hidden(struct changes *changes)
{
	char path[2 * PATH_MAX];

	for (size_t i = 0; i < changes->count; i++) {
		struct change *change = &changes->list[i];
		bool whole = change->kind == CHANGE_DELETED || (change->what & WHAT_KIND) != 0;

		if (change->kind == CHANGE_ADDED || !change->on_host ||
		    change_path(changes, change, path, sizeof(path)) < 0)
			continue;
		for (size_t j = 0; j < changes->stack->hidden_count; j++) {
			const char *hidden = changes->stack->hidden[j];

			if (is_below(path, hidden) || (whole && is_below(hidden, path)))
				change->conflict = CONFLICT_HIDDEN;
		}
	}
}
