/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/streams.h"

#include "base/own.h"
#include "launch/launch.h"
#include "sys/sys.h"

#include <limits.h>

#define STREAM_COUNT 3

static const char *const names[STREAM_COUNT] = {"standard input", "standard output",
						"standard error"};

void streams_init(struct streams *streams)
{
	*streams = (struct streams){.kept_fds = {-1, -1, -1}};
}

int streams_look(struct streams *streams, bool rooted, struct cloche_err *err)
{
	for (int i = 0; i < STREAM_COUNT; i++) {
		struct stat st;
		int flags = SYS_RESULT(fcntl(i, F_GETFL));

		if (flags < 0 || sys_fstat(i, &st) < 0)
			continue; /* Closed. */
		if (S_ISDIR(st.st_mode) || (flags & O_PATH) != 0)
			return err_set(err, -EISDIR,
				       "%s is %s, by which a guest would come to the host's files: "
				       "redirect it, </dev/null for one",
				       names[i],
				       S_ISDIR(st.st_mode) ? "a directory" : "the name of a file");
		if (!S_ISREG(st.st_mode))
			continue;
		if ((flags & O_ACCMODE) != O_RDONLY)
			streams->writes_own |= !rooted && st.st_uid == geteuid();
		else if (st.st_nlink > 0) /* Else nobody finds it by a name. */
			streams->read_mask |= 1 << i;
	}
	return 0;
}

/* The file that the descriptor is of, by its name; no other that has this name by now. */
static int open_by_name(int fd)
{
	char link[64];
	char path[PATH_MAX];
	struct stat had = {0};
	struct stat has = {0};

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = sys_readlinkat(AT_FDCWD, link, path, sizeof(path) - 1);
	if (n < 0)
		return (int)n;
	path[n] = '\0';
	_own_(closep) int file_fd =
		sys_openat2(AT_FDCWD, path, O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
	if (file_fd < 0)
		return file_fd;
	int r = sys_fstat(fd, &had);
	if (r == 0)
		r = sys_fstat(file_fd, &has);
	if (r < 0)
		return r;
	return had.st_dev == has.st_dev && had.st_ino == has.st_ino ? TAKE_FD(&file_fd) : -ESTALE;
}

/* The same file at the same place, for reading and by nobody for writing. */
static int reopen(int fd)
{
	static const int kept_flags = O_NONBLOCK | O_DIRECT | O_SYNC | O_ASYNC;
	const struct mount_attr attributes = {
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
	};
	char link[64];
	_own_(closep) int file_fd = open_by_name(fd);
	_own_(closep) int mount_fd =
		file_fd < 0 ? file_fd : sys_open_tree(file_fd, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);
	int r = mount_fd < 0 ? mount_fd : sys_mount_setattr(mount_fd, 0, &attributes);

	if (r < 0)
		return r;
	int flags = SYS_RESULT(fcntl(fd, F_GETFL));
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", mount_fd);
	_own_(closep) int new_fd = sys_openat(AT_FDCWD, link, O_RDONLY | (flags & kept_flags));
	if (new_fd < 0)
		return new_fd;
	off_t place = lseek(fd, 0, SEEK_CUR);
	if (place > 0 && lseek(new_fd, place, SEEK_SET) < 0)
		return -ESPIPE;
	return TAKE_FD(&new_fd);
}

int streams_protect(const struct launch *launch, struct cloche_err *err)
{
	for (int i = 0; i < STREAM_COUNT; i++) {
		struct message message = {.kind = MESSAGE_STREAM, .value = i};

		if ((launch->streams.read_mask & 1 << i) == 0)
			continue;
		_own_(closep) int fd = reopen(i);
		int r = fd < 0 ? fd : SYS_RESULT(dup2(fd, i));
		if (r >= 0)
			r = sys_send_fd(launch->link_fd, &message, sizeof(message), fd);
		if (r < 0)
			return err_set(err, r,
				       "%s cannot be made read-only for the guest: %s; pass it "
				       "through a pipe: cat FILE | cloche run ...",
				       names[i], errno_text(r));
	}
	return 0;
}

/* Comes from the box: only what is waited for counts, and once. */
void streams_take(struct streams *streams, int index, int take_fd)
{
	_own_(closep) int fd = take_fd;

	if (index < 0 || index >= STREAM_COUNT || (streams->read_mask & 1 << index) == 0 ||
	    streams->kept_fds[index] >= 0)
		return;
	streams->kept_fds[index] = TAKE_FD(&fd);
}

void streams_forget(struct streams *streams)
{
	for (int i = 0; i < STREAM_COUNT; i++)
		close_fd(&streams->kept_fds[i]);
}

void streams_done(struct streams *streams)
{
	for (int i = 0; i < STREAM_COUNT; i++) {
		if (streams->kept_fds[i] < 0)
			continue;
		off_t place = lseek(streams->kept_fds[i], 0, SEEK_CUR);
		if (place >= 0)
			(void)lseek(i, place, SEEK_SET); /* It is a file, as this one is. */
	}
	streams_forget(streams);
}
