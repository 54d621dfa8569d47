/* SPDX-License-Identifier: Apache-2.0 */
#include "box/moves.h"

#include "base/own.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Of one size, that many are compared: thousands of equal files would cost their square. */
#define CANDIDATES_MAX 8

static int by_size(const void *a, const void *b)
{
	const struct change *x = *(struct change *const *)a;
	const struct change *y = *(struct change *const *)b;

	if (x->below.size != y->below.size)
		return x->below.size < y->below.size ? -1 : 1;
	return x < y ? -1 : x > y;
}

static int same_bytes(const struct changes *changes, const struct change *added,
		      const struct change *gone)
{
	const char *name;
	const char *gone_name;
	_own_(closep) int dir_fd = change_open_parent(changes, added, false, &name);
	_own_(closep) int gone_dir_fd = change_open_parent(changes, gone, true, &gone_name);

	if (dir_fd < 0 || gone_dir_fd < 0)
		return 0;
	_own_(closep) int fd = content_open((struct place){dir_fd, name});
	_own_(closep) int gone_fd = content_open((struct place){gone_dir_fd, gone_name});
	return fd < 0 || gone_fd < 0 ? 0 : content_equal(fd, gone_fd, added->box.size) == 1;
}

/* A move does not change the time, so the candidates that have the file's go first. */
static struct change *find(const struct changes *changes, struct change **gone, size_t count,
			   const struct change *added)
{
	size_t first = 0;
	size_t end = count;

	while (first < end) {
		size_t middle = first + (end - first) / 2;

		if (gone[middle]->below.size < added->box.size)
			first = middle + 1;
		else
			end = middle;
	}
	for (int pass = 0; pass < 2; pass++) {
		int tried = 0;

		for (size_t i = first; i < count && gone[i]->below.size == added->box.size; i++) {
			bool same = time_equal(gone[i]->below.mtime, added->box.mtime);

			if (gone[i]->moved || gone[i]->view != added->view || same != (pass == 0) ||
			    ++tried > CANDIDATES_MAX)
				continue;
			if (same_bytes(changes, added, gone[i]))
				return gone[i];
		}
	}
	return NULL;
}

static bool may_have_moved(const struct change *change)
{
	return change->kind == CHANGE_ADDED && S_ISREG(change->box.mode) && change->box.size > 0 &&
	       change->link_to == NULL && !change->forged;
}

/* One that was moved and then changed was copied, too. Then the name that it had is free, or has
 * something that was made in the box. */
static void settle(struct changes *changes)
{
	bool may_come_from = false;

	for (size_t i = 0; i < changes->count && !may_come_from; i++) {
		const struct change *change = &changes->list[i];

		may_come_from = !change->moved && change->kind != CHANGE_ADDED &&
				(change->kind == CHANGE_DELETED || !change->copied);
	}
	for (size_t i = 0; i < changes->count; i++) {
		struct change *change = &changes->list[i];

		if (change->conflict == CONFLICT_PERHAPS_GONE)
			change->conflict = may_come_from ? CONFLICT_NONE : CONFLICT_GONE;
	}
}

int moves_find(struct changes *changes)
{
	_own_(freep) struct change **gone = calloc(changes->count + 1, sizeof(struct change *));
	size_t count = 0;

	if (gone == NULL)
		return -ENOMEM;

	for (size_t i = 0; i < changes->count; i++) {
		struct change *change = &changes->list[i];

		if (change->kind == CHANGE_DELETED && S_ISREG(change->below.mode))
			gone[count++] = change;
	}
	qsort(gone, count, sizeof(struct change *), by_size);
	for (size_t i = 0; i < changes->count; i++) {
		struct change *change = &changes->list[i];

		if (!may_have_moved(change))
			continue;
		struct change *from = find(changes, gone, count, change);
		if (from == NULL)
			continue;
		change->moved_from = strdup(from->path);
		if (change->moved_from == NULL)
			return -ENOMEM;
		from->moved = true;
		if (change->conflict == CONFLICT_PERHAPS_GONE)
			change->conflict = CONFLICT_NONE;
	}
	settle(changes);
	return 0;
}
