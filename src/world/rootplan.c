/* SPDX-License-Identifier: Apache-2.0 */
#include "world/rootplan.h"

#include "base/own.h"
#include "sys/sys.h"
#include "world/pieces.h"
#include "world/view.h"

#include <assert.h>
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct maker {
	struct root_plan plan;
	struct views views;
	const struct host_mounts *mounts;
	const struct root_options *options;
	struct cloche_err *err;
	bool listing; /* what is added is an entry of a directory */
};

static int no_memory(struct maker *m)
{
	return err_set(m->err, -ENOMEM, "out of memory");
}

static int push_piece(struct maker *m, struct piece piece, const char *guest, const char *host)
{
	piece.listed = m->listing;
	return pieces_push(&m->plan, m->err, piece, guest, host);
}

/* The innermost piece, where there is one for sure: the root is the first. */
static struct piece *piece_of(struct maker *m, const char *guest)
{
	struct piece *piece = pieces_find(&m->plan, guest);

	assert(piece != NULL);
	return piece;
}

/* 1: the host has the path, as the wanted kind; 0: it has not. */
static int host_has(struct maker *m, const char *host, const char *path, bool is_dir)
{
	char full[PATH_MAX];
	struct stat st;

	path_join(full, host, path);
	int r = sys_fstatat(AT_FDCWD, full, &st, AT_SYMLINK_NOFOLLOW);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_set(m->err, r, "'%s': %s", full, errno_text(r));
	if (S_ISDIR(st.st_mode) != is_dir)
		return err_set(m->err, -ENOTDIR, "'%s' is %s, it cannot be the place of %s", full,
			       S_ISDIR(st.st_mode) ? "a directory" : "no directory",
			       is_dir ? "a directory" : "a file");
	return 1;
}

/* The same of what a piece shows. One that leaves out what is mounted below its directory has the
 * mount points themselves, but nothing that is seen in them. */
static int piece_has(struct maker *m, const struct piece *piece, const char *path, bool is_dir)
{
	char full[PATH_MAX];

	path_join(full, piece->host, path);
	if (!piece->recursive && host_mounts_between(m->mounts, piece->host, full))
		return 0;
	return host_has(m, piece->host, path, is_dir);
}

/* What is mounted inside a directory that the guest may write to lies over an inode: with a
 * directory above it renamed it goes along, and the next box would look for it in vain. Nobody
 * renames a mount point, so these directories become some. */
static int pin_parents(struct maker *m, const char *guest)
{
	const struct piece *piece = piece_of(m, guest);
	const struct piece pin = {
		.kind = PIECE_WRITE, .is_dir = true, .recursive = true, .origin = piece->origin};
	size_t base = (size_t)(path_under(guest, piece->guest) - guest);
	_own_(freep) char *source = strdup(piece->host);
	_own_(freep) char *path = strdup(guest);
	char host[PATH_MAX];
	int r = 0;

	if (source == NULL || path == NULL)
		return no_memory(m);
	const char *rest = path + base;
	for (char *end = strchr(path + base, '/'); end != NULL && r == 0;
	     end = strchr(end + 1, '/')) {
		*end = '\0';
		path_join(host, source, rest);
		r = push_piece(m, pin, path, host);
		*end = '/';
	}
	return r;
}

/* The view of something of the host that the path lies in. */
static const struct view *view_around(const struct maker *m, const char *guest)
{
	const struct view *best = NULL;

	for (size_t i = 0; i < m->views.count; i++) {
		const struct view *view = &m->views.list[i];

		if (path_below(guest, view->guest) && strcmp(guest, view->guest) != 0)
			best = view;
	}
	return best == NULL || best->class == PATH_HIDE || best->class == PATH_PRIVATE ? NULL
										       : best;
}

/* Makes sure that something can be mounted at `guest`. */
static int need_point(struct maker *m, const char *guest, bool is_dir)
{
	struct piece *piece = pieces_find(&m->plan, guest);

	/* The root itself, before there is a piece. */
	if (piece == NULL || strcmp(piece->guest, guest) == 0)
		return 0;
	const char *path = path_under(guest, piece->guest);
	/* A skeleton shows what is on the host, and has no host directory of its own. */
	const struct view *view = piece->host != NULL ? NULL : view_around(m, guest);
	int r = piece->host != NULL ? piece_has(m, piece, path, is_dir)
		: view == NULL	    ? 0
			       : host_has(m, view->host, path_under(guest, view->guest), is_dir);
	if (view != NULL && r > 0)
		r = 0; /* It is not there yet all the same. */
	if (r != 0)
		return r > 0 && piece->kind == PIECE_WRITE ? pin_parents(m, guest) : r < 0 ? r : 0;
	if (piece->kind == PIECE_WRITE)
		return err_set(
			m->err, -ENOENT,
			"'%s' does not exist in '%s', which is shown for writing: make it there "
			"first",
			guest, piece->host);
	return piece_add_stub(m->err, piece, is_dir ? STUB_DIR : STUB_FILE, path, NULL,
			      is_dir ? 0755 : 0644);
}

