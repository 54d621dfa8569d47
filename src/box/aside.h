/* SPDX-License-Identifier: Apache-2.0
 *
 * Removing from a directory in which somebody else may rename: what a name means there can change
 * between a look at it and its removal. So it is taken into a directory of our own first, looked
 * at there, and put back when it is something else.
 */
#ifndef CLOCHE_BOX_ASIDE_H
#define CLOCHE_BOX_ASIDE_H

#include <stdint.h>
#include <sys/types.h>

/* The tree of that name, if it is this inode; nothing there is no error. -ESTALE: it is something
 * else, and is still there. An earlier removal that was cut off is finished. */
int aside_remove(int dir_fd, const char *name, dev_t dev, uint64_t ino);

#endif
