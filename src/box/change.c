/* SPDX-License-Identifier: Apache-2.0
 *
 * One change: where it is.
 */
#include "base/own.h"
#include "box/diff.h"
#include "sys/sys.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

void changes_cut(struct changes *changes, size_t count)
{
	while (changes->count > count) {
		struct change *change = &changes->list[--changes->count];

		free(change->path);
		free(change->link_to);
		free(change->moved_from);
	}
}

void changes_done(struct changes *changes)
{
	changes_cut(changes, 0);
	free(changes->list);
	*changes = (struct changes){0};
}

/* What is in a directory comes right after it: the slash is the smallest of all bytes. */
static int rank(char c)
{
	return c == '\0' ? 0 : c == '/' ? 1 : (unsigned char)c + 1;
}

static int by_path(const void *a, const void *b)
{
	const struct change *x = a;
	const struct change *y = b;
	const char *p = x->path;
	const char *q = y->path;

	if (x->view != y->view)
		return x->view < y->view ? -1 : 1;
	while (*p != '\0' && *p == *q) {
		p++;
		q++;
	}
	return rank(*p) - rank(*q);
}

const struct change *changes_find(const struct changes *changes, size_t view, const char *path)
{
	const struct change key = {.view = view, .path = (char *)(uintptr_t)path};

	return changes->count == 0 ? NULL
				   : bsearch(&key, changes->list, changes->count,
					     sizeof(*changes->list), by_path);
}

static int join(const char *base, const char *path, char *ret_path, size_t size)
{
	int n = path[0] == '\0' ? snprintf(ret_path, size, "%s", base)
				: snprintf(ret_path, size, "%s/%s",
					   strcmp(base, "/") == 0 ? "" : base, path);

	return n < (int)size ? n : -ENAMETOOLONG;
}

int change_path(const struct changes *changes, const struct change *change, char *ret_path,
		size_t size)
{
	return join(changes->stack->views[change->view].guest, change->path, ret_path, size);
}

int change_host_path(const struct changes *changes, const struct change *change, char *ret_path,
		     size_t size)
{
	return join(view_host(&changes->stack->views[change->view]), change->path, ret_path, size);
}

static int open_below(int fd, const char *path, size_t length)
{
	char parent[PATH_MAX];

	if (length >= sizeof(parent))
		return -ENAMETOOLONG;
	(void)snprintf(parent, sizeof(parent), "%.*s", (int)length, path);
	return sys_openat2(fd, length == 0 ? "." : parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
			   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

/* Of an older layer: the first that has it. */
static int open_older(const struct layer_view *view, const char *path, size_t length,
		      const char *name)
{
	int r = -ENOENT;

	for (size_t i = view->new_count; i < view->fd_count; i++) {
		struct stat st;
		_own_(closep) int fd = open_below(view->fds[i], path, length);

		r = fd < 0 ? fd : sys_fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW);
		if (r == 0)
			return TAKE_FD(&fd);
	}
	return r;
}

int change_open_parent(const struct changes *changes, const struct change *change, bool below,
		       const char **ret_name)
{
	const struct layer_view *view = &changes->stack->views[change->view];
	const char *path = change->path;
	const char *slash = strrchr(path, '/');
	size_t length = slash != NULL ? (size_t)(slash - path) : 0;

	*ret_name = slash != NULL ? slash + 1 : path;
	if (view->kind == LAYER_FILE && (!below || !change->on_host)) {
		*ret_name = "";
		return SYS_RESULT(
			fcntl(view->fds[below ? view->new_count : 0], F_DUPFD_CLOEXEC, 3));
	}
	if (!below)
		return change->layer < 0 ? -ENOENT
					 : open_below(view->fds[change->layer], path, length);
	if (!change->on_host)
		return open_older(view, path, length, *ret_name);
	const char *host = view_host(view);
	if (view->kind == LAYER_FILE) {
		slash = strrchr(host, '/');
		*ret_name = slash + 1;
		_own_(freep) char *parent =
			strndup(host, slash == host ? 1 : (size_t)(slash - host));

		return parent == NULL ? -ENOMEM
				      : sys_openat2(AT_FDCWD, parent, O_RDONLY | O_DIRECTORY,
						    RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	}
	_own_(closep) int host_fd = sys_openat2(AT_FDCWD, host, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
						RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	return host_fd < 0 ? host_fd : open_below(host_fd, path, length);
}

bool change_is_private(const struct changes *changes, const struct change *change)
{
	return changes->stack->views[change->view].kind == LAYER_PRIVATE;
}

bool change_is_quiet(const struct change *change)
{
	return change->own || (change->kind == CHANGE_CHANGED && change->what == WHAT_TIME &&
			       S_ISDIR(change->box.mode) && !change->too_deep &&
			       !change->unsteady && !change->forged);
}
