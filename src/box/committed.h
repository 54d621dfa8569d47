/* SPDX-License-Identifier: Apache-2.0
 *
 * What commits of a box have left on the host, by inode and change time, in the box's file
 * "committed". A host file that is still as a commit left it is what the box has shown: no change
 * of the box to it is in conflict, although it is newer than what the layer took from the host. Of
 * a file with several names the change time moves when one of them goes, so there the rest counts.
 */
#ifndef CLOCHE_BOX_COMMITTED_H
#define CLOCHE_BOX_COMMITTED_H

#include "box/commit.h"

/* What is on the host of the changes that are chosen, where it is what they wanted. */
int committed_note(int box_fd, const struct changes *changes, const bool *chosen);
/* Directories that the steps changed something in, or of. */
int committed_note_directories(int box_fd, const struct commit *commit,
			       const struct changes *changes, const bool *chosen);

/* Takes back conflicts with what is noted. */
int committed_settle(int box_fd, struct changes *changes, struct cloche_err *err);

#endif
