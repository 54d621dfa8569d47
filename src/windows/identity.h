/* SPDX-License-Identifier: Apache-2.0
 *
 * What a policy says of Windows, as orders for the registry (hive_edit.h).
 */
#ifndef CLOCHE_WINDOWS_IDENTITY_H
#define CLOCHE_WINDOWS_IDENTITY_H

#include "base/buf.h"
#include "policy/windows.h"

/* Nothing where the policy says nothing. */
int identity_orders(const struct windows_policy *windows, struct buf *out);

#endif
