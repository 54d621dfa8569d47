/* SPDX-License-Identifier: Apache-2.0 */
#include "box/conflict.h"

#include "sys/sys.h"

#include <limits.h>
#include <string.h>

/* Deeper than that nobody looks; it counts as changed. */
#define DEPTH_MAX 200

struct looking {
	const struct known *known;
	const char *view;
	struct timespec born;
	char path[PATH_MAX]; /* in the view */
};

/* Is what the host has there another one than the box took? */
static bool is_other(const struct looking *looking, struct place place, const struct facts *facts)
{
	const struct known_entry *entry = known_find(looking->known, looking->view, looking->path);

	return entry == NULL || entry->kind == KNOWN_NOTHING
		       ? time_reached(facts->ctime, looking->born)
		       : known_is_same(entry, place, facts) == 0;
}

/* What a host directory has in it counts, where all of it goes. */
static bool tree_is_other(struct looking *looking, int dir_fd, const char *name, int depth)
{
	struct names names = {0};
	size_t length = strlen(looking->path);
	size_t left = sizeof(looking->path) - length;
	struct tree tree = {.host_fd =
				    sys_openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)};
	bool other = depth > DEPTH_MAX || tree_names(&tree, true, &names) < 0;

	for (size_t i = 0; i < names.count && !other; i++) {
		struct found found;

		other = snprintf(looking->path + length, left, "/%s", names.list[i]) >= (int)left ||
			tree_find(&tree, names.list[i], &found) < 0 ||
			(found.present && is_other(looking, found.place, &found.facts)) ||
			(found.present && S_ISDIR(found.facts.mode) &&
			 tree_is_other(looking, tree.host_fd, names.list[i], depth + 1));
		looking->path[length] = '\0';
	}
	names_done(&names);
	tree_done(&tree);
	return other;
}

static void look(struct looking *looking, const struct layer_stack *stack,
		 const struct change *change, struct timespec born)
{
	looking->known = &stack->known;
	looking->view = stack->views[change->view].name;
	looking->born = born;
	(void)snprintf(looking->path, sizeof(looking->path), "%s", change->path);
}

enum conflict conflict_find(const struct layer_stack *stack, const struct change *change,
			    const struct found *below, struct timespec born)
{
	bool whole = change->kind == CHANGE_DELETED || (change->what & WHAT_KIND) != 0;
	struct looking looking;

	if (!below->on_host || !below->present)
		return CONFLICT_NONE;
	look(&looking, stack, change, born);
	if (!S_ISDIR(below->facts.mode) || whole ||
	    (change->what & (WHAT_MODE | WHAT_OWNER | WHAT_ATTRIBUTES)) != 0) {
		if (is_other(&looking, below->place, &below->facts))
			return CONFLICT_CHANGED;
	}
	if (S_ISDIR(below->facts.mode) && whole &&
	    tree_is_other(&looking, below->place.dir_fd, below->place.name, 0))
		return CONFLICT_CHANGED;
	return CONFLICT_NONE;
}

enum conflict conflict_missing(const struct layer_stack *stack, const struct change *change,
			       const struct found *box, const struct realm *realm)
{
	const struct layer_view *view = &stack->views[change->view];
	const struct known_entry *entry = known_find(&stack->known, view->name, change->path);

	if (entry != NULL)
		return entry->kind == KNOWN_NOTHING ? CONFLICT_NONE : CONFLICT_GONE;
	if (!change->copied)
		return CONFLICT_NONE;
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
