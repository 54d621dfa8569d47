/* SPDX-License-Identifier: Apache-2.0
 *
 * A commit as commit and try make it.
 */
#ifndef CLOCHE_CLI_COMMIT_H
#define CLOCHE_CLI_COMMIT_H

#include "cli/pick.h"

/* Prints what is done and what is left out. 0: all that was asked for; 1: something was left out;
 * or an error. */
int commit_box(const char *name, const struct pick_options *wanted, bool interactive, bool dry,
	       struct cloche_err *err);

#endif