/* A user namespace's overlay copies up only what belongs to ids that it has: below somebody else's
 * directory (/home, /tmp) nothing could be made. A copy that is named there gets its own overlay.
 */
static bool needs_own_layer(const struct maker *m, const struct view *view,
			    const struct view *around)
{
	char path[PATH_MAX];
	struct stat st;

	if (m->options->rooted || view->class != PATH_COPY || !view->is_dir)
		return false;
	(void)snprintf(path, sizeof(path), "%s", view->host);
	while (strlen(path) > strlen(around->host) && path[1] != '\0') {
		char *slash = strrchr(path, '/');

		if (sys_fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return false;
		if (st.st_uid != geteuid() || st.st_gid != getegid())
			return true;
		slash[slash == path ? 1 : 0] = '\0';
	}
	return false;
}

/* A directory that is named as `read` is the host's own, also where the tree around it needs an
 * overlay for what it hides: so its names are found at the host's speed, and what SECURITY.md says
 * of its sockets holds wherever it lies. */
static bool is_own_directory(const struct view *view)
{
	return view->class == PATH_READ && view->is_dir;
}

/* Whether the view shows nothing but what the one around it shows there already. */
static bool is_more_of_the_same(const struct maker *m, const struct view *view,
				const struct view *around)
{
	char expected[PATH_MAX];

	if (around == NULL || around->class != view->class || is_own_directory(view) ||
	    needs_own_layer(m, view, around))
		return false;
	path_join(expected, around->host, path_under(view->guest, around->guest));
	return strcmp(expected, view->host) == 0;
}

/* A view at exactly this path that gets pieces of its own. */
static const struct view *other_view_at(const struct maker *m, const char *guest)
{
	for (size_t i = 0; i < m->views.count; i++) {
		const struct view *view = &m->views.list[i];

		if (strcmp(view->guest, guest) == 0)
			return is_more_of_the_same(m, view, views_find(&m->views, i, guest)) ? NULL
											     : view;
	}
	return NULL;
}

/* /proc, /dev and /sys are made by the world itself. */
static bool is_reserved(const char *guest)
{
	return path_below(guest, "/proc") || path_below(guest, "/dev") || path_below(guest, "/sys");
}

static int add_tree(struct maker *m, const struct view *view, const char *host, const char *guest);

static int add_entry(struct maker *m, const struct view *view, const char *host, const char *guest,
		     const char *name)
{
	char host_path[PATH_MAX];
	char guest_path[PATH_MAX];
	char target[PATH_MAX];
	struct stat st;

	path_join(host_path, host, name);
	path_join(guest_path, guest, name);
	int r = sys_fstatat(AT_FDCWD, host_path, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
	if (r < 0)
		return 0; /* It went away, or is a mount that does not answer. */
	struct piece *piece = piece_of(m, guest_path);
	const char *path = path_under(guest_path, piece->guest);
	if (*path == '\0')
		return 0; /* It is there by another view already. */
	const struct view *other = other_view_at(m, guest_path);
	if (other != NULL && other->class == PATH_HIDE)
		return 0; /* It is not even a name. */
	if (S_ISLNK(st.st_mode)) {
		ssize_t n = sys_readlinkat(AT_FDCWD, host_path, target, sizeof(target) - 1);
		if (n < 0)
			return 0;
		target[n] = '\0';
		return piece_add_stub(m->err, piece, STUB_SYMLINK, path, target, 0);
	}
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return 0;
	bool is_dir = S_ISDIR(st.st_mode);
	bool readable = sys_faccessat(AT_FDCWD, host_path, is_dir ? R_OK | X_OK : R_OK) == 0;
	r = piece_add_stub(m->err, piece, is_dir ? STUB_DIR : STUB_FILE, path, NULL,
			   readable ? st.st_mode & 01777 : 0);
	if (r < 0 || !readable || is_reserved(guest_path) || other != NULL)
		return r;
	if (is_dir)
		return add_tree(m, view, host_path, guest_path);
	return push_piece(m, (struct piece){.kind = PIECE_READ, .origin = view->origin}, guest_path,
			  host_path);
}

static bool is_empty_dir(const char *path)
{
	_own_(closedirp) DIR *dir = opendir(path);
	const struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return false;
	}
	return dir != NULL;
}

/* A directory with mounts below it, entry by entry. */
static int add_skeleton(struct maker *m, const struct view *view, const char *host,
			const char *guest)
{
	struct piece *around = strcmp(guest, "/") == 0 ? NULL : piece_of(m, guest);
	int r = 0;

	/* Inside another skeleton its mask is the place for this one's stubs too. */
	if (around == NULL || around->host != NULL)
		r = push_piece(m,
			       (struct piece){.kind = view->class == PATH_COPY ? PIECE_OVERLAY
									       : PIECE_OVERLAY_READ,
					      .is_dir = true,
					      .origin = view->origin},
			       guest, NULL);
	if (r < 0)
		return r;
	_own_(closedirp) DIR *dir = opendir(host);
	if (dir == NULL)
		return 0; /* Not readable for the caller: empty for the guest. */
	const struct dirent *entry;
	bool listing = m->listing;
	m->listing = true;
	while (r == 0 && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = add_entry(m, view, host, guest, entry->d_name);
	}
	m->listing = listing;
	return r;
}

/* Whether this is the view that shows what is at `guest`: the innermost one, or one around it that
 * shows the same. */
static bool shows(const struct maker *m, const struct view *view, const char *guest)
{
	const struct view *inner = views_find(&m->views, m->views.count, guest);

	while (inner != NULL && inner != view) {
		size_t index = (size_t)(inner - m->views.list);
		const struct view *around = views_find(&m->views, index, inner->guest);

		if (!is_more_of_the_same(m, inner, around))
			return false;
		inner = around;
	}
	return inner == view;
}

/* Each mount below, as a piece of its own; what a mount point covers stays covered. */
static int add_mounts_below(struct maker *m, const struct view *view, const char *host,
			    const char *guest)
{
	for (size_t i = 0; i < m->mounts->count; i++) {
		const struct host_mount *mount = &m->mounts->list[i];
		char guest_path[PATH_MAX];
		struct stat st;

		if (!path_below(mount->path, host) || strcmp(mount->path, host) == 0 ||
		    host_mounts_are_pseudo(m->mounts, mount->path))
			continue;
		path_join(guest_path, guest, path_under(mount->path, host));
		if (is_reserved(guest_path) || !shows(m, view, guest_path) ||
		    sys_fstatat(AT_FDCWD, mount->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		struct piece piece = {
			.kind = view->class == PATH_COPY ? PIECE_OVERLAY : PIECE_READ,
			.is_dir = S_ISDIR(st.st_mode),
			.origin = view->origin,
		};
		if (!piece.is_dir)
			piece.kind = PIECE_READ;
		int r = need_point(m, guest_path, piece.is_dir);
		if (r == 0)
			r = push_piece(m, piece, guest_path, mount->path);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A host directory, copied or read. */
static int add_tree(struct maker *m, const struct view *view, const char *host, const char *guest)
{
	bool is_root = strcmp(guest, "/") == 0;

	if (host_mounts_are_pseudo(m->mounts, host))
		return 0;
	if (!m->options->rooted && host_mounts_below(m->mounts, host))
		return add_skeleton(m, view, host, guest);
	/* What is empty needs no layer where a skeleton is around it already. */
	struct piece *around = is_root ? NULL : piece_of(m, guest);
	if (around != NULL && around->host == NULL && around->kind == PIECE_OVERLAY &&
	    is_empty_dir(host))
		return 0;
	struct piece piece = {
		.kind = view->class == PATH_COPY ? PIECE_OVERLAY : PIECE_READ,
		.is_dir = true,
		.origin = view->origin,
	};
	int r = push_piece(m, piece, guest, host);
	return r == 0 && m->options->rooted ? add_mounts_below(m, view, host, guest) : r;
}

static int add_file(struct maker *m, const struct view *view)
{
	struct piece piece = {.kind = PIECE_READ, .origin = view->origin};

	if (view->class == PATH_COPY)
		piece.kind = PIECE_FILE_COPY;
	int r = need_point(m, view->guest, false);
	return r < 0 ? r : push_piece(m, piece, view->guest, view->host);
}

static int add_hidden(struct maker *m, const struct view *view, const struct view *around)
{
	struct piece *piece = piece_of(m, view->guest);
	const char *path = path_under(view->guest, piece->guest);
	bool inner = false;

	if (around == NULL || around->class == PATH_PRIVATE || around->class == PATH_HIDE ||
	    !view->exists)
		return 0;
	for (size_t i = 0; i < m->views.count; i++)
		inner |= m->views.list[i].class != PATH_HIDE &&
			 path_below(m->views.list[i].guest, view->guest);
	bool covered = piece->kind == PIECE_WRITE || !piece->is_dir || *path == '\0' ||
		       (inner && view->is_dir);
	if (!covered)
		return piece_add_stub(m->err, piece, STUB_WHITEOUT, path, NULL, 0);
	int r = need_point(m, view->guest, view->is_dir);
	if (r < 0)
		return r;
	if (inner && view->is_dir)
		return push_piece(m,
				  (struct piece){.kind = PIECE_PRIVATE,
						 .is_dir = true,
						 .mode = 0755,
						 .origin = view->origin},
				  view->guest, NULL);
	return push_piece(
		m,
		(struct piece){.kind = PIECE_COVER, .is_dir = view->is_dir, .origin = view->origin},
		view->guest, NULL);
}

static int add_private(struct maker *m, const struct view *view)
{
	struct stat st;
	mode_t mode = 0755;

	if (view->exists && !view->is_dir)
		return err_set(m->err, -ENOTDIR,
			       "%s: '%s' is no directory; only directories can be private",
			       view->origin, view->guest);
	if (sys_fstatat(AT_FDCWD, view->host, &st, AT_SYMLINK_NOFOLLOW) == 0)
		mode = st.st_mode & 01777;
	int r = need_point(m, view->guest, true);
	return r < 0 ? r
		     : push_piece(m,
				  (struct piece){.kind = PIECE_PRIVATE,
						 .is_dir = true,
						 .mode = mode,
						 .origin = view->origin},
				  view->guest, NULL);
}

static int add_view(struct maker *m, size_t index)
{
	const struct view *view = &m->views.list[index];
	const struct view *around = views_find(&m->views, index, view->guest);

	if (is_reserved(view->guest))
		return err_set(m->err, -EINVAL, "%s: '%s': /proc, /dev and /sys are made by cloche",
			       view->origin, view->guest);
	if (view->class == PATH_HIDE)
		return add_hidden(m, view, around);
	if (view->class == PATH_PRIVATE)
		return add_private(m, view);
	if (is_more_of_the_same(m, view, around))
		return 0;
	if (!view->is_dir && view->class != PATH_WRITE)
		return add_file(m, view);
	int r = need_point(m, view->guest, view->is_dir);
	if (r < 0)
		return r;
	if (view->class == PATH_WRITE)
		return push_piece(m,
				  (struct piece){.kind = PIECE_WRITE,
						 .is_dir = view->is_dir,
						 .recursive = true,
						 .origin = view->origin},
				  view->guest, view->host);
	return add_tree(m, view, view->host, view->guest);
}

/* A symlink that a rule's path leads through, where no piece shows it by itself. */
static int add_link(struct maker *m, const struct view_link *link)
{
	struct piece *piece = piece_of(m, link->path);
	const char *path = path_under(link->path, piece->guest);
	char full[PATH_MAX];
	struct stat st;

	if (*path == '\0' || piece->kind == PIECE_WRITE || piece->kind == PIECE_PRIVATE)
		return 0;
	if (piece->host != NULL) {
		path_join(full, piece->host, path);
		if (sys_fstatat(AT_FDCWD, full, &st, AT_SYMLINK_NOFOLLOW) == 0)
			return 0;
	}
	return piece_add_stub(m->err, piece, STUB_SYMLINK, path, link->target, 0);
}

/* "write" of the root comes with all that is mounted below it: the host's /sys, its control groups
 * among it, would be there. */
static int empty_sys(struct maker *m)
{
	if (piece_of(m, "/sys")->kind != PIECE_WRITE)
		return 0;
	return push_piece(
		m,
		(struct piece){
			.kind = PIECE_PRIVATE, .is_dir = true, .mode = 0555, .origin = "world"},
		"/sys", NULL);
}

static int make(struct maker *m)
{
	static const char *const own[] = {"/proc", "/dev", "/sys"};
	int r = 0;

	/* A root that is hidden is one that no rule shows. */
	if (m->views.count == 0 || strcmp(m->views.list[0].guest, "/") != 0 ||
	    m->views.list[0].class == PATH_HIDE)
		r = push_piece(m,
			       (struct piece){.kind = PIECE_OVERLAY_READ,
					      .is_dir = true,
					      .origin = "world"},
			       "/", NULL);
	for (size_t i = 0; i < m->views.count && r == 0; i++)
		r = add_view(m, i);
	for (size_t i = 0; i < ARRAY_LENGTH(own) && r == 0; i++)
		r = need_point(m, own[i], true);
	if (r == 0)
		r = empty_sys(m);
	for (size_t i = 0; i < m->views.link_count && r == 0; i++)
		r = add_link(m, &m->views.links[i]);
	return r;
}

int root_plan_make(struct root_plan *ret_plan, const struct policy *policy,
		   const struct host_mounts *mounts, const struct root_options *options,
		   struct cloche_err *err)
{
	struct maker m = {.mounts = mounts, .options = options, .err = err};
	int r = views_make(&m.views, policy, options->net_host, options->store, err);

	if (r < 0)
		return r;
	r = make(&m);
	views_done(&m.views);
	if (r < 0)
		root_plan_done(&m.plan);
	else
		*ret_plan = m.plan;
	return r;
}
