/* SPDX-License-Identifier: Apache-2.0
 *
 * Merging a layer into the one below it: everything in the upper one is moved over what the lower
 * one has, name by name, and what comes of it is, for who looks at the stack, what it was before.
 *
 * Each step can be done again: killed at any point, the same merge begun anew goes on where it was.
 * So the stack says first that there is a merge, and the next command finishes it. Nothing is
 * copied: it takes time in proportion to the names that both layers have.
 */
#ifndef CLOCHE_BOX_MERGE_H
#define CLOCHE_BOX_MERGE_H

#include "box/store.h"

/* The box is locked, stack.merging names the upper layer, and no other box has either. */
int merge_finish(struct stored_box *box, struct cloche_err *err);

#endif
