/* SPDX-License-Identifier: Apache-2.0
 *
 * Owner, mode, times and extended attributes from one file to another.
 */
#include "base/own.h"
#include "sys/sys.h"

#include <string.h>
#include <sys/xattr.h>

/* More than the kernel gives (XATTR_LIST_MAX, XATTR_SIZE_MAX). */
#define ATTRIBUTES_MAX 65536

static bool is_left_out(const char *name, const char *prefix)
{
	return prefix != NULL && strncmp(name, prefix, strlen(prefix)) == 0;
}

/* What modules of the kernel keep there (security labels) may not be ours to set. */
static int set_attribute(int fd, const char *name, const char *value, size_t size)
{
	int r = SYS_RESULT(fsetxattr(fd, name, value, size, 0));

	return (r == -EPERM || r == -EOPNOTSUPP) && strncmp(name, "security.", 9) == 0 ? 0 : r;
}

static int copy_extended(int from_fd, int to_fd, const char *left_out)
{
	_own_(freep) char *names = malloc(ATTRIBUTES_MAX);
	_own_(freep) char *value = malloc(ATTRIBUTES_MAX);
	int r = 0;

	if (names == NULL || value == NULL)
		return -ENOMEM;
	ssize_t length = SYS_RESULT(flistxattr(to_fd, names, ATTRIBUTES_MAX));
	for (char *name = names; length > 0 && name < names + length; name += strlen(name) + 1) {
		if (!is_left_out(name, left_out))
			(void)fremovexattr(to_fd, name); /* What may not be removed is set. */
	}
	length = SYS_RESULT(flistxattr(from_fd, names, ATTRIBUTES_MAX));
	if (length < 0)
		return length == -EOPNOTSUPP ? 0 : (int)length;
	for (char *name = names; r == 0 && name < names + length; name += strlen(name) + 1) {
		if (is_left_out(name, left_out))
			continue;
		ssize_t size = SYS_RESULT(fgetxattr(from_fd, name, value, ATTRIBUTES_MAX));
		if (size >= 0)
			r = set_attribute(to_fd, name, value, (size_t)size);
	}
	return r;
}

int sys_copy_attributes(int from_fd, int to_fd, const char *left_out)
{
	struct stat st;
	int r = sys_fstat(from_fd, &st);

	/* The owner first: it takes set-id bits away; the mode after access lists, whose mask it
	 * is.
	 */
	if (r == 0)
		r = SYS_RESULT(fchown(to_fd, st.st_uid, st.st_gid));
	if (r == 0)
		r = copy_extended(from_fd, to_fd, left_out);
	if (r == 0)
		r = sys_fchmod(to_fd, st.st_mode & 07777);
	const struct timespec times[2] = {st.st_atim, st.st_mtim};
	return r == 0 ? SYS_RESULT(futimens(to_fd, times)) : r;
}
