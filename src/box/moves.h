/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that are gone in one place and there in another with the same content.
 */
#ifndef CLOCHE_BOX_MOVES_H
#define CLOCHE_BOX_MOVES_H

#include "box/diff.h"

/* Sets moved_from and moved, and takes back the conflict of a file whose original was moved. */
int moves_find(struct changes *changes);

#endif
