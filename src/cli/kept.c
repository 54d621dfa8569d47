/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/kept.h"

#include "base/own.h"
#include "box/committed.h"
#include "cli/command.h"
#include "policy/policy.h"
#include "sys/sys.h"
#include "windows/base.h"
#include "world/identity.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* gcc 12's analyzer takes what has a destructor for not initialised where its block is entered
 * again. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wanalyzer-use-of-uninitialized-value"
#endif

static void tell_recovered(const char *name, bool finished, const char *lost)
{
	(void)fprintf(stderr, "cloche: the commit of box '%s' that was interrupted was %s%s%s\n",
		      name, finished ? "finished" : "taken back", lost[0] != '\0' ? "; " : "",
		      lost);
}

void kept_recover(const struct store *store)
{
	(void)commit_recover(store->fd, tell_recovered, &(struct cloche_err){0});
}

int kept_recover_box(const struct store *store, const char *name, struct cloche_err *err)
{
	return box_name_valid(name) ? commit_recover_box(store->fd, name, tell_recovered, err) : 0;
}

int kept_open(struct kept *ret_kept, const char *name, enum store_access access, const char *since,
	      struct cloche_err *err)
{
	struct kept kept = {0};
	struct identity caller;
	int r = identity_resolve(&caller, NULL, err);

	if (r == 0)
		r = layer_own_all(err);
	if (r < 0)
		return r;
	*ret_kept = kept;
	/* The box keeps a pointer to the store. */
	r = store_open(&ret_kept->store, caller.caller_home, caller.rooted, err);
	ret_kept->store_is_open = r == 0;
	/* What another box is stuck with is no reason against this one. */
	if (r == 0)
		kept_recover(&ret_kept->store);
	if (r == 0)
		r = kept_recover_box(&ret_kept->store, name, err);
	if (r == 0)
		r = store_box_open(&ret_kept->box, &ret_kept->store, name, access, err);
	ret_kept->box_is_open = r == 0;
	if (r == 0)
		r = layer_stack_open(&ret_kept->stack, &ret_kept->box, since, err);
	if (r == 0 && base_renew(&ret_kept->stack) == 1)
		(void)fprintf(
			stderr,
			"cloche: box '%s': the template that C: and the registry began as is "
			"gone (cloche windows setup --refresh); they are held against the new "
			"one, and what it has otherwise shows, too\n",
			name);
	/* Every owner would be another one. */
	if (r == 0 && ret_kept->stack.rooted && ret_kept->stack.id_base == 0 &&
	    ret_kept->stack.view_count > 0)
		r = err_set(err, -EIO, "box '%s': its file 'ids' cannot be read", name);
	if (r == 0)
		r = diff_make(&ret_kept->changes, &ret_kept->stack, since != NULL, err);
	if (r == 0)
		r = committed_settle(ret_kept->box.fd, &ret_kept->changes, err);
	if (r < 0)
		kept_done(ret_kept);
	return r;
}

void kept_done(struct kept *kept)
{
	changes_done(&kept->changes);
	layer_stack_done(&kept->stack);
	if (kept->box_is_open)
		store_box_close(&kept->box);
	if (kept->store_is_open)
		store_close(&kept->store);
	kept->box_is_open = kept->store_is_open = false;
}

int choice_add(struct choice *choice, const char *argument, struct cloche_err *err)
{
	struct policy_context context;
	_own_(freep) char *clean = NULL;

	_own_(freep) char *cwd = getcwd(NULL, 0);

	/* Without it nobody knows what is meant, and it is not the root. */
	if (argument[0] != '/' && argument[0] != '~' && (cwd == NULL || cwd[0] != '/'))
		return err_set(err, -ENOENT, "'%s': the current directory has no name", argument);
	policy_context_here(&context);
	context.cwd = cwd != NULL ? cwd : "/";
	int r = path_clean(argument, &context, &clean);
	if (r < 0)
		return err_set(err, r, "'%s': %s", argument, errno_text(r));
	char **paths = realloc(choice->paths, (choice->count + 1) * sizeof(*paths));
	if (paths == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	choice->paths = paths;
	paths[choice->count++] = TAKE(clean);
	return 0;
}

int choice_make(struct choice *ret_choice, char *const *arguments, struct cloche_err *err)
{
	struct choice choice = {0};
	int r = 0;

	for (; *arguments != NULL && r == 0; arguments++)
		r = choice_add(&choice, *arguments, err);
	if (r < 0)
		choice_done(&choice);
	else
		*ret_choice = choice;
	return r;
}

void choice_done(struct choice *choice)
{
	for (size_t i = 0; i < choice->count; i++)
		free(choice->paths[i]);
	free(choice->paths);
	*choice = (struct choice){0};
}

bool choice_has(const struct choice *choice, const char *path)
{
	for (size_t i = 0; i < choice->count; i++) {
		if (path_below(path, choice->paths[i]))
			return true;
	}
	return false;
}

static bool is_about(const char *path, const struct changes *changes, bool with_private)
{
	char changed[2 * PATH_MAX];

	for (size_t i = 0; i < changes->count; i++) {
		if ((with_private || !change_is_private(changes, &changes->list[i])) &&
		    change_path(changes, &changes->list[i], changed, sizeof(changed)) > 0 &&
		    (path_below(changed, path) ||
		     (changes->list[i].kind == CHANGE_DELETED && path_below(path, changed))))
			return true;
	}
	return false;
}

const char *choice_missed(const struct choice *choice, const struct changes *changes,
			  bool with_private)
{
	for (size_t i = 0; i < choice->count; i++) {
		if (!is_about(choice->paths[i], changes, with_private))
			return choice->paths[i];
	}
	return NULL;
}

const char *kind_word(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "symlink";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	default:
		return "device";
	}
}

