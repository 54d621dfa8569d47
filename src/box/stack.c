/* SPDX-License-Identifier: Apache-2.0 */
#include "box/stack.h"

#include "base/own.h"
#include "box/name.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VERSION_LINE "cloche-stack 1"

void stack_done(struct stack *stack)
{
	free(stack->layers);
	*stack = (struct stack){0};
}

int stack_copy(struct stack *ret_stack, const struct stack *from)
{
	struct stack copy = *from;

	copy.layers = calloc(from->layer_count + 1, sizeof(*copy.layers));
	if (copy.layers == NULL)
		return -ENOMEM;
	if (from->layer_count > 0)
		memcpy(copy.layers, from->layers, from->layer_count * sizeof(*copy.layers));
	*ret_stack = copy;
	return 0;
}

struct stack_layer *stack_find(const struct stack *stack, const char *id)
{
	for (size_t i = 0; i < stack->layer_count && *id != '\0'; i++) {
		if (strcmp(stack->layers[i].id, id) == 0)
			return &stack->layers[i];
	}
	return NULL;
}

struct stack_layer *stack_snapshot(const struct stack *stack, const char *name)
{
	for (size_t i = 0; i < stack->layer_count && *name != '\0'; i++) {
		if (strcmp(stack->layers[i].name, name) == 0)
			return &stack->layers[i];
	}
	return NULL;
}

struct stack_layer *stack_parent(const struct stack *stack, const struct stack_layer *layer)
{
	return stack_find(stack, layer->parent);
}

size_t stack_depth(const struct stack *stack, const char *id)
{
	size_t depth = 0;

	for (const struct stack_layer *layer = stack_find(stack, id);
	     layer != NULL && depth <= stack->layer_count; layer = stack_parent(stack, layer))
		depth++;
	return depth;
}

size_t stack_child_count(const struct stack *stack, const char *id)
{
	size_t count = 0;

	for (size_t i = 0; i < stack->layer_count; i++)
		count += strcmp(stack->layers[i].parent, id) == 0;
	return count;
}

static int add(struct stack *stack, const struct stack_layer *layer)
{
	if (stack->layer_count >= STACK_LAYERS_MAX)
		return -E2BIG;
	struct stack_layer *layers =
		realloc(stack->layers, (stack->layer_count + 1) * sizeof(*layers));
	if (layers == NULL)
		return -ENOMEM;
	stack->layers = layers;
	layers[stack->layer_count++] = *layer;
	return 0;
}

int stack_push(struct stack *stack, const char *id, const char *parent)
{
	struct stack_layer layer = {0};

	memcpy(layer.parent, parent, strnlen(parent, LAYER_ID_SIZE - 1));
	memcpy(layer.id, id, strnlen(id, LAYER_ID_SIZE - 1));
	int r = add(stack, &layer);
	if (r == 0)
		memcpy(stack->top, layer.id, sizeof(stack->top));
	return r;
}

void stack_take_out(struct stack *stack, const char *id)
{
	const struct stack_layer *layer = stack_find(stack, id);

	if (layer == NULL)
		return;
	const struct stack_layer taken = *layer;
	for (size_t i = 0; i < stack->layer_count; i++) {
		struct stack_layer *other = &stack->layers[i];

		if (strcmp(other->parent, taken.id) == 0)
			memcpy(other->parent, taken.parent, sizeof(other->parent));
	}
	size_t index = (size_t)(layer - stack->layers);
	stack->layer_count--;
	memmove(stack->layers + index, stack->layers + index + 1,
		(stack->layer_count - index) * sizeof(*stack->layers));
}

void stack_trim(struct stack *stack)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (size_t i = 0; i < stack->layer_count && !changed; i++) {
			const struct stack_layer *layer = &stack->layers[i];

			if (layer->name[0] != '\0' || strcmp(layer->id, stack->top) == 0 ||
			    stack_child_count(stack, layer->id) > 0)
				continue;
			char id[LAYER_ID_SIZE];
			memcpy(id, layer->id, sizeof(id));
			stack_take_out(stack, id);
			changed = true;
		}
	}
}

static void change(char id[LAYER_ID_SIZE], const char *from, const char *to)
{
	if (strcmp(id, from) == 0)
		memcpy(id, to, LAYER_ID_SIZE);
}

void stack_change_id(struct stack *stack, const char *from, const char *to)
{
	for (size_t i = 0; i < stack->layer_count; i++) {
		change(stack->layers[i].id, from, to);
		change(stack->layers[i].parent, from, to);
	}
	change(stack->top, from, to);
	change(stack->merging, from, to);
}

void stack_merged(struct stack *stack)
{
	const struct stack_layer *child = stack_find(stack, stack->merging);
	struct stack_layer *parent = child == NULL ? NULL : stack_parent(stack, child);

	if (parent != NULL) {
		const struct stack_layer merged = *child;

		memcpy(parent->name, merged.name, sizeof(parent->name));
		parent->time = merged.time;
		if (strcmp(stack->top, merged.id) == 0)
			memcpy(stack->top, parent->id, sizeof(stack->top));
		stack_take_out(stack, merged.id);
	}
	stack->merging[0] = '\0';
}

