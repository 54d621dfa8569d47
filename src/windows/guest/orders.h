/* SPDX-License-Identifier: Apache-2.0
 *
 * What the policy wants of the registry (hive_edit.h), done in the box before Wine starts.
 */
#ifndef CLOCHE_WINDOWS_GUEST_ORDERS_H
#define CLOCHE_WINDOWS_GUEST_ORDERS_H

#include <stdbool.h>

/* Once for a box and these orders: what programs have made of it since stays. False, with errno:
 * it could not be done. */
bool orders_carry_out(int prefix_fd, const char *orders);

#endif
