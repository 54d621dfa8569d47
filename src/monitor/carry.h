/* SPDX-License-Identifier: Apache-2.0
 *
 * The monitor makes a call for the guest that asked for it (route notify).
 */
#ifndef CLOCHE_MONITOR_CARRY_H
#define CLOCHE_MONITOR_CARRY_H

#include "monitor/call.h"

/* Outside of every result and errno of the kernel. */
#define CARRY_CANNOT (-5000) /* only the caller can do it: it waits, or acts on the caller */
#define CARRY_SENT   (-5001) /* a descriptor was handed over, and with it the answer */

/* Once, before anything is carried out. */
int carry_init(void);

/* The result of the call, or a negative errno, or one of the above. What was not looked at yet is
 * copied from the guest now. */
int64_t carry_out(struct call *call);

/* socket and socketpair, which i386's socketcall hides from the filter. */
int64_t carry_socket(const struct call *call);

#endif
