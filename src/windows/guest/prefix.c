/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/guest/prefix.h"

#include "base/own.h"
#include "sys/sys.h"

#define NEW ".new"

int prefix_put(int prefix_fd, const char *name, const char *text, size_t length)
{
	(void)sys_unlinkat(prefix_fd, NEW, 0); /* What a run that was killed has left. */
	_own_(closep) int fd = sys_create(prefix_fd, NEW, O_WRONLY | O_EXCL, 0600);
	int r = fd < 0 ? fd : sys_write_all(fd, text, length);

	return r < 0 ? r : sys_renameat(prefix_fd, NEW, prefix_fd, name, 0);
}

int prefix_edit(int prefix_fd, const char *file,
		int (*edit)(const char *file, struct raw hive, void *arg, struct buf *out),
		void *arg)
{
	struct hive hive = {0};
	struct buf out;
	_own_(closep) int fd = sys_openat(prefix_fd, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	int r = fd < 0 ? fd : hive_read(&hive, fd, NULL);

	buf_init(&out, HIVE_SIZE_MAX);
	if (r == 0)
		r = edit(file, (struct raw){hive.text, hive.length}, arg, &out);
	if (r == 0)
		r = prefix_put(prefix_fd, file, buf_string(&out), out.length);
	buf_done(&out);
	hive_done(&hive);
	return r;
}
