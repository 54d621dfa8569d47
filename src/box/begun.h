/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a commit was begun, for who goes on with it: a line of the journal, "begun BOOT NAMESPACE".
 *
 * Directories are known by device and inode. Numbers of devices may be others after the machine was
 * started again (Btrfs, NFS, overlays, disks that are found in another order): what has the inode
 * at the path is taken for it then. And in another mount namespace a path may be another directory,
 * or none, while the right one is where it was: there the journal is left alone.
 */
#ifndef CLOCHE_BOX_BEGUN_H
#define CLOCHE_BOX_BEGUN_H

#include "box/commit.h"

#define BEGUN_SIZE 80

/* Here and now; "" where the kernel does not tell. */
void begun_text(char ret_text[BEGUN_SIZE]);

/* Makes a journal of another time fit; -EXDEV: it is another place's. */
int begun_settle(struct commit *commit, struct cloche_err *err);

#endif
