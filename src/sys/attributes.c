/* SPDX-License-Identifier: Apache-2.0
 *
 * Owner, mode, times and extended attributes from one file to another; extended attributes of a
 * name in a directory, which has calls of its own since Linux 6.13.
 */
#include "base/own.h"
#include "sys/sys.h"

#include <limits.h>
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

/* Headers do not know them for long. */
#define NR_GETXATTRAT  464
#define NR_LISTXATTRAT 465

struct value_at {
	uint64_t value;
	uint32_t size;
	uint32_t flags;
};

/* The kernel, or somebody's filter around us, does not know the call. */
static bool is_unknown(ssize_t r)
{
	return r == -ENOSYS || r == -EPERM;
}

/* For calls that know no descriptor of what is not opened: three more names to look up. */
static int path_of(int dir_fd, const char *name, char *ret_path, size_t size)
{
	int n = snprintf(ret_path, size, "/proc/self/fd/%d%s%s", dir_fd, *name == '\0' ? "" : "/",
			 name);

	return n < (int)size ? 0 : -ENAMETOOLONG;
}

/* Of what is only a place (O_PATH) nothing can be read by descriptor. */
static bool is_only_place(ssize_t r)
{
	return r == -EBADF;
}

ssize_t sys_getxattr_at(int dir_fd, const char *name, const char *attribute, void *value,
			size_t size)
{
	char path[NAME_MAX + 64];
	struct value_at at = {.value = (uintptr_t)value, .size = (uint32_t)size};
	ssize_t r = *name == '\0' ? SYS_RESULT(fgetxattr(dir_fd, attribute, value, size))
				  : SYS_RAW(NR_GETXATTRAT, dir_fd, name, AT_SYMLINK_NOFOLLOW,
					    attribute, &at, sizeof(at));

	if (*name == '\0' ? !is_only_place(r) : !is_unknown(r))
		return r;
	r = path_of(dir_fd, name, path, sizeof(path));
	if (r < 0)
		return r;
	/* The link of /proc leads to the open file itself. */
	return *name == '\0' ? SYS_RESULT(getxattr(path, attribute, value, size))
			     : SYS_RESULT(lgetxattr(path, attribute, value, size));
}

ssize_t sys_listxattr_at(int dir_fd, const char *name, char *names, size_t size)
{
	char path[NAME_MAX + 64];
	ssize_t r = *name == '\0' ? SYS_RESULT(flistxattr(dir_fd, names, size))
				  : SYS_RAW(NR_LISTXATTRAT, dir_fd, name, AT_SYMLINK_NOFOLLOW,
					    names, size);

	if (*name == '\0' ? !is_only_place(r) : !is_unknown(r))
		return r;
	r = path_of(dir_fd, name, path, sizeof(path));
	if (r < 0)
		return r;
	return *name == '\0' ? SYS_RESULT(listxattr(path, names, size))
			     : SYS_RESULT(llistxattr(path, names, size));
}
