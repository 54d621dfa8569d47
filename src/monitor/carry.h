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

/* It is made in the box's mounts only, where that matters. */
bool carry_keeps_within(enum sc sc);

/* A call that makes, removes or renames a name, in the box's mounts only (within.h). args are those
 * of the call with descriptors and paths of ours. */
bool carry_changes_names(enum sc sc);
int64_t carry_name_change(enum sc sc, const uint64_t *args);

/* truncate, by its path. What leads out of the box's mounts is the caller's to do, or where its
 * wall does not see it nobody's: -EACCES. */
bool carry_truncates(enum sc sc);
int64_t carry_truncate(const struct call *call, const char *path);

/* socket and socketpair, which i386's socketcall hides from the filter. */
int64_t carry_socket(const struct call *call);

#endif
