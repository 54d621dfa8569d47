/* SPDX-License-Identifier: Apache-2.0
 *
 * A change of a text file as a unified diff, made by diff(1): "a/path" below, "b/path" in the box.
 */
#ifndef CLOCHE_CLI_DIFF_TEXT_H
#define CLOCHE_CLI_DIFF_TEXT_H

#include "box/diff.h"

/* Prints to standard output; on a terminal with everything escaped that would act on it. */
int diff_text(const struct changes *changes, const struct change *change, struct cloche_err *err);

#endif
