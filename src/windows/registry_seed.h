/* SPDX-License-Identifier: Apache-2.0
 *
 * What the template's registry has beyond what wineboot puts there.
 */
#ifndef CLOCHE_WINDOWS_REGISTRY_SEED_H
#define CLOCHE_WINDOWS_REGISTRY_SEED_H

#include "base/err.h"

/* Adds it to the hives of the prefix, whose server does not run. */
int registry_seed(int prefix_fd, struct cloche_err *err);

#endif
