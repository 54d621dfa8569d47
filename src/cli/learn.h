/* SPDX-License-Identifier: Apache-2.0
 *
 * From what a box's hooks told to what is learned: looks the paths up on the host.
 */
#ifndef CLOCHE_CLI_LEARN_H
#define CLOCHE_CLI_LEARN_H

#include "policy/learn.h"

/* A path as the program wrote it, absolute. What the watched policy did not show is not learned,
 * nor what the caller may not do on the host. */
int learn_host_path(struct learned *learned, const struct policy *watched, const char *path,
		    unsigned uses);

#endif
