/* SPDX-License-Identifier: Apache-2.0
 *
 * The box's /dev and /proc. /dev is a small tmpfs with the harmless devices, a devpts of its own
 * and shared memory of its own; it is read-only itself.
 */
#ifndef CLOCHE_WORLD_DEVICE_H
#define CLOCHE_WORLD_DEVICE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct device_options {
	bool rooted; /* host root makes nodes; others bind the host's */
	uint32_t id_base;
	uint64_t shm_bytes;
	bool terminal;
};

/* Another terminal of this devpts: both ends, the guest's (id_base) own. */
int device_terminal(int pts_fd, uint32_t id_base, int *ret_master_fd, int *ret_slave_fd);

int device_mount(int root_fd, const struct device_options *options, int *ret_master_fd,
		 int *ret_slave_fd, struct cloche_err *err);

#endif
