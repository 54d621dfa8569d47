/* SPDX-License-Identifier: Apache-2.0
 *
 * A box as one file, to be kept or taken elsewhere: a tar archive, made and read by tar(1).
 *
 *     cloche-box         what this is
 *     stack              as on disk
 *     views/ID           as on disk
 *     marks/ID           which directories of the layer are opaque (o) or lie over others (l): in
 *                        overlayfs's attributes this is another one for root than for others
 *     layers/ID/u|p|f    the layer; owners are those that the box shows
 *
 * An archive is a stranger's. tar reads it with the authority of the new box alone, in a mount
 * namespace where everything else is read-only; what it has made is looked at through no link. Of
 * where things are on the host the archive is not believed: only what a guest path itself says.
 */
#ifndef CLOCHE_BOX_ARCHIVE_H
#define CLOCHE_BOX_ARCHIVE_H

#include "box/layer.h"
#include "box/store.h"

/* Waits for others, -EBUSY when the box runs. */
int archive_export(const struct store *store, const char *name, int out_fd, struct cloche_err *err);
/* A new box, there when all of it is. base: where one that stands on something of ours finds it. */
int archive_import(const struct store *store, const char *name, int in_fd,
		   const struct layer_base *base, struct cloche_err *err);

#endif
