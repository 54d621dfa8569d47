/* SPDX-License-Identifier: Apache-2.0
 *
 * The program that a box is to run, as the host has it: where it is, and why the box has it not.
 */
#ifndef CLOCHE_LAUNCH_PROGRAM_H
#define CLOCHE_LAUNCH_PROGRAM_H

#include "launch/launch.h"

/* Where a name leads on the host: itself with a slash, else the first of that name in the caller's
 * PATH that can be run; as it is written, links and all. Heap; NULL: nowhere. */
char *program_find(const char *name);

/* Says that the guest could not execute its program (`error`: a positive errno), and of one that it
 * did not find what the caller may want to know. The exit status, as a shell's. */
int program_not_executed(const struct launch *launch, int error, struct cloche_err *err);

#endif