char change_letter(const struct change *change)
{
	if (change->moved_from != NULL)
		return 'R';
	switch (change->kind) {
	case CHANGE_ADDED:
		return change->link_to != NULL ? 'L' : 'A';
	case CHANGE_CHANGED:
		return 'M';
	case CHANGE_DELETED:
		break;
	}
	return 'D';
}

static const char *const conflicts[] = {
	[CONFLICT_CHANGED] = "the host's has changed since",
	[CONFLICT_GONE] = "the host's was removed since",
	[CONFLICT_HIDDEN] = "the host has one that the box was not shown",
};

/* What the letter does not say. */
static void add_details(struct buf *out, const struct change *change, bool is_private)
{
	const char *before = "  ";
	mode_t mode = change->kind == CHANGE_DELETED ? change->below.mode : change->box.mode;

	if (!S_ISREG(mode) && !S_ISDIR(mode)) {
		(void)buf_format(out, "%s%s", before, kind_word(mode));
		before = ", ";
	}
	for (unsigned i = 0; i < WHAT_COUNT && change->kind == CHANGE_CHANGED; i++) {
		if ((change->what & 1U << i) == 0)
			continue;
		(void)buf_format(out, "%s%s", before, what_names[i]);
		if (1U << i == WHAT_MODE)
			(void)buf_format(out, " %04o -> %04o", (unsigned)change->below.mode & 07777,
					 (unsigned)change->box.mode & 07777);
		if (1U << i == WHAT_KIND)
			(void)buf_format(out, " %s -> %s", kind_word(change->below.mode),
					 kind_word(change->box.mode));
		if (1U << i == WHAT_OWNER)
			(void)buf_format(out, " %u:%u -> %u:%u", change->below.uid,
					 change->below.gid, change->box.uid, change->box.gid);
		before = ", ";
	}
	if (change->conflict != CONFLICT_NONE)
		(void)buf_format(out, "%sconflict: %s", before, conflicts[change->conflict]);
	if (change->forged)
		(void)buf_format(out, "%sforged marks", change->conflict != 0 ? ", " : before);
	if (change->too_deep)
		(void)buf_format(out, "%stoo deep: not looked into", before);
	else if (change->unsteady)
		(void)buf_format(out, "%schanges while it is looked at", before);
	else if (is_private)
		(void)buf_format(out, "%sprivate", before);
}

void change_line(struct buf *out, const struct changes *changes, const struct change *change)
{
	char path[2 * PATH_MAX];
	struct change other = {.view = change->view};
	mode_t mode = change->kind == CHANGE_DELETED ? change->below.mode : change->box.mode;
	int n = change_path(changes, change, path, sizeof(path));

	(void)buf_format(out, "%c ", change_letter(change));
	(void)buf_escaped(out, path, n < 0 ? 0 : (size_t)n);
	if (S_ISDIR(mode) && strcmp(path, "/") != 0)
		(void)buf_text(out, "/");
	other.path = change->moved_from != NULL ? change->moved_from : change->link_to;
	if (other.path != NULL) {
		n = change_path(changes, &other, path, sizeof(path));
		(void)buf_text(out, change->moved_from != NULL ? "  from " : "  same file as ");
		(void)buf_escaped(out, path, n < 0 ? 0 : (size_t)n);
	}
	add_details(out, change, change_is_private(changes, change));
}
