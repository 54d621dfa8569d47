/* SPDX-License-Identifier: Apache-2.0
 *
 * Leaving a layer, carried out: see leave.h.
 */
#include "base/own.h"
#include "box/leave.h"
#include "box/tree.h"
#include "sys/sys.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "leaving"
#define GARBAGE	  "garbage"

static const struct realm of_host;

enum word { WORD_ENTRY, WORD_TREE, WORD_DIRECTORY };

struct leaver {
	enum word word;
	const struct layer_view *view;
	char *path; /* owned */
};

struct leaving {
	const struct layer_stack *stack;
	struct realm realm;
	int layer_fd;	     /* owned */
	struct leaver *list; /* owned */
	size_t count;
};

int leave_begin(int box_fd, const struct buf *lines)
{
	/* Only the first line: nothing leaves. */
	const char *end = strchr(buf_string(lines), '\n');

	return end == NULL || end[1] == '\0'
		       ? 0
		       : sys_replace_file(box_fd, FILE_NAME, buf_string(lines));
}

static int read_text(int box_fd, char **ret_text)
{
	struct stat st;
	_own_(closep) int fd = sys_openat(box_fd, FILE_NAME, O_RDONLY | O_NOFOLLOW);
	int r = fd < 0 ? fd : sys_fstat(fd, &st);

	if (r < 0)
		return r;
	_own_(freep) char *text = malloc((size_t)st.st_size + 1);
	ssize_t n = text == NULL ? -ENOMEM : sys_read_full(fd, text, (size_t)st.st_size);
	if (n < 0 || text == NULL)
		return (int)n;
	text[n] = '\0';
	*ret_text = TAKE(text);
	return 0;
}

/* Has nobody run the box since, or changed what it stands on? */
static bool is_valid(const struct stored_box *box, const char *header)
{
	char expected[256];
	struct facts run = {0};

	(void)facts_read(&run, (struct place){box->fd, "running"}, &of_host);
	(void)snprintf(expected, sizeof(expected), "of %s %s %lld %ld", box->stack.id,
		       box->stack.top, (long long)run.mtime.tv_sec, run.mtime.tv_nsec);
	return strcmp(expected, header) == 0;
}

static const struct layer_view *find_view(const struct layer_stack *stack, const char *name)
{
	for (size_t i = 0; i < stack->view_count; i++) {
		if (strcmp(stack->views[i].name, name) == 0 && stack->views[i].in_top)
			return &stack->views[i];
	}
	return NULL;
}

static int take_line(struct leaving *leaving, char *line)
{
	char path[PATH_MAX];
	char *save = NULL;
	const char *word = strtok_r(line, " ", &save);
	const char *view = strtok_r(NULL, " ", &save);
	const char *field = strtok_r(NULL, " ", &save);
	struct leaver *leaver = &leaving->list[leaving->count];

	if (word == NULL || view == NULL || field == NULL ||
	    !layer_take_field(path, sizeof(path), field))
		return -EINVAL;
	leaver->word = strcmp(word, "entry") == 0  ? WORD_ENTRY
		       : strcmp(word, "tree") == 0 ? WORD_TREE
						   : WORD_DIRECTORY;
	leaver->view = find_view(leaving->stack, view);
	if (leaver->view == NULL)
		return 0; /* All of it has left. */
	leaver->path = strdup(path);
	return leaver->path == NULL ? -ENOMEM : (leaving->count++, 0);
}

static int take_lines(struct leaving *leaving, char *text)
{
	size_t lines = 0;
	int r = 0;

	for (const char *p = text; *p != '\0'; p++)
		lines += *p == '\n';
	leaving->list = calloc(lines + 1, sizeof(*leaving->list));
	if (leaving->list == NULL)
		return -ENOMEM;
	for (char *line; r == 0 && (line = strsep(&text, "\n")) != NULL;) {
		if (*line != '\0')
			r = take_line(leaving, line);
	}
	return r;
}

/* ---- one name ---- */

