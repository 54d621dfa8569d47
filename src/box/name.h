/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of boxes and snapshots: what a person may type, and what is safe as a file's name.
 */
#ifndef CLOCHE_BOX_NAME_H
#define CLOCHE_BOX_NAME_H

#include "base/err.h"

#include <stdbool.h>

#define BOX_NAME_LENGTH_MAX 64

/* Letters, digits, ".", "_", "-"; not first a dot or dash; at most 64. */
bool box_name_valid(const char *name);
/* The same with words: "WHAT name 'NAME': letters, ...". */
int box_name_check(const char *what, const char *name, struct cloche_err *err);

#endif
