/* SPDX-License-Identifier: Apache-2.0
 *
 * Builds the runtime of Windows boxes: see runtime.h. Each step is done once and leaves a mark; an
 * interrupted build goes on with the step that it was in.
 *
 * Packages are taken with apt-get and dpkg-deb, in directories of our own: nothing of the host's
 * changes, no root is needed, and no script of a package runs. Downloaded code runs first in the
 * box that makes the template (wineboot).
 */
#ifndef CLOCHE_WINDOWS_SETUP_H
#define CLOCHE_WINDOWS_SETUP_H

#include "base/err.h"

#include <stdbool.h>

/* Says on standard output what it does. 1: there was one already, and no newer one was wanted. */
int windows_setup(bool refresh, struct cloche_err *err);

#endif
