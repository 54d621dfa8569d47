/* SPDX-License-Identifier: Apache-2.0
 *
 * Removing what nobody has any more: boxes that were removed, and layers that are in no stack.
 *
 *     mark, or the box's directory is moved to trash/      (the store's lock is held)
 *     the stacks no longer have the layers
 *     collect: layers of no stack are moved to trash/, then everything in it is removed
 *
 * A command that is killed in between leaves something in trash/, and the next one goes on.
 */
#ifndef CLOCHE_BOX_TRASH_H
#define CLOCHE_BOX_TRASH_H

#include "box/store.h"

/* Layers are about to lose their stack. The store's lock is held, until the stack is written. */
int trash_mark(const struct store *store, struct cloche_err *err);

/* The box is there no more. The store's lock is held. */
int trash_box(const struct stored_box *box, struct cloche_err *err);

/* Waits for others that do the same; afterwards it is gone. No lock of the store is held. */
int trash_collect(const struct store *store, struct cloche_err *err);

/* Goes on with what was left by others, unless somebody does already. */
void trash_go_on(const struct store *store);

#endif
