/* SPDX-License-Identifier: Apache-2.0 */
#include "box/diff.h"

#include "base/own.h"
#include "box/conflict.h"
#include "box/links.h"
#include "box/moves.h"
#include "box/tree.h"
#include "sys/sys.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* gcc 12's analyzer loses track of what arrays own once realloc has moved them; LeakSanitizer does
 * not. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

/* Each level holds descriptors; guests make trees of any depth. */
#define DEPTH_MAX 200
/* So often a name that does not stand still is looked at. */
#define ATTEMPTS 8
/* For everything else that is open. */
#define FDS_KEPT  256U
#define ID_NOBODY 65534U

const char *const what_names[WHAT_COUNT] = {
	"kind", "content", "mode", "owner", "attributes", "links", "time",
};

struct walk {
	struct changes *changes;
	size_t view;
	struct links links;
	char path[PATH_MAX];
	bool since;
	int depth_max; /* as many levels as there are descriptors for */
};

static struct change *push(struct walk *walk)
{
	struct changes *changes = walk->changes;

	if (changes->count == changes->size) {
		size_t size = changes->size == 0 ? 64 : 2 * changes->size;
		struct change *list = realloc(changes->list, size * sizeof(*list));

		if (list == NULL)
			return NULL;
		changes->list = list;
		changes->size = size;
	}
	assert(changes->list != NULL);
	struct change *change = &changes->list[changes->count];
	*change = (struct change){.view = walk->view, .layer = -1, .path = strdup(walk->path)};
	if (change->path == NULL)
		return NULL;
	changes->count++;
	return change;
}

/* Ids above a box's range are shown as nobody's, and can be kept only as that. */
static bool same_id(uint32_t box, uint32_t below)
{
	return box == below || (box == ID_NOBODY && below > UINT16_MAX);
}

static unsigned compare_facts(const struct facts *box, const struct facts *below)
{
	unsigned what = 0;

	if (((box->mode ^ below->mode) & 07777) != 0)
		what |= WHAT_MODE;
	if (!same_id(box->uid, below->uid) || !same_id(box->gid, below->gid))
		what |= WHAT_OWNER;
	if (!time_equal(box->mtime, below->mtime))
		what |= WHAT_TIME;
	return what;
}

/* 1, 0 or an error. What cannot be read below (the box could not either) is another one. */
static int same_content(const struct found *box, const struct found *below)
{
	if (S_ISLNK(box->facts.mode))
		return target_equal(box->place, below->place);
	if (S_ISCHR(box->facts.mode) || S_ISBLK(box->facts.mode))
		return box->facts.rdev == below->facts.rdev;
	if (!S_ISREG(box->facts.mode))
		return 1;
	if (box->facts.size != below->facts.size)
		return 0;
	_own_(closep) int box_fd = content_open(box->place);
	_own_(closep) int below_fd = content_open(below->place);
	if (box_fd < 0)
		return box_fd;
	return below_fd < 0 ? 0 : content_equal(box_fd, below_fd, box->facts.size);
}

static int same_attributes(const struct walk *walk, const struct found *box,
			   const struct found *below, unsigned *ret_marks)
{
	const struct realm layer = {
		.layer = true,
		.rooted = walk->changes->stack->rooted,
		.id_base = walk->changes->stack->id_base,
	};
	const struct realm host = {0};
	struct attributes a = {0};
	struct attributes b = {0};
	int r = attributes_read(&a, box->place, &layer);

	*ret_marks = a.marks;
	if (r == 0)
		r = attributes_read(&b, below->place, below->on_host ? &host : &layer);
	int same = r == 0 ? attributes_equal(&a, &b) : r == -EACCES ? 0 : r;
	attributes_done(&a);
	attributes_done(&b);
	return same;
}

/* What differs between two that are there, and the box's marks; or an error. */
static int compare(const struct walk *walk, const struct found *box, const struct found *below,
		   unsigned *ret_marks)
{
	const struct facts *b = &box->facts;
	unsigned what = compare_facts(b, &below->facts);
	int same = same_content(box, below);

	if (same < 0)
		return same;
	what |= same == 0 ? WHAT_CONTENT : 0;
	same = same_attributes(walk, box, below, ret_marks);
	if (same < 0)
		return same;
	what |= same == 0 ? WHAT_ATTRIBUTES : 0;
	return (int)what;
}

