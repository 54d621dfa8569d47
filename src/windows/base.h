/* SPDX-License-Identifier: Apache-2.0
 *
 * What C: of a kept box lies over: the template of the runtime that it ran on last.
 */
#ifndef CLOCHE_WINDOWS_BASE_H
#define CLOCHE_WINDOWS_BASE_H

#include "box/layer.h"

/* Where that is gone (cloche windows setup --refresh) the present one takes its place, as it will
 * when the box runs again: 1. 0: nothing was to be done, or nothing can be. */
int base_renew(struct layer_stack *stack);

#endif
