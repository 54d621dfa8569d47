/* SPDX-License-Identifier: Apache-2.0 */
#include "box/tree.h"

#include "base/own.h"
#include "sys/sys.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* gcc 12's analyzer loses track of what arrays own once realloc has moved them; LeakSanitizer does
 * not. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

#define DIRECTORY_BLOCK (64U * 1024)

static const struct realm of_host;

void tree_done(struct tree *tree)
{
	for (size_t i = 0; i < tree->count; i++)
		(void)close(tree->fds[i]);
	free(tree->fds);
	free(tree->layers);
	close_fd(&tree->host_fd);
	*tree = (struct tree){.host_fd = -1};
}

static bool is_whiteout(const struct facts *facts)
{
	return S_ISCHR(facts->mode) && facts->rdev == 0;
}

static bool is_missing(int r)
{
	return r == -ENOENT || r == -ENOTDIR;
}

/* Once a layer has had the name, the box has seen nothing newer of the host's. What it has there
 * now may still have begun in a newer one. */
static void note_oldest(const struct tree *tree, const char *name, struct found *found)
{
	bool same = found->present;

	found->born = found->facts.born;
	found->oldest = found->place;
	for (size_t i = found->at + 1; i < tree->count; i++) {
		struct place place = {tree->fds[i], name};
		struct facts facts;

		if (facts_read(&facts, place, &tree->realm) < 0)
			continue;
		same = same && !is_whiteout(&facts) &&
		       mark_is(found->oldest, &tree->realm, "origin", 0);
		if (same)
			found->oldest = place;
		if (!time_reached(facts.born, found->born))
			found->born = facts.born;
	}
}

int tree_find(const struct tree *tree, const char *name, struct found *ret_found)
{
	struct found found = {0};

	for (size_t i = 0; i < tree->count; i++) {
		found.place = (struct place){tree->fds[i], name};
		int r = facts_read(&found.facts, found.place, &tree->realm);
		if (is_missing(r))
			continue;
		if (r < 0)
			return r;
		found.at = i;
		found.layer = tree->layers[i];
		found.whiteout = is_whiteout(&found.facts);
		found.present = !found.whiteout;
		note_oldest(tree, name, &found);
		*ret_found = found;
		return 0;
	}
	found = (struct found){.on_host = true, .place = {tree->host_fd, name}};
	if (tree->host_fd >= 0 && !tree->cut) {
		int r = facts_read(&found.facts, found.place, &of_host);
		if (r < 0 && !is_missing(r) && r != -EACCES)
			return r;
		found.present = r == 0;
	}
	*ret_found = found;
	return 0;
}

static int open_directory(int dir_fd, const char *name)
{
	return sys_openat2(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
			   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

/* Adds the directory of one layer. 1: what is older does not show through. */
static int enter_layer(const struct tree *tree, size_t index, const char *name, struct tree *into)
{
	_own_(closep) int fd = open_directory(tree->fds[index], name);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd == -ENOTDIR || fd == -ELOOP ? 1 : fd;
	int opaque = mark_is((struct place){fd, ""}, &tree->realm, "opaque", 'y');
	into->layers[into->count] = tree->layers[index];
	into->fds[into->count++] = TAKE_FD(&fd);
	return opaque;
}

int tree_enter(const struct tree *tree, const char *name, const struct found *found,
	       struct tree *ret_tree)
{
	struct tree inner = {.host_fd = -1, .realm = tree->realm, .cut = tree->cut};
	int r = 0;

	inner.fds = malloc((tree->count + 1) * sizeof(*inner.fds));
	inner.layers = malloc((tree->count + 1) * sizeof(*inner.layers));
	if (inner.fds == NULL || inner.layers == NULL) {
		tree_done(&inner);
		return -ENOMEM;
	}
	for (size_t i = found->on_host ? tree->count : found->at; i < tree->count && r == 0; i++) {
		r = enter_layer(tree, i, name, &inner);
		if (r >= 0 && inner.count == 0)
			r = -ESTALE; /* It was a directory just now. */
	}
	inner.cut |= r == 1;
	if (r == 0 && tree->host_fd >= 0 && !inner.cut) {
		inner.host_fd = open_directory(tree->host_fd, name);
		/* Another kind of thing, or none that the box could look into either. */
		if (inner.host_fd < 0 && inner.host_fd != -ENOENT && inner.host_fd != -ENOTDIR &&
		    inner.host_fd != -ELOOP && inner.host_fd != -EACCES)
			r = inner.host_fd;
		inner.host_fd = inner.host_fd < 0 ? -1 : inner.host_fd;
	}
	if (r < 0) {
		tree_done(&inner);
		return r;
	}
	*ret_tree = inner;
	return 0;
}

static int push(struct names *names, const char *name)
{
	if (names->count == names->size) {
		size_t size = names->size == 0 ? 32 : 2 * names->size;
		char **list = realloc(names->list, size * sizeof(*list));

		if (list == NULL)
			return -ENOMEM;
		names->list = list;
		names->size = size;
	}
	names->list[names->count] = strdup(name);
	return names->list[names->count] == NULL ? -ENOMEM : (names->count++, 0);
}

/* Not readdir, whose errors are told apart from the end by errno alone. */
static int read_names(int fd, struct names *names)
{
	_own_(freep) char *block = malloc(DIRECTORY_BLOCK);
	off_t begin = SYS_RESULT(lseek(fd, 0, SEEK_SET)); /* It may have been read before. */
	int r = begin < 0 ? (int)begin : block == NULL ? -ENOMEM : 0;
	int n = 1;

	while (r == 0 && n > 0) {
		n = SYS_RAW(SYS_getdents64, fd, block, DIRECTORY_BLOCK);
		r = n < 0 ? n : 0;
		for (int at = 0; at < n && r == 0;) {
			const struct dirent64 *entry = (const void *)(block + at);

			if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
				r = push(names, entry->d_name);
			at += entry->d_reclen;
		}
	}
	return r;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int tree_names(const struct tree *tree, bool with_host, struct names *names)
{
	int r = 0;

	for (size_t i = 0; i < tree->count && r == 0; i++)
		r = read_names(tree->fds[i], names);
	if (r == 0 && with_host && tree->host_fd >= 0)
		r = read_names(tree->host_fd, names);
	if (r < 0 || names->count < 2)
		return r;
	qsort(names->list, names->count, sizeof(*names->list), by_bytes);
	size_t kept = 1;
	for (size_t i = 1; i < names->count; i++) {
		if (strcmp(names->list[i], names->list[kept - 1]) == 0)
			free(names->list[i]);
		else
			names->list[kept++] = names->list[i];
	}
	names->count = kept;
	return 0;
}

void names_done(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
	*names = (struct names){0};
}
