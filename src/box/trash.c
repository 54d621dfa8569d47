/* SPDX-License-Identifier: Apache-2.0 */
#include "box/trash.h"

#include "base/own.h"
#include "sys/sys.h"
#include "world/identity.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#define MARK	   ".mark"
#define BOX_PREFIX "box-"

/* The ids of layers, and ranges of ids, that boxes have. */
struct used {
	char (*ids)[LAYER_ID_SIZE]; /* owned; sorted by the time they are asked for */
	size_t count;
	size_t size;
	uint32_t *ranges; /* owned */
	size_t range_count;
};

static void used_done(struct used *used)
{
	free(used->ids);
	free(used->ranges);
}

int trash_mark(const struct store *store, struct cloche_err *err)
{
	_own_(closep) int fd = sys_create(store->trash_fd, MARK, O_WRONLY | O_NOFOLLOW, 0600);
	int r = fd < 0 ? fd : sys_fsync(fd);

	if (r == 0)
		r = sys_fsync(store->trash_fd);
	return r < 0 ? err_set(err, r, "cannot note what is to be removed: %s", errno_text(r)) : 0;
}

int trash_box(const struct stored_box *box, struct cloche_err *err)
{
	char name[sizeof(BOX_PREFIX) + LAYER_ID_SIZE];

	(void)snprintf(name, sizeof(name), BOX_PREFIX "%s", box->stack.id);
	int r = sys_renameat(box->store->boxes_fd, box->name, box->store->trash_fd, name,
			     RENAME_NOREPLACE);
	if (r == 0)
		r = sys_fsync(box->store->boxes_fd);
	return r < 0 ? err_set(err, r, "cannot remove box '%s': %s", box->name, errno_text(r)) : 0;
}

static int add_stack(struct used *used, const struct stack *stack)
{
	size_t need = used->count + stack->layer_count;

	if (need > used->size) {
		size_t size = need * 2;
		char(*ids)[LAYER_ID_SIZE] = realloc(used->ids, size * sizeof(*ids));
		if (ids == NULL)
			return -ENOMEM;
		used->ids = ids;
		used->size = size;
	}
	for (size_t i = 0; i < stack->layer_count; i++)
		memcpy(used->ids[used->count++], stack->layers[i].id, LAYER_ID_SIZE);
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, LAYER_ID_SIZE);
}

/* What cannot be read may be any range: then none is given back. */
static int add_range(struct used *used, int box_fd)
{
	uint32_t base;
	int r = identity_range_of(box_fd, &base);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	uint32_t *ranges = realloc(used->ranges, (used->range_count + 1) * sizeof(*ranges));
	if (ranges == NULL)
		return -ENOMEM;
	used->ranges = ranges;
	ranges[used->range_count++] = base;
	return 0;
}

static int add_box(struct stored_box *box, void *arg, struct cloche_err *err)
{
	struct used *used = arg;
	int r = add_stack(used, &box->stack);

	if (r == 0 && box->store->rooted)
		r = add_range(used, box->fd);
	return r < 0 ? err_set(err, r, "box '%s': %s", box->name, errno_text(r)) : 0;
}

static int used_find_out(const struct store *store, struct used *used, struct cloche_err *err)
{
	int r = store_boxes(store, add_box, used, err);

	if (r == 0 && used->count > 0)
		qsort(used->ids, used->count, LAYER_ID_SIZE, compare_ids);
	return r;
}

static bool is_used(const struct used *used, const char *id)
{
	return used->count > 0 &&
	       bsearch(id, used->ids, used->count, LAYER_ID_SIZE, compare_ids) != NULL;
}

/* The names in a directory, dots and all. */
static int list(int dir_fd, struct dirent ***ret_entries)
{
	return sys_scan_dir(dir_fd, ret_entries, NULL);
}

static void free_list(struct dirent **entries, int count)
{
	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
}

/* Layers that are in no stack go to the trash, and only then the mark. */
static int gather(const struct store *store, struct cloche_err *err)
{
	struct used used = {0};
	struct dirent **entries = NULL;
	_own_(closep) int lock_fd = store_lock(store, err);
	int r = lock_fd < 0 ? lock_fd : used_find_out(store, &used, err);
	int count = r < 0 ? r : list(store->layers_fd, &entries);

	for (int i = 0; i < count && r == 0; i++) {
		char id[LAYER_ID_SIZE] = "";

		if (strlen(entries[i]->d_name) != LAYER_ID_SIZE - 1)
			continue;
		memcpy(id, entries[i]->d_name, LAYER_ID_SIZE);
		if (!is_used(&used, id))
			r = sys_renameat(store->layers_fd, id, store->trash_fd, id, 0);
	}
	free_list(entries, count);
	used_done(&used);
	if (r == 0 && count >= 0)
		(void)sys_unlinkat(store->trash_fd, MARK, 0); /* Mostly there is none. */
	if (lock_fd < 0 || r < 0 || count < 0)
		return err_wrap(err, r < 0 ? r : count, "cannot tell what nobody needs");
	return 0;
}

/* Boxes last: as long as one is there, its range of ids is nobody else's. */
static int empty(const struct store *store, bool boxes, struct cloche_err *err)
{
	struct dirent **entries = NULL;
	int count = list(store->trash_fd, &entries);
	int r = count < 0 ? count : 0;

	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		bool is_box = strncmp(name, BOX_PREFIX, strlen(BOX_PREFIX)) == 0;
		int one = name[0] == '.' || is_box != boxes
				  ? 0
				  : sys_remove_tree(store->trash_fd, name);

		if (one < 0 && r == 0)
			r = err_set(err, one, "cannot remove '%s' of the trash: %s", name,
				    errno_text(one));
	}
	free_list(entries, count);
	return r;
}

static int free_ranges(const struct store *store, struct cloche_err *err)
{
	struct used used = {0};
	struct dirent **entries = NULL;
	_own_(closep) int lock_fd = store_lock(store, err);
	int r = lock_fd < 0 ? lock_fd : used_find_out(store, &used, err);
	int count = r < 0 ? r : list(store->trash_fd, &entries);

	for (int i = 0; i < count && r == 0; i++) {
		_own_(closep) int fd = sys_openat(store->trash_fd, entries[i]->d_name,
						  O_PATH | O_DIRECTORY | O_NOFOLLOW);
		if (fd < 0 && fd != -ENOENT && fd != -ENOTDIR)
			r = fd;
		if (fd >= 0 && entries[i]->d_name[0] != '.')
			r = add_range(&used, fd);
	}
	if (r == 0 && count >= 0)
		identity_free_ranges(used.ranges, used.range_count);
	free_list(entries, count);
	used_done(&used);
	return r;
}

int trash_collect(const struct store *store, struct cloche_err *err)
{
	int r = gather(store, err);

	if (r < 0)
		return r;
	/* A box that another command is removing right now is gone when we say so, too. */
	r = sys_flock(store->trash_fd, LOCK_EX);
	if (r == 0)
		r = empty(store, false, err);
	if (r == 0)
		r = empty(store, true, err);
	(void)sys_flock(store->trash_fd, LOCK_UN);
	return r == 0 && store->rooted ? free_ranges(store, err) : r;
}

void trash_go_on(const struct store *store)
{
	struct cloche_err err = {0};
	struct dirent **entries = NULL;
	int count = list(store->trash_fd, &entries);

	free_list(entries, count);
	if (count <= 2 || sys_flock(store->trash_fd, LOCK_EX | LOCK_NB) < 0)
		return;
	(void)sys_flock(store->trash_fd, LOCK_UN);
	(void)trash_collect(store, &err); /* Whoever asks for it is told; here it was not asked. */
}