static int deleted(struct walk *walk, const struct tree *box_tree, const struct found *box,
		   const struct found *below)
{
	struct change *change = push(walk);

	if (change == NULL)
		return -ENOMEM;
	change->kind = CHANGE_DELETED;
	change->below = below->facts;
	change->on_host = below->on_host;
	change->conflict = walk->since ? CONFLICT_NONE
				       : conflict_find(walk->changes->stack, change, below,
						       box->whiteout ? box->born : box_tree->born);
	return 0;
}

/* An earlier name of the same file, and whether that is one with it below as well. */
static int look_for_link(struct walk *walk, const struct found *box, const struct found *below,
			 const char **ret_first, bool *ret_same)
{
	struct link link;

	*ret_first = NULL;
	*ret_same = true;
	if (S_ISDIR(box->facts.mode) || box->facts.nlink < 2)
		return 0;
	int r = links_note(&walk->links, &box->facts, below->present ? &below->facts : NULL,
			   walk->path, &link);
	/* Also where this name is looked at once more. */
	if (r <= 0 || strcmp(link.path, walk->path) == 0)
		return r < 0 ? r : 0;
	*ret_first = link.path;
	*ret_same = below->present && link.below_ino != 0 && link.below_ino == below->facts.ino &&
		    link.below_dev == below->facts.dev;
	return 0;
}

/* What differs from what is there, if anything is, and the box's marks. */
static int look_at(const struct walk *walk, const struct found *box, const struct found *below,
		   const struct realm *realm, unsigned *ret_marks)
{
	bool other = !below->present || ((box->facts.mode ^ below->facts.mode) & S_IFMT) != 0;

	if (!other)
		return compare(walk, box, below, ret_marks);
	int marks = marks_of(box->place, realm);
	if (marks < 0)
		return marks;
	*ret_marks = (unsigned)marks;
	return below->present ? WHAT_KIND : 0;
}

/* Both there, or only the box's. */
static int changed(struct walk *walk, const struct tree *box_tree, const struct found *box,
		   const struct found *below)
{
	const char *first;
	bool same_links;
	int r = look_for_link(walk, box, below, &first, &same_links);
	unsigned marks = 0;
	int what = r < 0 ? r : look_at(walk, box, below, &box_tree->realm, &marks);
	bool is_oldest = box->place.dir_fd == box->oldest.dir_fd &&
			 strcmp(box->place.name, box->oldest.name) == 0;

	if (what < 0)
		return what;
	bool forged = (marks & (MARK_METACOPY | MARK_REDIRECT)) != 0;
	what |= same_links ? 0 : WHAT_LINKS;
	/* The copy in a layer is one of its own, whatever other names the file below has. */
	if (below->present && !S_ISDIR(below->facts.mode) && below->facts.nlink > 1 &&
	    below->facts.nlink != box->facts.nlink)
		what |= WHAT_LINKS;
	if (below->present && what == 0 && !forged)
		return 0;
	struct change *change = push(walk);
	if (change == NULL)
		return -ENOMEM;
	change->kind = below->present ? CHANGE_CHANGED : CHANGE_ADDED;
	change->what = (unsigned)what;
	change->box = box->facts;
	change->below = below->facts;
	change->layer = box->layer;
	change->on_host = below->on_host;
	change->forged = forged;
	int oldest = is_oldest ? (int)marks : marks_of(box->oldest, &box_tree->realm);
	change->copied = oldest > 0 && (oldest & MARK_ORIGIN) != 0;
	if (walk->since || change_is_private(walk->changes, change))
		change->conflict = CONFLICT_NONE;
	else if (below->present)
		change->conflict = conflict_find(walk->changes->stack, change, below, box->born);
	else
		change->conflict =
			conflict_missing(walk->changes->stack, change, box, &box_tree->realm);
	if (first != NULL) {
		change->link_to = strdup(first);
		return change->link_to == NULL ? -ENOMEM : 0;
	}
	return 0;
}

