/* SPDX-License-Identifier: Apache-2.0 */
#include "box/box.h"

#include "base/own.h"
#include "box/log.h"
#include "box/merge.h"
#include "box/trash.h"
#include "box/words.h"
#include "sys/sys.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int too_many(const char *name, struct cloche_err *err)
{
	return err_set(err, -E2BIG,
		       "box '%s' has too many layers; 'cloche box drop' makes fewer of them", name);
}

/* Has anything run on the top layer? */
static int is_top_used(const struct stored_box *box, bool *ret_used, struct cloche_err *err)
{
	_own_(closep) int fd = store_layer_open(box->store, box->stack.top);
	struct stat st;
	int r = fd < 0 ? fd : sys_fstatat(fd, "u", &st, AT_SYMLINK_NOFOLLOW);

	if (r < 0 && r != -ENOENT)
		return err_set(err, r, "box '%s': its layer: %s", box->name, errno_text(r));
	*ret_used = r == 0;
	return 0;
}

/* What was the top will not change any more: a new one lies over it. Only in memory. */
static int freeze(struct stored_box *box, const char *name, struct cloche_err *err)
{
	char id[LAYER_ID_SIZE];
	char top[LAYER_ID_SIZE];
	int r = store_new_id(id, err);

	if (r < 0)
		return r;
	memcpy(top, box->stack.top, sizeof(top));
	if (stack_depth(&box->stack, top) >= STACK_DEPTH_MAX)
		return too_many(box->name, err);
	r = stack_push(&box->stack, id, top);
	if (r == -E2BIG)
		return too_many(box->name, err);
	if (r < 0)
		return err_set(err, r, "out of memory");
	struct stack_layer *frozen = stack_find(&box->stack, top);
	frozen->time = (uint64_t)time(NULL);
	(void)snprintf(frozen->name, sizeof(frozen->name), "%s", name);
	return 0;
}

/* Makes `box` stand still on disk, so that others can stand on it; ret_id is the layer that is all
 * of it, "" where it has written nothing over the host yet. The store's lock is held. */
static int settle(struct stored_box *box, char ret_id[LAYER_ID_SIZE], struct cloche_err *err)
{
	const struct stack_layer *top = stack_find(&box->stack, box->stack.top);
	bool used = false;
	int r = is_top_used(box, &used, err);

	if (r < 0)
		return r;
	if (used) {
		memcpy(ret_id, box->stack.top, LAYER_ID_SIZE);
		r = freeze(box, "", err);
		return r < 0 ? r : store_box_write(box, err);
	}
	memcpy(ret_id, top->parent, LAYER_ID_SIZE);
	return 0;
}

/* A new box whose top lies over `parent`. Takes what is in `stack` already with it. */
static int make_over(const struct store *store, const char *name, struct stack *stack,
		     const char *parent, const struct stored_box *like, struct cloche_err *err)
{
	char top[LAYER_ID_SIZE];
	int r = store_new_id(stack->id, err);

	if (r == 0)
		r = store_new_id(top, err);
	if (r < 0)
		return r;
	stack->time = (uint64_t)time(NULL);
	r = stack_push(stack, top, parent);
	if (r == -E2BIG || stack_depth(stack, top) > STACK_DEPTH_MAX)
		return too_many(name, err);
	if (r < 0)
		return err_set(err, r, "out of memory");
	stack_trim(stack);
	return store_box_make(store, name, stack, like, err);
}

/* The first line of a new box's log. */
static void log_made(const struct store *store, const char *name, const char *event,
		     const char *from)
{
	struct stored_box box;
	struct cloche_err err = {0};

	if (store_box_open(&box, store, name, STORE_LOOK, &err) < 0)
		return;
	box_log(&box, event, "from", from, NULL);
	store_box_close(&box);
}

