/* SPDX-License-Identifier: Apache-2.0
 *
 * What a commit has put on the host leaves the box's layer: from then on the box shows the host's,
 * with what happens there later.
 *
 * What leaves is written down in the commit's journal before anything happens. When all is done it
 * becomes the file "leaving" of the box; whoever opens the box to change it or to run in it first
 * carries that out, each step of which can be done again:
 *
 *     of BOX LAYER SEC NSEC     the ids, and when the box had begun its last run: void for another
 *     entry VIEW PATH           a file, link or whiteout of the layer
 *     tree VIEW PATH            a directory that hides the host's, with all that is in it
 *     directory VIEW PATH       one that may go when it is empty and as the host's
 *
 * It stays where something else would show through: an older layer of the box (a snapshot, a base)
 * has the name, or a directory around it hides the host's, or something was hidden from the box
 * there. A file with several names goes with all of them or not at all.
 */
#ifndef CLOCHE_BOX_LEAVE_H
#define CLOCHE_BOX_LEAVE_H

#include "base/buf.h"
#include "box/diff.h"

#define LEAVE_TEXT_MAX ((size_t)1 << 30)

/* What leaves when the chosen changes have been committed, as lines (kept while committing). */
int leave_plan(struct buf *lines, const struct stored_box *box, const struct changes *changes,
	       const bool *chosen);

/* It is committed. `box_fd` is the box's directory. */
int leave_begin(int box_fd, const struct buf *lines);
/* Carries it out, if there is something; the box is locked and nothing runs. */
int leave_finish(const struct stored_box *box, struct cloche_err *err);

/* What has not left is from now on what the commit has made it. */
int leave_note_others(const struct stored_box *box, const struct changes *changes,
		      const bool *chosen);

#endif
