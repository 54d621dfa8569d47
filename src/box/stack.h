/* SPDX-License-Identifier: Apache-2.0
 *
 * Which layers a box has: a tree, for a snapshot that was gone back from is kept. The box's present
 * state is its top layer and all of that one's ancestors; a snapshot is a layer with a name.
 *
 *     top (written) ── layer "tuesday" ── layer "monday" ── layer of the base ── host
 *                           layer "try" ──┘
 *
 * A value; the file "stack" of a box, and nothing else, has it on disk.
 */
#ifndef CLOCHE_BOX_STACK_H
#define CLOCHE_BOX_STACK_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_NAME_SIZE 65
#define LAYER_ID_SIZE	17
#define STACK_LAYERS_MAX 1000
/* Of the layers that one mount is made of. */
#define STACK_DEPTH_MAX 128

struct stack_layer {
	char id[LAYER_ID_SIZE];	    /* a directory of layers/ */
	char parent[LAYER_ID_SIZE]; /* "": over the host */
	char name[STORE_NAME_SIZE]; /* of the snapshot; "": none */
	uint64_t time;		    /* when it was frozen; 0: it is the top */
};

struct stack {
	char id[LAYER_ID_SIZE];	  /* of the box, whatever its name is */
	char base[LAYER_ID_SIZE]; /* of the box that it is based on; "": none */
	char top[LAYER_ID_SIZE];
	char merging[LAYER_ID_SIZE]; /* this layer is being merged into its parent; "": none */
	uint64_t time;		     /* when the box was made */
	struct stack_layer *layers;  /* owned */
	size_t layer_count;
};

void stack_done(struct stack *stack);

/* Borrowed; NULL: none. */
const struct stack_layer *stack_find(const struct stack *stack, const char *id);
const struct stack_layer *stack_snapshot(const struct stack *stack, const char *name);
/* What lies below; NULL: the host. */
const struct stack_layer *stack_parent(const struct stack *stack, const struct stack_layer *layer);

#endif
