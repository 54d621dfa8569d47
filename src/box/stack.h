/* SPDX-License-Identifier: Apache-2.0
 *
 * Which layers a box has: a tree, for what one has gone back from may have snapshots that stay. The
 * box's present state is its top layer and all of that one's ancestors; a snapshot is a layer with
 * a name.
 *
 *     top (written) ── layer "tuesday" ── layer "monday" ── layer of the base ── host
 *                           layer "try" ──┘
 *
 * A value without side effects; the file "stack" of a box, and nothing else, has it on disk.
 */
#ifndef CLOCHE_BOX_STACK_H
#define CLOCHE_BOX_STACK_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_NAME_SIZE 65
#define LAYER_ID_SIZE	17

#define STACK_LAYERS_MAX 1000
/* Of the layers that one mount is made of. */
#define STACK_DEPTH_MAX 128
/* More than any stack's text has. */
#define STACK_TEXT_MAX ((size_t)512 << 10)

struct stack_layer {
	char id[LAYER_ID_SIZE];	    /* a directory of layers/ */
	char parent[LAYER_ID_SIZE]; /* "": over the host */
	char name[STORE_NAME_SIZE]; /* of the snapshot; "": none */
	uint64_t time;		    /* seconds, when it was frozen; 0: it is the top */
};

struct stack {
	char id[LAYER_ID_SIZE];	     /* of the box, whatever its name is */
	char base[LAYER_ID_SIZE];    /* of the box that it is based on; "": none */
	char top[LAYER_ID_SIZE];     /* what runs write to */
	char merging[LAYER_ID_SIZE]; /* this one is being merged into its parent; "": none */
	uint64_t time;		     /* seconds, when the box was made */
	bool temporary;		     /* of one run: whoever finds it not running removes it */
	struct stack_layer *layers;  /* owned */
	size_t layer_count;
};

void stack_done(struct stack *stack);
int stack_copy(struct stack *ret_stack, const struct stack *from);

/* Of a file of ours; -EINVAL: it is damaged. */
int stack_parse(struct stack *ret_stack, const char *text);
int stack_format(const struct stack *stack, struct buf *buf);

/* Borrowed until the stack is changed; NULL: none. */
struct stack_layer *stack_find(const struct stack *stack, const char *id);
struct stack_layer *stack_snapshot(const struct stack *stack, const char *name);
/* What lies below; NULL: the host. */
struct stack_layer *stack_parent(const struct stack *stack, const struct stack_layer *layer);

size_t stack_depth(const struct stack *stack, const char *id);
size_t stack_child_count(const struct stack *stack, const char *id);

/* A new top layer over `parent` ("": the host); what was the top stays listed. */
int stack_push(struct stack *stack, const char *id, const char *parent);
/* Takes the layer out; what lies over it now lies over its parent. */
void stack_take_out(struct stack *stack, const char *id);
/* Takes out every layer that neither the top nor a snapshot stands on. */
void stack_trim(struct stack *stack);
/* The layer has another id. */
void stack_change_id(struct stack *stack, const char *from, const char *to);
/* The child, which is being merged into its parent, has become one with that: the parent's
 * directory stays, and is all that the child was. */
void stack_merged(struct stack *stack);

#endif
