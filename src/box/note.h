/* SPDX-License-Identifier: Apache-2.0
 *
 * When a run has ended, what its layer newly covers is looked at on the host and written down
 * (known.h), as long as it is still what the box took: its change time is before the birth of what
 * covers it.
 *
 * What is written down already is not looked at again, so this takes time in proportion to what the
 * run has changed. A directory whose change time is before that of the file "known" has nothing new
 * in it; guests can set neither.
 */
#ifndef CLOCHE_BOX_NOTE_H
#define CLOCHE_BOX_NOTE_H

#include "box/store.h"

/* The box is locked and nothing runs in it. What cannot be noted is told by times later on, so this
 * fails nobody. */
void note_covered(const struct stored_box *box);

#endif
