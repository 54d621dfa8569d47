/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: a device node is the device, wherever it lies; and character device 0:0 is how overlayfs
 * writes down a deletion, which commit would carry to the host. Every call that makes nodes, in
 * every place that is writable, and renames that leave a whiteout behind.
 */
#include "attempt.h"

#include <sys/sysmacros.h>

static const struct {
	const char *name;
	mode_t type;
	unsigned int major;
	unsigned int minor;
} nodes[] = {
	{"a whiteout (c 0 0)", S_IFCHR, 0, 0}, {"mem (c 1 1)", S_IFCHR, 1, 1},
	{"null (c 1 3)", S_IFCHR, 1, 3},       {"kmsg (c 1 11)", S_IFCHR, 1, 11},
	{"tty (c 5 0)", S_IFCHR, 5, 0},	       {"fuse (c 10 229)", S_IFCHR, 10, 229},
	{"loop (b 7 0)", S_IFBLK, 7, 0},       {"sda (b 8 0)", S_IFBLK, 8, 0},
	{"vda (b 254 0)", S_IFBLK, 254, 0},    {"nothing (b 0 0)", S_IFBLK, 0, 0},
};

static bool is_node(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode));
}

static void make(const char *folder)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%.3900s/e_mknod.%d", folder, getpid());
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		dev_t dev = makedev(nodes[i].major, nodes[i].minor);
		mode_t mode = nodes[i].type | 0666;

		for (int at = 0; at < 3; at++) {
			if (at == 2)
				syscall(SYS_mknodat, AT_FDCWD, path, (mode & 0xffff) | 0xffff0000U,
					dev);
			else if (at == 1)
				syscall(SYS_mknodat, AT_FDCWD, path, mode, dev);
			else
				syscall(SYS_mknod, path, mode, dev);
			must_not(is_node(path), "making %s in %s by %s", nodes[i].name, folder,
				 at == 2   ? "mknodat with high bits"
				 : at == 1 ? "mknodat"
					   : "mknod");
			unlink(path);
		}
	}
}

static void whiteout(const char *folder)
{
	char from[PATH_MAX];
	char to[PATH_MAX];
	int fd;

	(void)snprintf(from, sizeof(from), "%.3900s/e_mknod.%d.from", folder, getpid());
	(void)snprintf(to, sizeof(to), "%.3900s/e_mknod.%d.to", folder, getpid());
	for (unsigned int flags = 4; flags <= 6; flags++) {
		unlink(from);
		unlink(to);
		fd = open(from, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
		if (fd < 0)
			return;
		close(fd);
		if (flags == 6 && (fd = open(to, O_CREAT | O_RDWR | O_CLOEXEC, 0600)) >= 0)
			close(fd);
		syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
		must_not(is_node(from), "a rename that leaves a whiteout in %s (flags %u)", folder,
			 flags);
	}
	unlink(from);
	unlink(to);
}

int main(void)
{
	static const char *const folders[] = {".", "/tmp", "/dev/shm", "/dev", "/var/tmp"};
	const char *write_dir = canary("WRITE_DIR");

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		make(folders[i]);
		whiteout(folders[i]);
	}
	if (write_dir != NULL) {
		make(write_dir);
		whiteout(write_dir);
	}
	return done();
}
