/* SPDX-License-Identifier: Apache-2.0
 *
 * A registry as a policy's presets leave it, for who wants to know what programs have made of it
 * since.
 */
#ifndef CLOCHE_WINDOWS_PRESETS_H
#define CLOCHE_WINDOWS_PRESETS_H

#include "box/presets.h"
#include "windows/hive.h"

/* Whom C:\users\NAME is named after: before the new presets and with them. */
const char *presets_user_before(const struct presets *presets);
const char *presets_user(const struct presets *presets);

/* Carries the new ones out in the hive `file`, as the starter has done in the box. */
int presets_carry_out(const struct presets *presets, const char *file, struct hive *hive,
		      struct cloche_err *err);

#endif
