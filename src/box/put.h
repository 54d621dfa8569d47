/* SPDX-License-Identifier: Apache-2.0
 *
 * One step of a commit carried out, or taken back, by names within one directory: what is new is
 * beside its place under a name of ours (TEMP), what is old ends there.
 *
 * Where the file system can exchange two names that is one rename. Elsewhere (NFS, much of FUSE) it
 * is three by way of another name, each of which can be seen to have happened, by inode; so any
 * process can go on from anywhere, in either direction.
 *
 *              NAME     TEMP     TEMP-old
 *     0        old      new      -
 *     1        -        new      old         nothing is there, for a moment
 *     2        new      -        old
 *     3        new      old      -
 *
 * Nothing that came to a name meanwhile is overwritten: where the file system cannot promise that
 * of a rename either, a link is made and the old name removed. (Of directories, and where there are
 * no links, a look just before has to do.)
 */
#ifndef CLOCHE_BOX_PUT_H
#define CLOCHE_BOX_PUT_H

#include "box/commit.h"

/* -ESTALE, -EEXIST: something else is there than was looked at. Done before: 0. */
int put_apply(const struct step *step, int dir_fd, const char *name);
int put_take_back(const struct step *step, int dir_fd, const char *name);

/* The name becomes another one, which nothing has: -EEXIST. */
int put_move(int from_fd, const char *from, int to_fd, const char *to);

#endif
