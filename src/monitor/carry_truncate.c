/* SPDX-License-Identifier: Apache-2.0
 *
 * Truncating a file by its path for the caller. It is opened and then truncated: so it is known
 * which file it is before anything happens to it, and nothing of it waits (for a lease to end).
 */
#include "monitor/carry.h"

#include "base/own.h"
#include "monitor/within.h"
#include "sys/sys.h"

#include <stdio.h>

bool carry_truncates(enum sc sc)
{
	return sc == SC_truncate || sc == SC_truncate64;
}

static int64_t length_of(const struct call *call)
{
	if (call->sc == SC_truncate64)
		return (int64_t)((call->args[2] & UINT32_MAX) << 32 | (call->args[1] & UINT32_MAX));
	return call->abi == ABI_I386 ? (int32_t)call->args[1] : (int64_t)call->args[1];
}

static int find(const char *path, struct stat *ret_stat)
{
	int fd = sys_openat2(AT_FDCWD, path, O_PATH, RESOLVE_NO_MAGICLINKS);
	int r = fd < 0 ? fd : sys_fstat(fd, ret_stat);

	if (r == 0 && S_ISDIR(ret_stat->st_mode))
		r = -EISDIR;
	else if (r == 0 && !S_ISREG(ret_stat->st_mode))
		r = -EINVAL;
	if (r < 0)
		close_fd(&fd);
	return r < 0 ? r : fd;
}

int64_t carry_truncate(const struct call *call, const char *path)
{
	const int64_t length = length_of(call);
	char again[64];
	struct stat st;

	if (length < 0)
		return -EINVAL;
	if (path == NULL)
		return -EFAULT;
	_own_(closep) int found_fd = find(path, &st);
	if (found_fd == -ELOOP || (found_fd >= 0 && !within_mounts(found_fd, "")))
		return CARRY_CANNOT;
	if (found_fd < 0)
		return found_fd;
	/* Ours is no limit: see to the caller's. It goes without the signal. */
	if (length > st.st_size && (uint64_t)length > task_file_limit(&call->task))
		return -EFBIG;
	(void)snprintf(again, sizeof(again), "self/fd/%d", found_fd);
	_own_(closep) int fd =
		sys_openat(rights_proc(call->task.proc), again, O_WRONLY | O_NONBLOCK | O_NOCTTY);
	if (fd == -EWOULDBLOCK)
		return CARRY_CANNOT;
	return fd < 0 ? fd : SYS_RAW(SYS_ftruncate, fd, length);
}
