/* SPDX-License-Identifier: Apache-2.0
 *
 * cloche box list, show, snapshots: nothing is changed, and nothing is waited for.
 */
#include "base/own.h"
#include "box/layer.h"
#include "cli/box.h"
#include "sys/sys.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>
#include <time.h>

enum { JSON };

static const struct option_row json_options[] = {
	{"json", 0, NULL, OPTION_OWN, JSON, "as JSON"},
	{0},
};

struct wanted {
	const char *id;
	char *name;
};

static int has_id(struct stored_box *box, void *arg, struct cloche_err *err)
{
	struct wanted *wanted = arg;

	(void)err;
	if (strcmp(box->stack.id, wanted->id) == 0)
		(void)snprintf(wanted->name, STORE_NAME_SIZE, "%s", box->name);
	return 0;
}

int box_name_of(const struct store *store, const char *id, char ret_name[STORE_NAME_SIZE],
		struct cloche_err *err)
{
	struct wanted wanted = {.id = id, .name = ret_name};

	ret_name[0] = '\0';
	return *id == '\0' ? 0 : store_boxes(store, has_id, &wanted, err);
}

static void date(uint64_t seconds, char *text, size_t size)
{
	time_t time = (time_t)seconds;
	struct tm parts;

	if (seconds == 0 || localtime_r(&time, &parts) == NULL ||
	    strftime(text, size, "%Y-%m-%d %H:%M:%S", &parts) == 0)
		(void)snprintf(text, size, "-");
}

static size_t snapshot_count(const struct stack *stack)
{
	size_t count = 0;

	for (size_t i = 0; i < stack->layer_count; i++)
		count += stack->layers[i].name[0] != '\0';
	return count;
}

static int print_json(struct json_object *object)
{
	const char *text = json_object_to_json_string_ext(
		object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);

	if (text != NULL)
		(void)printf("%s\n", text);
	json_object_put(object);
	return text == NULL ? -ENOMEM : 0;
}

static void add_text(struct json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, text[0] == '\0' ? NULL : json_object_new_string(text));
}

static void add_number(struct json_object *object, const char *key, uint64_t number)
{
	json_object_object_add(object, key, json_object_new_uint64(number));
}

/* ---- list ---- */

struct listing {
	struct json_object *json; /* NULL: a table */
	size_t count;
};

static int list_one(struct stored_box *box, void *arg, struct cloche_err *err)
{
	struct listing *listing = arg;
	char base[STORE_NAME_SIZE];
	char runner[64];
	char made[32];
	bool runs = store_runner(box, runner, sizeof(runner)) == 1;
	int r = box_name_of(box->store, box->stack.base, base, err);

	if (r < 0)
		base[0] = '\0'; /* A box that cannot be read is told of at the end. */
	if (listing->json != NULL) {
		struct json_object *object = json_object_new_object();

		add_text(object, "name", box->name);
		add_text(object, "base", base);
		add_number(object, "snapshots", snapshot_count(&box->stack));
		add_number(object, "made", box->stack.time);
		json_object_object_add(object, "runs", json_object_new_boolean(runs));
		(void)json_object_array_add(listing->json, object);
		return 0;
	}
	if (listing->count++ == 0)
		(void)printf("%-20s %-8s %9s  %-20s %s\n", "BOX", "STATE", "SNAPSHOTS", "BASE",
			     "MADE");
	date(box->stack.time, made, sizeof(made));
	(void)printf("%-20s %-8s %9zu  %-20s %s\n", box->name, runs ? "runs" : "-",
		     snapshot_count(&box->stack), base[0] == '\0' ? "-" : base, made);
	return 0;
}

static int list(int argc, char **argv)
{
	struct box_call call = {0};
	struct cloche_err err = {0};
	struct listing listing = {0};
	int status = box_arguments(&cmd_box_list, argc, argv, &(struct box_arity){0, 0}, &call);

	if (status != 0)
		return status;
	if (call.parsed.values[JSON] != NULL)
		listing.json = json_object_new_array();
	int r = store_boxes(&call.store, list_one, &listing, &err);
	if (listing.json != NULL)
		(void)print_json(listing.json);
	return box_done(&call, r, &err);
}

/* ---- snapshots ---- */

/* The box's present state stands on it. */
static bool is_below_top(const struct stack *stack, const struct stack_layer *wanted)
{
	for (const struct stack_layer *layer = stack_find(stack, stack->top); layer != NULL;
	     layer = stack_parent(stack, layer)) {
		if (layer == wanted)
			return true;
	}
	return false;
}

static int compare_times(const void *a, const void *b)
{
	const struct stack_layer *one = a;
	const struct stack_layer *other = b;

	return one->time < other->time ? -1 : one->time > other->time;
}

