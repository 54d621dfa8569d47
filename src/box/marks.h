/* SPDX-License-Identifier: Apache-2.0
 *
 * The marks of overlayfs that a layer's directories have, as text: "o PATH" (opaque: hides what is
 * below) and "l PATH" (lies over another one), paths percent-encoded, from the layer's directory.
 */
#ifndef CLOCHE_BOX_MARKS_H
#define CLOCHE_BOX_MARKS_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

/* Those of one layer. -ELOOP: a tree deeper than anybody needs. */
int marks_read(int layer_fd, bool rooted, struct buf *buf);
/* Sets them; the text is a stranger's, and what lies in the layer too. */
int marks_set(int layer_fd, bool rooted, const char *text);

#endif
