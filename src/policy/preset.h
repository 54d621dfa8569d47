/* SPDX-License-Identifier: Apache-2.0
 *
 * The lists of what is hidden, and what the loader asks about presets.
 */
#ifndef CLOCHE_POLICY_PRESET_H
#define CLOCHE_POLICY_PRESET_H

#include "policy/policy.h"

extern const char *const preset_secrets[];	/* of the host, NULL-terminated, as all here */
extern const char *const preset_sockets[];	/* of the session, outside /run */
extern const char *const preset_home_secrets[]; /* all begin with "~/" */

/* True when the preset was added before. */
bool policy_has_preset(const struct policy *policy, const char *name);

#endif