static int open_parent(int fd, const char *path, const char **ret_name)
{
	char parent[PATH_MAX] = ".";
	const char *slash = strrchr(path, '/');

	*ret_name = slash == NULL ? path : slash + 1;
	if (slash != NULL)
		(void)snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
	return sys_openat2(fd, parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
			   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

static bool same_attributes(struct place box, const struct realm *realm, struct place host)
{
	struct attributes a = {0};
	struct attributes b = {0};
	bool same = attributes_read(&a, box, realm) == 0 &&
		    attributes_read(&b, host, &of_host) == 0 && attributes_equal(&a, &b);

	attributes_done(&a);
	attributes_done(&b);
	return same;
}

/* Is the layer's directory nothing but the host's, seen through? */
static bool is_as_host(const struct leaving *leaving, const struct layer_view *view, int fd,
		       const char *path)
{
	struct facts box;
	struct facts host;
	_own_(closep) int root_fd =
		sys_openat2(AT_FDCWD, view_host(view), O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
			    RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	_own_(closep) int host_fd =
		root_fd < 0 ? root_fd
			    : sys_openat2(root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
					  RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
						  RESOLVE_NO_MAGICLINKS);

	return host_fd >= 0 && facts_read(&box, (struct place){fd, ""}, &leaving->realm) == 0 &&
	       facts_read(&host, (struct place){host_fd, ""}, &of_host) == 0 &&
	       box.mode == host.mode && box.uid == host.uid && box.gid == host.gid &&
	       time_equal(box.mtime, host.mtime) &&
	       same_attributes((struct place){fd, ""}, &leaving->realm,
			       (struct place){host_fd, ""});
}

static bool is_in_older(const struct layer_view *view, const char *path)
{
	for (size_t i = 1; i < view->fd_count; i++) {
		const char *name;
		struct stat st;
		_own_(closep) int fd = open_parent(view->fds[i], path, &name);

		if (fd != -ENOENT &&
		    (fd < 0 || sys_fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != -ENOENT))
			return true;
	}
	return false;
}

static bool is_empty(int fd)
{
	struct names names = {0};
	struct tree tree = {.host_fd = fd};
	bool empty = tree_names(&tree, true, &names) == 0 && names.count == 0;

	names_done(&names);
	return empty;
}

/* What is left of a directory has its time all the same. */
static int unlink_in(int dir_fd, const char *name, int flags)
{
	struct stat st;
	int r = sys_fstat(dir_fd, &st);
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, st.st_mtim};

	if (r == 0)
		r = sys_unlinkat(dir_fd, name, flags);
	return r < 0 ? r : SYS_RESULT(futimens(dir_fd, times));
}

/* A directory in which the host's shows through, once nothing is in it. */
static int leave_directory(const struct leaving *leaving, const struct leaver *leaver)
{
	const char *name;
	_own_(closep) int dir_fd = open_parent(leaver->view->fds[0], leaver->path, &name);
	_own_(closep) int fd =
		dir_fd < 0 ? dir_fd : sys_openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

	if (fd < 0)
		return 0;
	if (!is_empty(fd) || mark_is((struct place){fd, ""}, &leaving->realm, "opaque", 'y') ||
	    is_in_older(leaver->view, leaver->path) ||
	    !is_as_host(leaving, leaver->view, fd, leaver->path))
		return 0;
	return unlink_in(dir_fd, name, AT_REMOVEDIR);
}

static int leave_one(const struct leaving *leaving, const struct leaver *leaver)
{
	const char *name;
	struct stat st;

	if (leaver->view->kind == LAYER_FILE)
		return sys_unlinkat(leaving->layer_fd, leaver->view->name, 0);
	_own_(closep) int dir_fd = open_parent(leaver->view->fds[0], leaver->path, &name);
	if (dir_fd < 0)
		return dir_fd;
	if (leaver->word != WORD_TREE)
		return unlink_in(dir_fd, name, 0);
	int r = sys_fstat(dir_fd, &st);
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, st.st_mtim};
	/* All of it at once: half of it would be something else. */
	if (r == 0)
		r = sys_remove_tree(leaving->layer_fd, GARBAGE);
	if (r == 0)
		r = sys_renameat(dir_fd, name, leaving->layer_fd, GARBAGE, 0);
	if (r == 0)
		r = SYS_RESULT(futimens(dir_fd, times));
	return r < 0 ? r : sys_remove_tree(leaving->layer_fd, GARBAGE);
}

/* ---- all of it ---- */

static int forget(const struct leaving *leaving)
{
	struct buf lines;

	buf_init(&lines, LEAVE_TEXT_MAX);
	for (size_t i = 0; i < leaving->count; i++)
		(void)known_forget(&leaving->stack->known, &lines, leaving->list[i].view->name,
				   leaving->list[i].path, leaving->list[i].word != WORD_DIRECTORY);
	int r = lines.length == 0 ? 0 : known_append(leaving->layer_fd, &lines);
	buf_done(&lines);
	return r;
}

static bool is_around(const char *directory, const char *path)
{
	size_t length = strlen(directory);

	return strncmp(directory, path, length) == 0 && path[length] == '/';
}

/* The directories around the name that are not around the next one, which comes before it. */
static int leave_parents(const struct leaving *leaving, const struct leaver *leaver,
			 const struct leaver *next)
{
	_own_(freep) char *path = strdup(leaver->path);
	int r = path == NULL ? -ENOMEM : 0;

	for (char *slash; r == 0 && (slash = strrchr(path, '/')) != NULL;) {
		*slash = '\0';
		if (next != NULL && next->view == leaver->view &&
		    (strcmp(next->path, path) == 0 || is_around(path, next->path)))
			break;
		const struct leaver parent = {WORD_DIRECTORY, leaver->view, path};
		r = leave_directory(leaving, &parent);
	}
	return r;
}

/* From the inside out. */
static int leave_all(const struct leaving *leaving)
{
	int r = forget(leaving);

	for (size_t i = leaving->count; i-- > 0 && r == 0;) {
		const struct leaver *leaver = &leaving->list[i];

		r = leaver->word == WORD_DIRECTORY ? leave_directory(leaving, leaver)
						   : leave_one(leaving, leaver);
		r = r == -ENOENT ? 0 : r; /* It was done before. */
		if (r == 0)
			r = leave_parents(leaving, leaver, i > 0 ? leaver - 1 : NULL);
	}
	return r < 0 ? r : SYS_RESULT(syncfs(leaving->layer_fd));
}

static int leave_text(const struct stored_box *box, char *text, struct cloche_err *err)
{
	struct layer_stack stack = {0};
	int r = layer_stack_open(&stack, box, NULL, err);
	struct leaving leaving = {
		.stack = &stack, .realm = {true, stack.rooted, stack.id_base}, .layer_fd = -1};

	if (r < 0)
		return r;
	r = leaving.layer_fd = store_layer_open(box->store, box->stack.top);
	if (r >= 0)
		r = take_lines(&leaving, text);
	if (r == 0)
		r = leave_all(&leaving);
	for (size_t i = 0; i < leaving.count; i++)
		free(leaving.list[i].path);
	free(leaving.list);
	close_fd(&leaving.layer_fd);
	layer_stack_done(&stack);
	return r;
}

static int leave(const struct stored_box *box, struct cloche_err *err)
{
	_own_(freep) char *text = NULL;
	char *rest;
	int r = read_text(box->fd, &text);

	if (r < 0)
		return r;
	rest = text;
	const char *header = strsep(&rest, "\n");
	if (rest != NULL && is_valid(box, header))
		r = leave_text(box, rest, err);
	return r < 0 ? r : sys_unlinkat(box->fd, FILE_NAME, 0);
}

static int leave_as_owner(void *arg, struct cloche_err *err)
{
	int r = layer_own_all(err);

	return r < 0 ? r : leave(arg, err);
}

int leave_finish(const struct stored_box *box, struct cloche_err *err)
{
	struct cloche_err why = {0};
	struct stat st;

	if (sys_fstatat(box->fd, FILE_NAME, &st, AT_SYMLINK_NOFOLLOW) == -ENOENT)
		return 0;
	/* Modes that the guest gave may bar the layer's owner, who is all powerful in a child. */
	int r = layer_in_child(leave_as_owner, (void *)(uintptr_t)box, &why);
	return r < 0 ? err_set(err, r, "box '%s': what was committed cannot leave its layer: %s",
			       box->name, why.text[0] != '\0' ? why.text : errno_text(r))
		     : 0;
}

/* ---- what stays ---- */

/* A whiteout, or what it is now. */
static int note_one(const struct changes *changes, const struct change *of, struct buf *lines,
		    uint64_t *limit)
{
	const char *view = changes->stack->views[of->view].name;
	struct change change = *of;
	const char *name;
	struct facts facts;

	change.on_host = true;
	_own_(closep) int dir_fd = change_open_parent(changes, &change, true, &name);
	const struct place place = {dir_fd, name};
	(void)known_forget(&changes->stack->known, lines, view, of->path,
			   of->kind == CHANGE_DELETED || (of->what & WHAT_KIND) != 0);
	if (of->kind == CHANGE_DELETED)
		return known_add_kind(lines, KNOWN_NOTHING, view, of->path);
	if (dir_fd < 0 || facts_read(&facts, place, &of_host) < 0 ||
	    (facts.mode & S_IFMT) != (of->box.mode & S_IFMT))
		return 0; /* Then times tell. */
	int r = known_add(lines, view, of->path, place, &facts, limit);
	return r == -ENOMEM || r == -E2BIG ? r : 0;
}

int leave_note_others(const struct stored_box *box, const struct changes *changes,
		      const bool *chosen)
{
	uint64_t limit = (uint64_t)2 << 30;
	struct buf lines;
	_own_(closep) int layer_fd = store_layer_open(box->store, box->stack.top);
	int r = layer_fd < 0 ? layer_fd : 0;

	buf_init(&lines, LEAVE_TEXT_MAX);
	for (size_t i = 0; i < changes->count && r == 0; i++) {
		const struct change *change = &changes->list[i];
		const char *name;
		struct facts facts;
		const struct realm realm = {true, changes->stack->rooted, changes->stack->id_base};

		if (!chosen[i] || change_is_quiet(change))
			continue;
		_own_(closep) int dir_fd =
			change->kind == CHANGE_DELETED
				? -1
				: change_open_parent(changes, change, false, &name);
		/* It has left. */
		if (change->kind != CHANGE_DELETED &&
		    (dir_fd < 0 || facts_read(&facts, (struct place){dir_fd, name}, &realm) < 0))
			continue;
		r = note_one(changes, change, &lines, &limit);
	}
	if (r == 0 && lines.length > 0)
		r = known_append(layer_fd, &lines);
	buf_done(&lines);
	return r;
}
