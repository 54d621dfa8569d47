/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes of a Windows box that are none of its programs': what the policy has set of registry and
 * names, and a registry that was written anew and says the same.
 */
#ifndef CLOCHE_CLI_DIFF_OWN_H
#define CLOCHE_CLI_DIFF_OWN_H

#include "box/diff.h"

/* Marks them (`own`). What is not exactly as it was set is the programs'. */
int diff_find_own(struct changes *changes, struct cloche_err *err);

#endif
