/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/guest/orders.h"

#include "base/own.h"
#include "sys/sys.h"
#include "windows/hive_edit.h"
#include "windows/registry.h"

#include <errno.h>
#include <string.h>

#define DONE ".orders" /* what was carried out last */
#define NEW  ".new"

static int put(int prefix_fd, const char *name, const char *text, size_t length)
{
	(void)sys_unlinkat(prefix_fd, NEW, 0); /* What a run that was killed has left. */
	_own_(closep) int fd = sys_create(prefix_fd, NEW, O_WRONLY | O_EXCL, 0600);
	int r = fd < 0 ? fd : sys_write_all(fd, text, length);

	return r < 0 ? r : sys_renameat(prefix_fd, NEW, prefix_fd, name, 0);
}

static int edit(int prefix_fd, const char *file, struct raw orders)
{
	struct hive hive = {0};
	struct buf out;
	_own_(closep) int fd = sys_openat(prefix_fd, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	int r = fd < 0 ? fd : hive_read(&hive, fd, NULL);

	buf_init(&out, HIVE_SIZE_MAX);
	if (r == 0)
		r = hive_edit(file, (struct raw){hive.text, hive.length}, orders, &out);
	if (r == 0)
		r = put(prefix_fd, file, buf_string(&out), out.length);
	buf_done(&out);
	hive_done(&hive);
	return r;
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
	const struct raw text = {orders, strlen(orders)};
	int r = 0;

	if (is_done(prefix_fd, orders))
		return true;
	for (size_t i = 0; i < REGISTRY_PARTS && r == 0; i++) {
		char start[32];

		/* A hive of which nothing is said is not written again. */
		(void)snprintf(start, sizeof(start), "%s ", registry_parts[i].file);
		if (strstr(orders, start) != NULL)
			r = edit(prefix_fd, registry_parts[i].file, text);
	}
	if (r == 0)
		r = put(prefix_fd, DONE, orders, text.length);
	errno = -r;
	return r == 0;
}