static int walk_tree(struct walk *walk, const struct tree *box, const struct tree *below,
		     int depth);

/* What is in it was not looked at, because of its depth or because it does not stand still. */
static int mark_unseen(struct walk *walk, const struct found *box, bool too_deep)
{
	struct changes *changes = walk->changes;
	const struct change *last = changes->count > 0 ? &changes->list[changes->count - 1] : NULL;
	struct change *change =
		last != NULL && last->view == walk->view && strcmp(last->path, walk->path) == 0
			? &changes->list[changes->count - 1]
			: push(walk);

	if (change == NULL)
		return -ENOMEM;
	if (change->layer < 0) {
		change->kind = CHANGE_CHANGED;
		change->box = box->facts;
		change->layer = box->layer;
	}
	change->too_deep = too_deep;
	change->unsteady = !too_deep;
	return 0;
}

/* Another view is mounted there: what this one has below cannot be seen. */
static bool is_other_view(const struct walk *walk)
{
	const struct layer_stack *stack = walk->changes->stack;
	const char *guest = stack->views[walk->view].guest;
	size_t skip = strcmp(guest, "/") == 0 ? 0 : strlen(guest);

	for (size_t i = walk->view + 1; i < stack->view_count; i++) {
		const char *other = stack->views[i].guest;

		if (strncmp(other, guest, skip) == 0 && other[skip] == '/' &&
		    strcmp(other + skip + 1, walk->path) == 0)
			return true;
	}
	return false;
}

/* In a private directory: is one of the paths that no guest has made there, or a directory around
 * one if `around`, where we are? */
static bool is_made_by_us(const struct walk *walk, bool around)
{
	const struct layer_stack *stack = walk->changes->stack;
	const struct layer_view *view = &stack->views[walk->view];
	size_t skip = strlen(view->guest);
	size_t length = strlen(walk->path);

	for (size_t i = 0; view->kind == LAYER_PRIVATE && i < stack->mount_count; i++) {
		const char *path = stack->mounts[i];

		if (strncmp(path, view->guest, skip) == 0 && path[skip] == '/' &&
		    strncmp(path + skip + 1, walk->path, length) == 0 &&
		    path[skip + 1 + length] == (around ? '/' : '\0'))
			return true;
	}
	return false;
}

/* What is below it is not the private directory's. */
static bool is_mount(const struct walk *walk)
{
	return is_made_by_us(walk, false);
}

static bool is_way_to_mount(const struct walk *walk)
{
	return is_made_by_us(walk, true);
}

/* A program that runs may take away or replace what was just found. */
static bool is_fleeting(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -ESTALE || r == -ELOOP || r == -ENXIO ||
	       r == -EINVAL;
}

static int look_into(struct walk *walk, const struct tree *box_tree, const struct tree *below_tree,
		     const char *name, int depth)
{
	struct found box = {0};
	struct found below = {0};
	struct tree inner = {.host_fd = -1};
	struct tree inner_below = {.host_fd = -1, .realm = below_tree->realm};
	size_t length = strlen(walk->path);
	int r = tree_find(box_tree, name, &box);

	if (r == 0)
		r = tree_find(below_tree, name, &below);
	if (r < 0 || (!box.present && !below.present))
		return r;
	if (!box.present)
		return deleted(walk, box_tree, &box, &below);
	if (!is_way_to_mount(walk))
		r = changed(walk, box_tree, &box, &below);
	if (r < 0 || !S_ISDIR(box.facts.mode))
		return r;
	if (depth >= walk->depth_max)
		return mark_unseen(walk, &box, true);
	size_t count = walk->changes->count;
	r = tree_enter(box_tree, name, &box, &inner);
	inner.born = box.born;
	if (r == 0 && below.present && S_ISDIR(below.facts.mode))
		r = tree_enter(below_tree, name, &below, &inner_below);
	if (r == 0)
		r = walk_tree(walk, &inner, &inner_below, depth + 1);
	tree_done(&inner);
	tree_done(&inner_below);
	if (r != -ENAMETOOLONG)
		return r;
	/* There is something in it that no path leads to. */
	changes_cut(walk->changes, count);
	walk->path[length] = '\0';
	return mark_unseen(walk, &box, true);
}