static bool id_valid(const char *id)
{
	return strlen(id) == LAYER_ID_SIZE - 1 &&
	       strspn(id, "0123456789abcdef") == LAYER_ID_SIZE - 1;
}

/* "-" is an empty field. */
static bool take_id(char to[LAYER_ID_SIZE], const char *text)
{
	if (strcmp(text, "-") == 0)
		return true;
	if (!id_valid(text))
		return false;
	memcpy(to, text, LAYER_ID_SIZE);
	return true;
}

static bool take_time(uint64_t *ret_time, const char *text)
{
	char *end;

	*ret_time = strtoull(text, &end, 10);
	return end != text && *end == '\0';
}

static bool take_bool(bool *ret_value, const char *text)
{
	*ret_value = strcmp(text, "yes") == 0;
	return *ret_value || strcmp(text, "no") == 0;
}

static int take_line(struct stack *stack, char *line)
{
	char *fields[5] = {0};
	char *save = NULL;
	size_t count = 0;

	for (char *field = strtok_r(line, " ", &save);
	     field != NULL && count < ARRAY_LENGTH(fields); field = strtok_r(NULL, " ", &save))
		fields[count++] = field;
	if (count == 5 && strcmp(fields[0], "layer") == 0) {
		struct stack_layer layer = {0};

		if (!id_valid(fields[1]) || !take_id(layer.id, fields[1]) ||
		    !take_id(layer.parent, fields[2]) || !take_time(&layer.time, fields[3]))
			return -EINVAL;
		if (strcmp(fields[4], "-") != 0 && !box_name_valid(fields[4]))
			return -EINVAL;
		if (strcmp(fields[4], "-") != 0)
			memcpy(layer.name, fields[4], strlen(fields[4]) + 1);
		return stack_find(stack, layer.id) != NULL ? -EINVAL : add(stack, &layer);
	}
	if (count != 2)
		return -EINVAL;
	bool good = strcmp(fields[0], "box") == 0	  ? take_id(stack->id, fields[1])
		    : strcmp(fields[0], "base") == 0	  ? take_id(stack->base, fields[1])
		    : strcmp(fields[0], "top") == 0	  ? take_id(stack->top, fields[1])
		    : strcmp(fields[0], "merging") == 0	  ? take_id(stack->merging, fields[1])
		    : strcmp(fields[0], "temporary") == 0 ? take_bool(&stack->temporary, fields[1])
		    : strcmp(fields[0], "made") == 0	  ? take_time(&stack->time, fields[1])
							  : false;
	return good ? 0 : -EINVAL;
}

/* Every layer leads to the host in the end, and what is named is there. */
static bool is_whole(const struct stack *stack)
{
	if (stack->id[0] == '\0' || stack_find(stack, stack->top) == NULL)
		return false;
	for (size_t i = 0; i < stack->layer_count; i++) {
		const struct stack_layer *layer = &stack->layers[i];
		size_t steps = 0;

		while (layer->parent[0] != '\0') {
			layer = stack_parent(stack, layer);
			if (layer == NULL || ++steps > stack->layer_count)
				return false;
		}
	}
	return stack->merging[0] == '\0' || stack_find(stack, stack->merging) != NULL;
}

int stack_parse(struct stack *ret_stack, const char *text)
{
	struct stack stack = {0};
	_own_(freep) char *copy = strdup(text);
	char *rest = copy;
	int r = copy == NULL ? -ENOMEM : 0;

	const char *first = r == 0 ? strsep(&rest, "\n") : NULL;
	if (r == 0 && (first == NULL || strcmp(first, VERSION_LINE) != 0))
		r = -EINVAL;
	for (char *line; r == 0 && (line = strsep(&rest, "\n")) != NULL;) {
		if (*line != '\0')
			r = take_line(&stack, line);
	}
	if (r == 0 && !is_whole(&stack))
		r = -EINVAL;
	if (r < 0) {
		stack_done(&stack);
		return r;
	}
	*ret_stack = stack;
	return 0;
}

static const char *or_none(const char *text)
{
	return text[0] == '\0' ? "-" : text;
}

int stack_format(const struct stack *stack, struct buf *buf)
{
	int r = buf_format(buf,
			   VERSION_LINE "\nbox %s\nbase %s\nmade %llu\ntemporary %s\ntop %s\n"
					"merging %s\n",
			   stack->id, or_none(stack->base), (unsigned long long)stack->time,
			   stack->temporary ? "yes" : "no", stack->top, or_none(stack->merging));

	for (size_t i = 0; i < stack->layer_count && r == 0; i++) {
		const struct stack_layer *layer = &stack->layers[i];

		r = buf_format(buf, "layer %s %s %llu %s\n", layer->id, or_none(layer->parent),
			       (unsigned long long)layer->time, or_none(layer->name));
	}
	return r;
}
