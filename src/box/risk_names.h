/* SPDX-License-Identifier: Apache-2.0
 *
 * The classes of risk that a name by itself is in.
 */
#ifndef CLOCHE_BOX_RISK_NAMES_H
#define CLOCHE_BOX_RISK_NAMES_H

#include "box/risk.h"

/* A set of 1 << enum risk, of a path of the host. `below`: instead of the path's own, those of what
 * could be below it if it were a directory. */
unsigned risk_of_name(const char *path, bool below);

#endif