/* One that never stands still is said to be there, and no more. */
static int walk_into(struct walk *walk, const struct tree *box_tree, const struct tree *below_tree,
		     const char *name, int depth)
{
	struct found box = {0};
	size_t count = walk->changes->count;
	size_t length = strlen(walk->path);
	int r = -ESTALE;

	for (int i = 0; i < ATTEMPTS && is_fleeting(r); i++) {
		changes_cut(walk->changes, count);
		walk->path[length] = '\0';
		r = look_into(walk, box_tree, below_tree, name, depth);
	}
	if (!is_fleeting(r))
		return r;
	changes_cut(walk->changes, count);
	walk->path[length] = '\0';
	r = tree_find(box_tree, name, &box);
	return r == 0 && box.present ? mark_unseen(walk, &box, false) : 0;
}

static int walk_tree(struct walk *walk, const struct tree *box, const struct tree *below, int depth)
{
	struct names names = {0};
	size_t length = strlen(walk->path);
	int r = tree_names(box, false, &names);

	if (r == 0 && box->cut)
		r = tree_names(below, true, &names);
	for (size_t i = 0; i < names.count && r == 0; i++) {
		int n = snprintf(walk->path + length, sizeof(walk->path) - length, "%s%s",
				 length > 0 ? "/" : "", names.list[i]);

		if (n >= (int)(sizeof(walk->path) - length)) {
			r = -ENAMETOOLONG;
			break;
		}
		if (!is_other_view(walk) && !is_mount(walk))
			r = walk_into(walk, box, below, names.list[i], depth);
		if (r < 0)
			break;
		walk->path[length] = '\0';
	}
	names_done(&names);
	return r;
}

/* The root of a view was made by us, not copied: its time, attributes and set-id bits are no
 * change. */
static int compare_root(struct walk *walk, const struct tree *box, const struct tree *below)
{
	const struct realm host = {0};
	const struct realm *realm = below->count > 0 ? &below->realm : &host;
	int below_fd = below->count > 0 ? below->fds[0] : below->host_fd;
	struct facts a;
	struct facts b;
	int r = facts_read(&a, (struct place){box->fds[0], ""}, &box->realm);

	if (r < 0 || below_fd < 0)
		return r;
	r = facts_read(&b, (struct place){below_fd, ""}, realm);
	if (r < 0)
		return r;
	a.mode = (a.mode & ~(mode_t)06000) | (b.mode & 06000);
	unsigned what = compare_facts(&a, &b) & WHAT_MODE;
	/* In an ordinary user's box it cannot be anybody else's. */
	if (box->realm.rooted)
		what |= compare_facts(&a, &b) & WHAT_OWNER;
	if (what == 0)
		return 0;
	struct change *change = push(walk);
	if (change == NULL)
		return -ENOMEM;
	*change = (struct change){.kind = CHANGE_CHANGED,
				  .what = what,
				  .path = change->path,
				  .view = walk->view,
				  .box = a,
				  .below = b,
				  .on_host = below->count == 0};
	return 0;
}

static int copy_fds(struct tree *tree, const struct layer_view *view, size_t first, size_t count)
{
	tree->fds = calloc(count + 1, sizeof(*tree->fds));
	tree->layers = calloc(count + 1, sizeof(*tree->layers));
	if (tree->fds == NULL || tree->layers == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		int fd = SYS_RESULT(fcntl(view->fds[first + i], F_DUPFD_CLOEXEC, 3));
		if (fd < 0)
			return fd;
		tree->layers[tree->count] = (int)(first + i);
		tree->fds[tree->count++] = fd;
	}
	return 0;
}

const char *view_host(const struct layer_view *view)
{
	/* A skeleton has the names of what it was put together from. */
	return view->host != NULL ? view->host : view->guest;
}

