/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan: which of the layer's names may go.
 */
#include "box/leave.h"

#include "base/own.h"
#include "box/tree.h"
#include "sys/sys.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct file {
	dev_t dev;
	uint64_t ino;
	uint32_t nlink;
	size_t index; /* of the change */
};

struct plan {
	const struct changes *changes;
	const bool *chosen;
	bool *leaves; /* owned: one a change */
};

static const struct layer_view *view_of(const struct plan *plan, size_t index)
{
	return &plan->changes->stack->views[plan->changes->list[index].view];
}

static struct realm realm_of(const struct plan *plan)
{
	const struct layer_stack *stack = plan->changes->stack;

	return (struct realm){true, stack->rooted, stack->id_base};
}

/* Does a layer have something at the path, or hide at or around it what lies below? Its own
 * directories in which all shows through do not count, but the last. */
static bool layer_covers(int layer_fd, const char *path, const struct realm *realm)
{
	char part[PATH_MAX];
	const char *end = path;

	while (*end != '\0') {
		struct facts facts;

		end += *end == '/';
		end += strcspn(end, "/");
		(void)snprintf(part, sizeof(part), "%.*s", (int)(end - path), path);
		const char *slash = strrchr(part, '/');
		const char *name = slash == NULL ? part : slash + 1;
		char parent[PATH_MAX] = ".";
		if (slash != NULL)
			(void)snprintf(parent, sizeof(parent), "%.*s", (int)(slash - part), part);
		_own_(closep) int fd =
			sys_openat2(layer_fd, parent, O_PATH | O_DIRECTORY | O_NOFOLLOW,
				    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
		int r = fd < 0 ? fd : facts_read(&facts, (struct place){fd, name}, realm);

		if (r == -ENOENT)
			return false;
		if (r < 0 || *end == '\0' || !S_ISDIR(facts.mode) ||
		    mark_is((struct place){fd, name}, realm, "opaque", 'y'))
			return true;
	}
	return false;
}

/* Does a directory around the path hide the host's, in the top layer? */
static bool is_cut(int layer_fd, const char *path, const struct realm *realm)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return false;
	(void)snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
	for (char *end = parent + strlen(parent); end != NULL; end = strrchr(parent, '/')) {
		*end = '\0';
		_own_(closep) int fd =
			sys_openat2(layer_fd, parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
				    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);

		if (fd < 0 || mark_is((struct place){fd, ""}, realm, "opaque", 'y'))
			return true;
	}
	return false;
}