static const char *parent_name(const struct stack *stack, const struct stack_layer *layer)
{
	do
		layer = stack_parent(stack, layer);
	while (layer != NULL && layer->name[0] == '\0');
	return layer == NULL ? "" : layer->name;
}

static struct json_object *snapshots_json(const struct stack *stack)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < stack->layer_count; i++) {
		const struct stack_layer *layer = &stack->layers[i];
		struct json_object *object;

		if (layer->name[0] == '\0')
			continue;
		object = json_object_new_object();
		add_text(object, "name", layer->name);
		add_number(object, "made", layer->time);
		add_text(object, "after", parent_name(stack, layer));
		json_object_object_add(object, "present",
				       json_object_new_boolean(is_below_top(stack, layer)));
		(void)json_object_array_add(array, object);
	}
	return array;
}

static void print_snapshots(const struct stack *stack)
{
	size_t count = 0;

	for (size_t i = 0; i < stack->layer_count; i++) {
		const struct stack_layer *layer = &stack->layers[i];
		const char *after = parent_name(stack, layer);
		char made[32];

		if (layer->name[0] == '\0')
			continue;
		if (count++ == 0)
			(void)printf("  %-20s %-20s %s\n", "SNAPSHOT", "MADE", "AFTER");
		date(layer->time, made, sizeof(made));
		(void)printf("%c %-20s %-20s %s\n", is_below_top(stack, layer) ? '*' : ' ',
			     layer->name, made, after[0] == '\0' ? "-" : after);
	}
}

static int snapshots(int argc, char **argv)
{
	struct box_call call = {0};
	struct cloche_err err = {0};
	struct stored_box box;
	int status =
		box_arguments(&cmd_box_snapshots, argc, argv, &(struct box_arity){1, 1}, &call);

	if (status != 0)
		return status;
	int r = store_box_open(&box, &call.store, call.parsed.rest[0], STORE_LOOK, &err);
	if (r == 0) {
		qsort(box.stack.layers, box.stack.layer_count, sizeof(*box.stack.layers),
		      compare_times);
		if (call.parsed.values[JSON] != NULL)
			(void)print_json(snapshots_json(&box.stack));
		else
			print_snapshots(&box.stack);
		store_box_close(&box);
	}
	return box_done(&call, r, &err);
}

/* ---- show ---- */

struct sizes {
	uint64_t written; /* since the last snapshot */
	uint64_t own;	  /* that nobody else has, with that */
	uint64_t shared;  /* with other boxes */
	bool complete;
	const struct stored_box *box;
	bool is_shared; /* of the layer that is asked about */
	const char *id;
};

static int is_shared(struct stored_box *box, void *arg, struct cloche_err *err)
{
	struct sizes *sizes = arg;

	(void)err;
	if (strcmp(box->stack.id, sizes->box->stack.id) != 0)
		sizes->is_shared |= stack_find(&box->stack, sizes->id) != NULL;
	return 0;
}

static int measure(struct sizes *sizes, const struct stored_box *box, struct cloche_err *err)
{
	sizes->box = box;
	sizes->complete = true;
	for (size_t i = 0; i < box->stack.layer_count; i++) {
		bool complete = true;

		sizes->id = box->stack.layers[i].id;
		sizes->is_shared = false;
		_own_(closep) int fd = store_layer_open(box->store, sizes->id);
		uint64_t bytes = fd < 0 ? 0 : store_usage(fd, &complete);
		int r = store_boxes(box->store, is_shared, sizes, err);
		if (r < 0)
			return r;
		sizes->complete &= complete;
		if (strcmp(sizes->id, box->stack.top) == 0)
			sizes->written = bytes;
		*(sizes->is_shared ? &sizes->shared : &sizes->own) += bytes;
	}
	return 0;
}

static void print_size(const char *what, uint64_t bytes, const char *note)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1024 && unit + 1 < ARRAY_LENGTH(units)) {
		value /= 1024;
		unit++;
	}
	(void)printf("%-12s %.*f %s%s\n", what, unit == 0 ? 0 : 1, value, units[unit], note);
}

static const char *view_kind(const struct layer_view *view)
{
	return view->kind == LAYER_TREE	     ? "copy"
	       : view->kind == LAYER_PRIVATE ? "private"
					     : "copied file";
}

static void print_views(const struct layer_stack *layers)
{
	for (size_t i = 0; i < layers->view_count; i++) {
		const struct layer_view *view = &layers->views[i];
		struct buf text;

		buf_init(&text, (size_t)64 << 10);
		(void)buf_escaped(&text, view->guest, strlen(view->guest));
		if (view->host != NULL && strcmp(view->host, view->guest) != 0) {
			(void)buf_text(&text, " of ");
			(void)buf_escaped(&text, view->host, strlen(view->host));
		}
		(void)printf("%-12s %-12s %s\n", i == 0 ? "writes to" : "", view_kind(view),
			     buf_string(&text));
		buf_done(&text);
	}
}