static int diff_tree(struct walk *walk, const struct layer_view *view)
{
	const struct layer_stack *stack = walk->changes->stack;
	const struct realm realm = {
		.layer = true, .rooted = stack->rooted, .id_base = stack->id_base};
	struct tree box = {.host_fd = -1, .realm = realm};
	struct tree below = {.host_fd = -1, .realm = realm};
	int r = copy_fds(&box, view, 0, view->new_count);

	if (r == 0)
		r = copy_fds(&below, view, view->new_count, view->fd_count - view->new_count);
	if (r == 0 && view->kind == LAYER_TREE) {
		below.host_fd =
			sys_openat2(AT_FDCWD, view_host(view), O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
				    RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
		below.host_fd = below.host_fd < 0 ? -1 : below.host_fd;
	}
	if (r == 0)
		r = compare_root(walk, &box, &below);
	if (r == 0)
		r = walk_tree(walk, &box, &below, 0);
	tree_done(&box);
	tree_done(&below);
	return r;
}

/* A copied file: one name, no marks. */
static int diff_file(struct walk *walk, const struct layer_view *view)
{
	const struct layer_stack *stack = walk->changes->stack;
	const struct tree none = {.host_fd = -1, .realm = {true, stack->rooted, stack->id_base}};
	const struct realm host = {0};
	struct found box = {.present = true, .place = {view->fds[0], ""}};
	struct found below = {.on_host = view->new_count == view->fd_count};
	_own_(closep) int host_fd =
		sys_openat2(AT_FDCWD, view_host(view), O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
	int r = facts_read(&box.facts, box.place, &none.realm);

	if (r < 0)
		return r;
	below.place = (struct place){below.on_host ? host_fd : view->fds[view->new_count], ""};
	box.born = box.facts.born;
	box.oldest = box.place;
	below.present =
		below.place.dir_fd >= 0 &&
		facts_read(&below.facts, below.place, below.on_host ? &host : &none.realm) == 0;
	size_t before = walk->changes->count;
	r = changed(walk, &none, &box, &below);
	/* The copy was made by us: its time says nothing. */
	if (r == 0 && walk->changes->count > before &&
	    walk->changes->list[before].what == WHAT_TIME) {
		free(walk->changes->list[before].path);
		walk->changes->count = before;
	}
	return r;
}

/* Many layers make few levels; a guest may have made both, and the rest of the box is to be seen
 * all the same. */
static int depth_for(const struct layer_stack *stack, const struct layer_view *view)
{
	uint64_t limit = sys_getrlimit_hard(RLIMIT_NOFILE);
	uint64_t used = FDS_KEPT;

	(void)sys_setrlimit(RLIMIT_NOFILE, limit, limit); /* Then there are some already. */
	for (size_t i = 0; i < stack->view_count; i++)
		used += stack->views[i].fd_count;
	uint64_t levels = limit > used ? (limit - used) / (view->fd_count + 2) : 0;
	return levels < DEPTH_MAX ? (int)levels : DEPTH_MAX;
}

int diff_make(struct changes *ret_changes, const struct layer_stack *stack, bool since,
	      struct cloche_err *err)
{
	struct changes changes = {.stack = stack};
	struct walk *walk = calloc(1, sizeof(*walk));
	int r = walk == NULL ? -ENOMEM : 0;

	for (size_t i = 0; i < stack->view_count && r == 0; i++) {
		const struct layer_view *view = &stack->views[i];

		*walk = (struct walk){.changes = &changes,
				      .view = i,
				      .since = since,
				      .depth_max = depth_for(stack, view)};
		if (view->new_count == 0)
			continue;
		r = view->kind == LAYER_FILE ? diff_file(walk, view) : diff_tree(walk, view);
		links_done(&walk->links);
		if (r < 0)
			(void)err_set(err, r, "cannot compare '%s%s%s': %s", view->guest,
				      walk->path[0] != '\0' ? "/" : "", walk->path, errno_text(r));
	}
	free(walk);
	if (r == 0 && !since)
		conflict_settle_hidden(&changes);
	if (r == 0)
		r = moves_find(&changes);
	if (r < 0) {
		changes_done(&changes);
		return err != NULL && err->code < 0 ? r : err_set(err, r, "%s", errno_text(r));
	}
	*ret_changes = changes;
	return 0;
}
