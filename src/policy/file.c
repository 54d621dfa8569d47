/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a policy file: a regular file of reasonable size, whatever stands at the path.
 */
#include "base/own.h"
#include "policy/loader.h"
#include "sys/sys.h"

#include <errno.h>
#include <stdlib.h>

void policy_file_done(struct policy_file *file)
{
	free(file->text);
	*file = (struct policy_file){0};
}

static const char *file_kind(mode_t mode)
{
	if (S_ISDIR(mode))
		return "a directory";
	if (S_ISFIFO(mode))
		return "a FIFO";
	if (S_ISSOCK(mode))
		return "a socket";
	return "a device";
}

static int check_kind(const struct stat *stat, const char *path, struct cloche_err *err)
{
	if (!S_ISREG(stat->st_mode))
		return err_set(err, S_ISDIR(stat->st_mode) ? -EISDIR : -EINVAL,
			       "%s: is %s; expected a policy file", path, file_kind(stat->st_mode));
	if (stat->st_size > (off_t)POLICY_FILE_MAX)
		return err_set(err, -EFBIG, "%s: is larger than 1 MiB; expected a policy file",
			       path);
	return 0;
}

/* The path is looked at before it is opened, because opening a device may do something; and what
 * was opened is looked at again, because it may be another file by then. */
static int open_regular(const char *path, struct stat *ret_stat, struct cloche_err *err)
{
	struct stat stat;
	int r = sys_fstatat(AT_FDCWD, path, &stat, 0);

	if (r < 0)
		return err_set(err, r, "%s: cannot be read: %s", path, errno_text(r));
	r = check_kind(&stat, path, err);
	if (r < 0)
		return r;
	_own_(closep) int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_set(err, fd, "%s: cannot be read: %s", path, errno_text(fd));
	r = sys_fstat(fd, ret_stat);
	if (r < 0)
		return err_set(err, r, "%s: cannot be read: %s", path, errno_text(r));
	r = check_kind(ret_stat, path, err);
	if (r < 0)
		return r;
	return TAKE_FD(&fd);
}

int policy_file_read(struct policy_file *file, const char *path, struct cloche_err *err)
{
	struct stat stat = {0};
	_own_(closep) int fd = open_regular(path, &stat, err);

	if (fd < 0)
		return fd;
	size_t size = (size_t)stat.st_size + 1; /* One more, to see whether it grows. */
	_own_(freep) char *text = malloc(size);
	if (text == NULL)
		return err_set(err, -ENOMEM, "%s: %s", path, errno_text(ENOMEM));
	ssize_t length = sys_read_full(fd, text, size);
	if (length < 0)
		return err_set(err, (int)length, "%s: cannot be read: %s", path,
			       errno_text((int)length));
	if ((size_t)length == size)
		return err_set(err, -EBUSY, "%s: grows while it is read", path);
	*file = (struct policy_file){
		.text = TAKE(text),
		.length = (size_t)length,
		.source = {.device = stat.st_dev, .inode = stat.st_ino},
	};
	return 0;
}
