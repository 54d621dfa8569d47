/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/guest/orders.h"

#include "base/own.h"
#include "sys/sys.h"
#include "windows/guest/prefix.h"
#include "windows/hive_edit.h"
#include "windows/registry.h"

#include <errno.h>
#include <string.h>

#define DONE ".orders" /* what was carried out last */

static int edit(const char *file, struct raw hive, void *orders, struct buf *out)
{
	return hive_edit(file, hive, *(const struct raw *)orders, out);
}

static bool is_done(int prefix_fd, const char *orders)
{
	size_t length = strlen(orders);
	_own_(freep) char *had = malloc(length + 2);
	_own_(closep) int fd = sys_openat(prefix_fd, DONE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);

	return had != NULL && fd >= 0 && sys_read_full(fd, had, length + 1) == (ssize_t)length &&
	       memcmp(had, orders, length) == 0;
}

bool orders_carry_out(int prefix_fd, const char *orders)
{
	struct raw text = {orders, strlen(orders)};
	int r = 0;

	if (is_done(prefix_fd, orders))
		return true;
	for (size_t i = 0; i < REGISTRY_PARTS && r == 0; i++) {
		char start[32];

		/* A hive of which nothing is said is not written again. */
		(void)snprintf(start, sizeof(start), "%s ", registry_parts[i].file);
		if (strstr(orders, start) != NULL)
			r = prefix_edit(prefix_fd, registry_parts[i].file, edit, &text);
	}
	if (r == 0)
		r = prefix_put(prefix_fd, DONE, orders, text.length);
	errno = -r;
	return r == 0;
}
