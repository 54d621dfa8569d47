/* SPDX-License-Identifier: Apache-2.0
 *
 * The pieces of a root plan while it is worked out.
 */
#ifndef CLOCHE_WORLD_PIECES_H
#define CLOCHE_WORLD_PIECES_H

#include "world/rootplan.h"

#include <limits.h>

/* What lies under `path` of a piece or view at `base`: "" or "a/b". */
const char *path_under(const char *path, const char *base);
/* "" where it would be too long: everything that is done with it fails. */
void path_join(char result[PATH_MAX], const char *base, const char *rest);

/* The names are copied. */
int pieces_push(struct root_plan *plan, struct cloche_err *err, struct piece piece,
		const char *guest, const char *host);
/* The innermost piece that the path is in; NULL while there is none. Until the next push. */
struct piece *pieces_find(struct root_plan *plan, const char *guest);
int piece_add_stub(struct cloche_err *err, struct piece *piece, enum stub_kind kind,
		   const char *path, const char *target, mode_t mode);

#endif