static bool is_at_or_below(const char *path, const char *top)
{
	size_t length = strlen(top);

	return strncmp(path, top, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

/* Without it something that was hidden would be hidden again. */
static bool is_about_hidden(const struct plan *plan, const struct change *change)
{
	const struct layer_stack *stack = plan->changes->stack;
	char path[2 * PATH_MAX];

	if (stack->hidden_count > 0 && change_path(plan->changes, change, path, sizeof(path)) < 0)
		return true;
	for (size_t i = 0; i < stack->hidden_count; i++) {
		if (is_at_or_below(path, stack->hidden[i]) ||
		    is_at_or_below(stack->hidden[i], path))
			return true;
	}
	return false;
}

/* What the box has there, or has removed, is in the top layer's directory under its name. */
static bool is_in_top(const struct plan *plan, const struct change *change)
{
	const struct layer_view *view = &plan->changes->stack->views[change->view];
	const struct realm realm = realm_of(plan);
	const char *slash = strrchr(change->path, '/');
	char parent[PATH_MAX] = ".";
	struct facts facts;

	if (change->kind != CHANGE_DELETED)
		return change->layer == 0;
	if (slash != NULL)
		(void)snprintf(parent, sizeof(parent), "%.*s", (int)(slash - change->path),
			       change->path);
	_own_(closep) int fd =
		sys_openat2(view->fds[0], parent, O_PATH | O_DIRECTORY | O_NOFOLLOW,
			    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	const struct place place = {fd, slash == NULL ? change->path : slash + 1};
	return fd >= 0 && facts_read(&facts, place, &realm) == 0 && S_ISCHR(facts.mode) &&
	       facts.rdev == 0;
}

static bool may_leave(const struct plan *plan, size_t index)
{
	const struct change *change = &plan->changes->list[index];
	const struct layer_view *view = view_of(plan, index);
	const struct realm realm = realm_of(plan);

	if (!plan->chosen[index] || !view->in_top || is_about_hidden(plan, change))
		return false;
	if (view->kind == LAYER_FILE)
		return view->fd_count == 1;
	if (view->kind != LAYER_TREE || change->path[0] == '\0' || !is_in_top(plan, change) ||
	    is_cut(view->fds[0], change->path, &realm))
		return false;
	for (size_t i = 1; i < view->fd_count; i++) {
		if (layer_covers(view->fds[i], change->path, &realm))
			return false;
	}
	return true;
}

static bool is_in(const struct change *top, const struct change *change)
{
	size_t length = strlen(top->path);

	return top->view == change->view && strncmp(top->path, change->path, length) == 0 &&
	       change->path[length] == '/';
}

static bool is_opaque(const struct plan *plan, const struct change *change)
{
	const struct realm realm = realm_of(plan);
	const char *name;

	if (change->kind == CHANGE_DELETED || !S_ISDIR(change->box.mode))
		return false;
	_own_(closep) int fd = change_open_parent(plan->changes, change, false, &name);
	return fd >= 0 && mark_is((struct place){fd, name}, &realm, "opaque", 'y');
}

/* The number of changes in the directory; *ret_whole: all of them are committed, and none is one
 * name of several. */
static size_t look_into(const struct plan *plan, size_t top, bool *ret_whole)
{
	const struct changes *changes = plan->changes;
	size_t count = 0;

	*ret_whole = true;
	for (size_t i = top + 1;
	     i < changes->count && is_in(&changes->list[top], &changes->list[i]); i++, count++) {
		const struct change *change = &changes->list[i];

		*ret_whole &=
			plan->chosen[i] && (change->kind == CHANGE_DELETED ||
					    S_ISDIR(change->box.mode) || change->box.nlink == 1);
	}
	return count;
}

static int by_inode(const void *a, const void *b)
{
	const struct file *x = a;
	const struct file *y = b;

	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return x->dev < y->dev ? -1 : x->dev > y->dev;
}

/* What is left of a file with several names would be another one. */
static int keep_links(struct plan *plan)
{
	const struct changes *changes = plan->changes;
	size_t count = 0;
	_own_(freep) struct file *files = calloc(changes->count + 1, sizeof(*files));

	if (files == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < changes->count; i++) {
		const struct facts *box = &changes->list[i].box;

		if (plan->leaves[i] && changes->list[i].kind != CHANGE_DELETED &&
		    !S_ISDIR(box->mode) && box->nlink > 1)
			files[count++] = (struct file){box->dev, box->ino, box->nlink, i};
	}
	qsort(files, count, sizeof(*files), by_inode);
	for (size_t i = 0, end; i < count; i = end) {
		end = i + 1;
		while (end < count && by_inode(&files[i], &files[end]) == 0)
			end++;
		for (size_t k = i; k < end; k++)
			plan->leaves[files[k].index] = end - i == files[i].nlink;
	}
	return 0;
}

static int add_line(struct buf *lines, const char *word, const struct layer_view *view,
		    const char *path)
{
	(void)buf_format(lines, "%s %s", word, view->name);
	(void)layer_add_field(lines, path);
	return buf_text(lines, "\n");
}

static int add_lines(const struct plan *plan, struct buf *lines)
{
	const struct changes *changes = plan->changes;
	int r = 0;

	for (size_t i = 0; i < changes->count && r == 0; i++) {
		const struct change *change = &changes->list[i];
		bool is_directory = change->kind != CHANGE_DELETED && S_ISDIR(change->box.mode);

		if (!plan->leaves[i])
			continue;
		bool opaque = is_directory && is_opaque(plan, change);
		r = add_line(lines,
			     opaque	    ? "tree"
			     : is_directory ? "directory"
					    : "entry",
			     view_of(plan, i), change->path);
	}
	return r;
}

static int make(struct plan *plan)
{
	const struct changes *changes = plan->changes;

	for (size_t i = 0; i < changes->count; i++) {
		bool whole = false;

		plan->leaves[i] = may_leave(plan, i);
		if (!is_opaque(plan, &changes->list[i]))
			continue;
		/* With all that is in it, which may_leave says cannot leave by itself, or not. */
		size_t inside = look_into(plan, i, &whole);
		plan->leaves[i] = plan->leaves[i] && whole;
		i += inside;
	}
	return keep_links(plan);
}

int leave_plan(struct buf *lines, const struct stored_box *box, const struct changes *changes,
	       const bool *chosen)
{
	static const struct realm of_host;
	struct plan plan = {changes, chosen, calloc(changes->count + 1, sizeof(bool))};
	struct facts run = {0};
	int r = plan.leaves == NULL ? -ENOMEM : make(&plan);

	(void)facts_read(&run, (struct place){box->fd, "running"}, &of_host);
	(void)buf_format(lines, "of %s %s %lld %ld\n", box->stack.id, box->stack.top,
			 (long long)run.mtime.tv_sec, run.mtime.tv_nsec);
	if (r == 0)
		r = add_lines(&plan, lines);
	free(plan.leaves);
	return r;
}