static int check_is_new(const struct store *store, const char *name, struct cloche_err *err)
{
	struct stat st;
	int r = box_name_check("box", name, err);

	if (r == 0 && sys_fstatat(store->boxes_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		r = err_set(err, -EEXIST, "there is a box '%s' already", name);
	return r;
}

/* Without its snapshots' names: they are the base's. */
static int create_on(const struct store *store, const struct box_options *options,
		     struct cloche_err *err)
{
	struct stored_box base;
	struct stack stack = {0};
	char parent[LAYER_ID_SIZE];
	int r = store_box_open(&base, store, options->base, STORE_CHANGE, err);

	if (r < 0)
		return err_wrap(err, r, "base");
	_own_(closep) int lock_fd = store_lock(store, err);
	r = lock_fd < 0 ? lock_fd : check_is_new(store, options->name, err);
	if (r == 0)
		r = settle(&base, parent, err);
	if (r == 0)
		r = stack_copy(&stack, &base.stack);
	if (r == 0) {
		for (size_t i = 0; i < stack.layer_count; i++)
			stack.layers[i].name[0] = '\0';
		memcpy(stack.base, base.stack.id, sizeof(stack.base));
		stack.temporary = options->temporary;
		r = make_over(store, options->name, &stack, parent, &base, err);
		if (r == 0)
			log_made(store, options->name, "create", options->base);
	}
	stack_done(&stack);
	store_box_close(&base);
	return r;
}

int box_create(const struct store *store, const struct box_options *options, struct cloche_err *err)
{
	struct stack stack = {0};

	if (options->base != NULL)
		return create_on(store, options, err);
	_own_(closep) int lock_fd = store_lock(store, err);
	int r = lock_fd < 0 ? lock_fd : check_is_new(store, options->name, err);
	stack.temporary = options->temporary;
	if (r == 0)
		r = make_over(store, options->name, &stack, "", NULL, err);
	if (r == 0)
		log_made(store, options->name, "create", NULL);
	stack_done(&stack);
	return r;
}

/* It is run as the other one was. Words that cannot be read cannot be had there either. */
static int copy_words(const struct stored_box *from, const char *to, struct cloche_err *err)
{
	_own_(freep) char *words = NULL;
	struct stored_box box;
	size_t length = 0;

	if (box_words_read(from->fd, &words, &length, NULL) < 0 || words == NULL)
		return 0;
	int r = store_box_open(&box, from->store, to, STORE_LOOK, err);
	if (r < 0)
		return r;
	r = box_words_write(box.fd, words, length, err);
	store_box_close(&box);
	return r;
}

int box_clone(const struct store *store, const char *from, const char *to, struct cloche_err *err)
{
	struct stored_box box;
	struct stack stack = {0};
	char parent[LAYER_ID_SIZE];
	int r = store_box_open(&box, store, from, STORE_CHANGE, err);

	if (r < 0)
		return r;
	_own_(closep) int lock_fd = store_lock(store, err);
	r = lock_fd < 0 ? lock_fd : check_is_new(store, to, err);
	if (r == 0)
		r = settle(&box, parent, err);
	if (r == 0)
		r = stack_copy(&stack, &box.stack);
	if (r == 0) {
		stack_take_out(&stack, stack.top);
		stack.temporary = false;
		r = make_over(store, to, &stack, parent, &box, err);
		if (r == 0) {
			log_made(store, to, "clone", from);
			box_log(&box, "cloned", "to", to, NULL);
			r = copy_words(&box, to, err);
		}
	}
	stack_done(&stack);
	store_box_close(&box);
	return r;
}

int box_rename(const struct store *store, const char *from, const char *to, struct cloche_err *err)
{
	struct stored_box box;
	int r = store_box_open(&box, store, from, STORE_CHANGE, err);

	if (r < 0)
		return r;
	_own_(closep) int lock_fd = store_lock(store, err);
	r = lock_fd < 0 ? lock_fd : check_is_new(store, to, err);
	if (r == 0) {
		r = sys_renameat(store->boxes_fd, from, store->boxes_fd, to, RENAME_NOREPLACE);
		if (r == 0)
			r = sys_fsync(store->boxes_fd);
		if (r < 0)
			r = err_set(err, r, "cannot rename box '%s': %s", from, errno_text(r));
		else
			box_log(&box, "rename", "from", from, "to", to, NULL);
	}
	store_box_close(&box);
	return r;
}

/* ---- what others have to do with it ---- */

struct question {
	const struct stack *stack; /* of the box that asks */
	const char *id;		   /* of a layer */
	char found[STORE_NAME_SIZE];
};

static int stands_on(struct stored_box *box, void *arg, struct cloche_err *err)
{
	struct question *question = arg;

	(void)err;
	if (strcmp(box->stack.base, question->stack->id) == 0)
		(void)snprintf(question->found, sizeof(question->found), "%s", box->name);
	return 0;
}

static int has_layer(struct stored_box *box, void *arg, struct cloche_err *err)
{
	struct question *question = arg;

	(void)err;
	if (strcmp(box->stack.id, question->stack->id) != 0 &&
	    stack_find(&box->stack, question->id) != NULL)
		(void)snprintf(question->found, sizeof(question->found), "%s", box->name);
	return 0;
}

static int remove_one(const struct store *store, const char *name, bool temporary,
		      struct cloche_err *err)
{
	struct stored_box box;
	int r = store_box_open(&box, store, name, temporary ? STORE_TRY : STORE_CHANGE, err);

	if (r < 0)
		return r;
	if (temporary && !box.stack.temporary) {
		store_box_close(&box);
		return 0;
	}
	struct question question = {.stack = &box.stack};
	int lock_fd = store_lock(store, err);
	r = lock_fd < 0 ? lock_fd : store_boxes(store, stands_on, &question, err);
	if (r == 0 && question.found[0] != '\0')
		r = err_set(err, -EBUSY, "box '%s' is the base of box '%s': remove that first",
			    name, question.found);
	if (r == 0)
		r = trash_box(&box, err);
	close_fd(&lock_fd);
	store_box_close(&box);
	return r < 0 ? r : trash_collect(store, err);
}

int box_remove(const struct store *store, const char *name, struct cloche_err *err)
{
	return remove_one(store, name, false, err);
}

struct names {
	char (*list)[STORE_NAME_SIZE]; /* owned */
	size_t count;
	bool temporary; /* only those */
};

static int add_name(struct stored_box *box, void *arg, struct cloche_err *err)
{
	struct names *names = arg;

	if (names->temporary && !box->stack.temporary)
		return 0;
	char(*list)[STORE_NAME_SIZE] = realloc(names->list, (names->count + 1) * sizeof(*list));
	if (list == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	names->list = list;
	memcpy(list[names->count++], box->name, sizeof(box->name));
	return 0;
}

/* Removes what runs that were killed have left; one that cannot be, the next time. */
static void remove_temporary(const struct store *store)
{
	struct names names = {.temporary = true};
	struct cloche_err err = {0};

	(void)store_boxes(store, add_name, &names, &err);
	for (size_t i = 0; i < names.count; i++)
		(void)remove_one(store, names.list[i], true, &err);
	free(names.list);
}

int box_create_temporary(const struct store *store, const char *base,
			 char ret_name[STORE_NAME_SIZE], struct cloche_err *err)
{
	const struct box_options options = {.name = ret_name, .base = base, .temporary = true};
	char id[LAYER_ID_SIZE];
	int r = store_new_id(id, err);

	if (r < 0)
		return r;
	remove_temporary(store);
	(void)snprintf(ret_name, STORE_NAME_SIZE, "run-%s", id);
	return box_create(store, &options, err);
}

int box_create_on(const struct store *store, const struct box_options *options,
		  struct cloche_err *err)
{
	struct stored_box box;
	struct stored_box base;
	struct cloche_err said = {0};
	int r = store_box_open(&box, store, options->name, STORE_LOOK, &said);

	if (r == -ENOENT) {
		r = box_create(store, options, &said);
		if (r != -EEXIST)
			return r < 0 ? err_set(err, r, "%s", said.text) : 0;
		r = store_box_open(&box, store, options->name, STORE_LOOK, &said);
	}
	if (r < 0)
		return err_set(err, r, "%s", said.text);
	r = store_box_open(&base, store, options->base, STORE_LOOK, err);
	if (r == 0) {
		if (strcmp(box.stack.base, base.stack.id) != 0)
			r = err_set(err, -EINVAL, "box '%s' is there already and stands on %s",
				    options->name,
				    box.stack.base[0] == '\0' ? "the host" : "another base");
		store_box_close(&base);
	}
	store_box_close(&box);
	return r;
}

/* ---- snapshots ---- */

static void next_number(const struct stack *stack, char ret_name[STORE_NAME_SIZE])
{
	for (unsigned i = 1;; i++) {
		(void)snprintf(ret_name, STORE_NAME_SIZE, "%u", i);
		if (stack_snapshot(stack, ret_name) == NULL)
			return;
	}
}

int box_snapshot(const struct store *store, const char *name, const char *snapshot,
		 char ret_name[STORE_NAME_SIZE], struct cloche_err *err)
{
	struct stored_box box;
	int r = snapshot == NULL ? 0 : box_name_check("snapshot", snapshot, err);

	if (r == 0)
		r = store_box_open(&box, store, name, STORE_CHANGE, err);
	if (r < 0)
		return r;
	if (snapshot == NULL)
		next_number(&box.stack, ret_name);
	else if (stack_snapshot(&box.stack, snapshot) != NULL)
		r = err_set(err, -EEXIST, "box '%s' has a snapshot '%s' already", name, snapshot);
	else
		(void)snprintf(ret_name, STORE_NAME_SIZE, "%s", snapshot);
	if (r == 0)
		r = freeze(&box, ret_name, err);
	if (r == 0)
		r = store_box_write(&box, err);
	if (r == 0)
		box_log(&box, "snapshot", "name", ret_name, NULL);
	store_box_close(&box);
	return r;
}

static int find_snapshot(const struct stored_box *box, const char *name,
			 struct stack_layer **ret_layer, struct cloche_err *err)
{
	struct stack_layer *layer = stack_snapshot(&box->stack, name);

	if (layer == NULL)
		return err_set(err, -ENOENT,
			       "box '%s' has no snapshot '%s'; see 'cloche box snapshots %s'",
			       box->name, name, box->name);
	*ret_layer = layer;
	return 0;
}

/* Writes a stack that has fewer layers than before. The store's lock is held. */
static int write_fewer(const struct stored_box *box, struct cloche_err *err)
{
	int r = trash_mark(box->store, err);

	return r < 0 ? r : store_box_write(box, err);
}

int box_rollback(const struct store *store, const char *name, const char *snapshot,
		 struct cloche_err *err)
{
	struct stored_box box;
	struct stack_layer *layer = NULL;
	char id[LAYER_ID_SIZE];
	char parent[LAYER_ID_SIZE];
	int lock_fd = -1;
	int r = store_box_open(&box, store, name, STORE_CHANGE, err);

	if (r < 0)
		return r;
	r = find_snapshot(&box, snapshot, &layer, err);
	if (r == 0)
		r = store_new_id(id, err);
	if (r == 0 && layer != NULL) {
		memcpy(parent, layer->id, sizeof(parent));
		r = stack_push(&box.stack, id, parent);
		r = r == -E2BIG ? too_many(name, err) : r;
	}
	if (r == 0) {
		stack_trim(&box.stack);
		r = lock_fd = store_lock(store, err);
	}
	if (r >= 0)
		r = write_fewer(&box, err);
	if (r == 0)
		box_log(&box, "rollback", "snapshot", snapshot, NULL);
	close_fd(&lock_fd);
	store_box_close(&box);
	return r < 0 ? r : trash_collect(store, err);
}

/* Nobody but this box has the layer. */
static int is_own(const struct stored_box *box, const char *id, bool *ret_own,
		  struct cloche_err *err)
{
	struct question question = {.stack = &box->stack, .id = id};
	int r = store_boxes(box->store, has_layer, &question, err);

	if (r == 0)
		*ret_own = question.found[0] == '\0';
	return r;
}

/* 1: the layer, which has no name any more, can become one with the only one that lies over it. The
 * store's lock is held: nobody comes to share one. */
static int can_merge(const struct stored_box *box, const struct stack_layer *layer,
		     const struct stack_layer **ret_child, struct cloche_err *err)
{
	bool own = false;

	if (layer->name[0] != '\0' || stack_child_count(&box->stack, layer->id) != 1)
		return 0;
	for (size_t i = 0; i < box->stack.layer_count; i++) {
		if (strcmp(box->stack.layers[i].parent, layer->id) == 0)
			*ret_child = &box->stack.layers[i];
	}
	int r = is_own(box, layer->id, &own, err);
	if (r == 0 && own)
		r = is_own(box, (*ret_child)->id, &own, err);
	return r < 0 ? r : own;
}

/* Merges every layer that has no use of its own into one. */
static int merge_all(struct stored_box *box, struct cloche_err *err)
{
	for (size_t i = 0; i < box->stack.layer_count;) {
		const struct stack_layer *child = NULL;
		_own_(closep) int lock_fd = store_lock(box->store, err);
		int r = lock_fd < 0 ? lock_fd : can_merge(box, &box->stack.layers[i], &child, err);

		if (r < 0)
			return r;
		if (r == 0) {
			i++;
			continue;
		}
		assert(child != NULL);
		memcpy(box->stack.merging, child->id, sizeof(box->stack.merging));
		r = store_box_write(box, err);
		close_fd(&lock_fd);
		if (r == 0)
			r = merge_finish(box, err);
		if (r < 0)
			return r;
		i = 0;
	}
	return 0;
}

int box_drop(const struct store *store, const char *name, const char *snapshot,
	     struct cloche_err *err)
{
	struct stored_box box;
	struct stack_layer *layer = NULL;
	int lock_fd = -1;
	int r = store_box_open(&box, store, name, STORE_CHANGE, err);

	if (r < 0)
		return r;
	r = find_snapshot(&box, snapshot, &layer, err);
	if (r == 0 && layer != NULL) {
		layer->name[0] = '\0';
		stack_trim(&box.stack);
		r = lock_fd = store_lock(store, err);
	}
	if (r >= 0)
		r = write_fewer(&box, err);
	close_fd(&lock_fd);
	if (r == 0)
		box_log(&box, "drop", "snapshot", snapshot, NULL);
	if (r == 0)
		r = merge_all(&box, err);
	store_box_close(&box);
	return r < 0 ? r : trash_collect(store, err);
}

int box_prune(const struct store *store, struct cloche_err *err)
{
	struct names names = {0};

	remove_temporary(store);
	int r = store_boxes(store, add_name, &names, err);

	for (size_t i = 0; i < names.count && r == 0; i++) {
		struct stored_box box;
		struct cloche_err busy = {0};
		int opened = store_box_open(&box, store, names.list[i], STORE_CHANGE, &busy);

		/* One that runs now is left for the next time. */
		if (opened == -EBUSY || opened == -ENOENT)
			continue;
		r = opened < 0 ? err_set(err, opened, "%s", busy.text) : merge_all(&box, err);
		if (opened == 0)
			store_box_close(&box);
	}
	free(names.list);
	return r < 0 ? r : trash_collect(store, err);
}