static void print_box(const struct stored_box *box, const struct sizes *sizes, const char *base,
		      const struct layer_stack *layers)
{
	char made[32];
	char runner[64];
	const char *note = sizes->complete ? "" : " (and what cannot be read)";

	date(box->stack.time, made, sizeof(made));
	(void)printf("%-12s %s\n%-12s %s\n", "box", box->name, "made", made);
	if (base[0] != '\0')
		(void)printf("%-12s %s\n", "base", base);
	if (store_runner(box, runner, sizeof(runner)) == 1)
		(void)printf("%-12s process %s\n", "runs", runner);
	(void)printf("%-12s %zu, of them %zu with a name\n", "layers", box->stack.layer_count,
		     snapshot_count(&box->stack));
	print_size("written", sizes->written, " since the last snapshot");
	print_size("own", sizes->own, note);
	print_size("shared", sizes->shared, " with other boxes");
	print_views(layers);
	print_snapshots(&box->stack);
}

static int print_box_json(const struct stored_box *box, const struct sizes *sizes, const char *base,
			  const struct layer_stack *layers)
{
	struct json_object *object = json_object_new_object();
	struct json_object *views = json_object_new_array();
	char runner[64];

	add_text(object, "name", box->name);
	add_text(object, "base", base);
	add_number(object, "made", box->stack.time);
	(void)store_runner(box, runner, sizeof(runner));
	add_text(object, "runner", runner);
	add_number(object, "layers", box->stack.layer_count);
	add_number(object, "written_bytes", sizes->written);
	add_number(object, "own_bytes", sizes->own);
	add_number(object, "shared_bytes", sizes->shared);
	json_object_object_add(object, "sizes_complete", json_object_new_boolean(sizes->complete));
	for (size_t i = 0; i < layers->view_count; i++) {
		const struct layer_view *view = &layers->views[i];
		struct json_object *one = json_object_new_object();
		struct buf text;

		buf_init(&text, (size_t)64 << 10);
		(void)buf_escaped(&text, view->guest, strlen(view->guest));
		add_text(one, "path", buf_string(&text));
		buf_clear(&text);
		if (view->host != NULL)
			(void)buf_escaped(&text, view->host, strlen(view->host));
		add_text(one, "host", buf_string(&text));
		add_text(one, "kind", view_kind(view));
		buf_done(&text);
		(void)json_object_array_add(views, one);
	}
	json_object_object_add(object, "views", views);
	json_object_object_add(object, "snapshots", snapshots_json(&box->stack));
	return print_json(object);
}

static int show(int argc, char **argv)
{
	struct box_call call = {0};
	struct cloche_err err = {0};
	struct cloche_err unowned = {0};
	struct stored_box box;
	struct layer_stack layers = {0};
	struct sizes sizes = {0};
	char base[STORE_NAME_SIZE];
	int status = box_arguments(&cmd_box_show, argc, argv, &(struct box_arity){1, 1}, &call);

	if (status != 0)
		return status;
	int r = store_box_open(&box, &call.store, call.parsed.rest[0], STORE_LOOK, &err);
	if (r < 0)
		return box_done(&call, r, &err);
	/* Else sizes are of what can be read, and that is said. */
	(void)layer_own_all(&unowned);
	r = box_name_of(&call.store, box.stack.base, base, &err);
	if (r == 0)
		r = measure(&sizes, &box, &err);
	if (r == 0)
		r = layer_stack_open(&layers, &box, NULL, &err);
	if (r == 0) {
		qsort(box.stack.layers, box.stack.layer_count, sizeof(*box.stack.layers),
		      compare_times);
		if (call.parsed.values[JSON] != NULL)
			r = print_box_json(&box, &sizes, base, &layers);
		else
			print_box(&box, &sizes, base, &layers);
	}
	layer_stack_done(&layers);
	store_box_close(&box);
	return box_done(&call, r, &err);
}

const struct command cmd_box_list = {
	.name = "box list",
	.arguments = "",
	.summary = "all there are",
	.options = json_options,
	.run = list,
};

const struct command cmd_box_show = {
	.name = "box show",
	.arguments = "BOX",
	.summary = "what it is, and how large",
	.options = json_options,
	.run = show,
};

const struct command cmd_box_snapshots = {
	.name = "box snapshots",
	.arguments = "BOX",
	.summary = "its snapshots; * is what it stands on",
	.options = json_options,
	.run = snapshots,
};
