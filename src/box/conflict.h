/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether what the host has now is what the box took it for when it changed it.
 */
#ifndef CLOCHE_BOX_CONFLICT_H
#define CLOCHE_BOX_CONFLICT_H

#include "box/diff.h"
#include "box/tree.h"

/* Of a change of something that is there below; `born`: since when the box sees nothing newer,
 * which tells where nothing is known of the host's. */
enum conflict conflict_find(const struct layer_stack *stack, const struct change *change,
			    const struct found *below, struct timespec born);

/* Nothing of this name is there below. If it began as a copy of a host file (change->copied) it may
 * have been moved in the box; then what it was copied from is still there. */
enum conflict conflict_missing(const struct layer_stack *stack, const struct change *change,
			       const struct found *box, const struct realm *realm);

/* What was made where something is hidden would go over that; what was removed around it would take
 * it along. */
void conflict_settle_hidden(struct changes *changes);

#endif
