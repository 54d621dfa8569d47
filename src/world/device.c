/* SPDX-License-Identifier: Apache-2.0 */
#include "world/device.h"

#include "base/own.h"
#include "sys/sys.h"
#include "world/build.h"

#include <string.h>
#include <sys/sysmacros.h>
#include <termios.h>

#define DEVICE_FLAGS (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)

struct option {
	const char *key;
	const char *value; /* NULL: a flag; "": left out */
};

/* A new file system, mounted nowhere yet. */
static int new_mount(const char *type, const struct option *options, size_t count,
		     unsigned attributes)
{
	_own_(closep) int fs_fd = sys_fsopen(type);

	if (fs_fd < 0)
		return fs_fd;
	for (size_t i = 0; i < count; i++) {
		if (options[i].value != NULL && options[i].value[0] == '\0')
			continue;
		int r = options[i].value == NULL
				? sys_fsconfig_flag(fs_fd, options[i].key)
				: sys_fsconfig_string(fs_fd, options[i].key, options[i].value);
		if (r < 0)
			return r;
	}
	int r = sys_fsconfig_create(fs_fd);
	return r < 0 ? r : sys_fsmount(fs_fd, attributes);
}

static int attach_at(int dir_fd, const char *path, int mount_fd)
{
	_own_(closep) int point_fd = sys_openat2(dir_fd, path, O_PATH | O_NOFOLLOW,
						 RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);

	return point_fd < 0 ? point_fd : sys_move_mount(mount_fd, point_fd);
}

static int add_node(int dev_fd, const char *name, unsigned minor,
		    const struct device_options *options)
{
	char path[32];
	unsigned major = strcmp(name, "tty") == 0 ? 5 : 1;

	if (options->rooted) {
		int made = sys_mknodat(dev_fd, name, S_IFCHR | 0666, makedev(major, minor));

		return made < 0 ? made
				: sys_fchownat(dev_fd, name, options->id_base, options->id_base);
	}
	(void)snprintf(path, sizeof(path), "/dev/%s", name);
	_own_(closep) int tree_fd = sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE);
	if (tree_fd < 0)
		return tree_fd;
	/* Something else under that name would be the host's, and written to. */
	struct stat st;
	int r = sys_fstat(tree_fd, &st);
	if (r == 0 && (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(major, minor)))
		r = -ENODEV;
	if (r == 0)
		r = sys_mknodat(dev_fd, name, S_IFREG | 0666, 0);
	return r < 0 ? r : attach_at(dev_fd, name, tree_fd);
}

static int fill(int dev_fd, const struct device_options *options)
{
	static const struct {
		const char *name;
		unsigned minor;
	} nodes[] = {{"null", 3},   {"zero", 5},    {"full", 7},
		     {"random", 8}, {"urandom", 9}, {"tty", 0}};
	static const struct option links[] = {
		{"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"},
		{"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
		{"ptmx", "pts/ptmx"},
	};
	int r = sys_mkdirat(dev_fd, "pts", 0755);

	if (r == 0)
		r = sys_mkdirat(dev_fd, "shm", 01777);
	if (r == 0)
		r = sys_mkdirat(dev_fd, "mqueue", 01777);
	for (size_t i = 0; i < ARRAY_LENGTH(nodes) && r == 0; i++)
		r = add_node(dev_fd, nodes[i].name, nodes[i].minor, options);
	for (size_t i = 0; i < ARRAY_LENGTH(links) && r == 0; i++) {
		r = sys_symlinkat(links[i].value, dev_fd, links[i].key);
		if (r == 0 && options->rooted)
			r = sys_fchownat(dev_fd, links[i].key, options->id_base, options->id_base);
	}
	if (r == 0 && options->rooted)
		r = SYS_RESULT(fchown(dev_fd, options->id_base, options->id_base));
	return r;
}

int device_terminal(int pts_fd, uint32_t id_base, int *ret_master_fd, int *ret_slave_fd)
{
	int zero = 0;
	_own_(closep) int master_fd = sys_openat(pts_fd, "ptmx", O_RDWR | O_NOCTTY);

	if (master_fd < 0)
		return master_fd;
	int r = SYS_RESULT(ioctl(master_fd, TIOCSPTLCK, &zero));
	if (r < 0)
		return r;
	int slave_fd = SYS_RESULT(ioctl(master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
	if (slave_fd < 0)
		return slave_fd;
	if (id_base > 0)
		(void)SYS_RESULT(fchown(slave_fd, id_base, id_base)); /* Else it is nobody's. */
	*ret_slave_fd = slave_fd;
	*ret_master_fd = TAKE_FD(&master_fd);
	return 0;
}

static int mount_pts(int root_fd, const struct device_options *options, int *ret_master_fd,
		     int *ret_slave_fd)
{
	const struct option settings[] = {{"ptmxmode", "0666"}, {"mode", "0620"}};
	_own_(closep) int fd = new_mount("devpts", settings, ARRAY_LENGTH(settings), DEVICE_FLAGS);

	if (fd < 0)
		return fd;
	int r = attach_at(root_fd, "dev/pts", fd);
	if (r < 0 || !options->terminal)
		return r;
	return device_terminal(fd, options->rooted ? options->id_base : 0, ret_master_fd,
			       ret_slave_fd);
}

/* The queues of this process's IPC namespace, which is the box's. They could be used unseen; but
 * the wall behind the mounts (sys_wall_off) lets nobody open what has no place. */
static int mount_queues(int root_fd)
{
	_own_(closep) int fd = new_mount("mqueue", NULL, 0, DEVICE_FLAGS | MOUNT_ATTR_NODEV);

	if (fd == -ENODEV)
		return 0; /* A kernel without them. */
	return fd < 0 ? fd : attach_at(root_fd, "dev/mqueue", fd);
}

int device_mount(int root_fd, const struct device_options *options, int *ret_master_fd,
		 int *ret_slave_fd, struct cloche_err *err)
{
	char size[32] = "";
	const struct option dev[] = {{"mode", "0755"}, {"size", "64k"}, {"nr_inodes", "64"}};
	const struct option shm[] = {{"mode", "1777"}, {"size", size}};
	const struct mount_attr frozen = {.attr_set = MOUNT_ATTR_RDONLY};

	if (options->shm_bytes > 0)
		(void)snprintf(size, sizeof(size), "%llu", (unsigned long long)options->shm_bytes);
	_own_(closep) int dev_fd = new_mount("tmpfs", dev, ARRAY_LENGTH(dev), DEVICE_FLAGS);
	_own_(closep) int shm_fd =
		new_mount("tmpfs", shm, ARRAY_LENGTH(shm), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	int r = dev_fd < 0 ? dev_fd : shm_fd < 0 ? shm_fd : 0;
	/* Attached first: device nodes can be mounted only on something that is mounted itself. */
	if (r == 0)
		r = attach_at(root_fd, "dev", dev_fd);
	_own_(closep) int inside_fd =
		r < 0 ? r : sys_openat(root_fd, "dev", O_RDONLY | O_DIRECTORY);
	if (r == 0)
		r = inside_fd < 0 ? inside_fd : fill(inside_fd, options);
	if (r == 0)
		r = attach_at(root_fd, "dev/shm", shm_fd);
	if (r == 0 && options->rooted)
		r = sys_fchownat(root_fd, "dev/shm", options->id_base, options->id_base);
	if (r == 0)
		r = mount_pts(root_fd, options, ret_master_fd, ret_slave_fd);
	if (r == 0)
		r = mount_queues(root_fd);
	if (r == 0)
		r = sys_mount_setattr(dev_fd, 0, &frozen);
	if (r == -EPERM && options->rooted)
		return err_set(
			err, r,
			"cannot make the box's /dev: root may not make devices here (a container "
			"without the capability to? run cloche outside, or as an ordinary user)");
	if ((r == -ENOENT || r == -ENODEV) && !options->rooted)
		return err_set(err, r,
			       "cannot make the box's /dev: %s; the host's must have the devices "
			       "null, zero, full, random, urandom and tty",
			       errno_text(r));
	return r < 0 ? err_set(err, r, "cannot make the box's /dev: %s", errno_text(r)) : 0;
}

static int new_proc(struct cloche_err *err)
{
	int fd = new_mount("proc", NULL, 0,
			   MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);

	if (fd == -EPERM)
		return err_set(
			err, fd,
			"cannot mount a /proc of the box's own: this host hides parts of its "
			"/proc (inside a container or another box it often does; run cloche "
			"outside, or start the container with an unmasked /proc)");
	return fd < 0 ? err_set(err, fd, "cannot mount /proc: %s", errno_text(fd)) : fd;
}

int world_detached_proc(struct cloche_err *err)
{
	return new_proc(err);
}

/* With something empty of our own: nothing that a guest of a box that is kept may have replaced. */
static int mask_directory(int root_fd, const char *path)
{
	const struct option settings[] = {{"mode", "0555"}, {"size", "4k"}, {"nr_inodes", "2"}};
	_own_(closep) int point_fd = sys_openat2(root_fd, path, O_PATH | O_DIRECTORY,
						 RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);

	if (point_fd < 0)
		return point_fd == -ENOENT ? 0 : point_fd; /* Not every kernel has it. */
	_own_(closep) int fd = new_mount("tmpfs", settings, ARRAY_LENGTH(settings),
					 DEVICE_FLAGS | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY);
	return fd < 0 ? fd : sys_move_mount(fd, point_fd);
}

/* Entries that tell about the whole machine or change it. The kernel refuses most of this to the
 * box's ids by itself; this wall does not depend on that. */
static int mask_proc(int root_fd)
{
	static const char *const files[] = {
		"proc/key-users",     "proc/iomem",	 "proc/ioports",    "proc/config.gz",
		"proc/kcore",	      "proc/kallsyms",	 "proc/kmsg",	    "proc/keys",
		"proc/sysrq-trigger", "proc/timer_list", "proc/kpagecount", "proc/kpageflags",
		"proc/modules",
	};
	const struct mount_attr frozen = {.attr_set = MOUNT_ATTR_RDONLY};
	const char *source = "dev/null";
	int r = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(files) && r == 0; i++) {
		/* First of all, so that no mount is made in vain: to let go of one that is
		 * attached nowhere takes the kernel longer than ten of these. */
		_own_(closep) int point_fd = sys_openat2(root_fd, files[i], O_PATH | O_NOFOLLOW,
							 RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
		if (point_fd == -ENOENT)
			continue; /* Not every kernel has each. */
		_own_(closep) int null_fd =
			sys_open_tree(root_fd, source, OPEN_TREE_CLONE | AT_SYMLINK_NOFOLLOW);
		r = point_fd < 0 ? point_fd : null_fd < 0 ? null_fd : 0;
		if (r == 0 && strcmp(source, "dev/null") == 0)
			r = sys_mount_setattr(null_fd, 0, &frozen);
		if (r == 0)
			r = sys_move_mount(null_fd, point_fd);
		source = files[i]; /* A copy of a mask is one. */
	}
	/* Its files are for anybody to write, and tell about the whole machine. */
	if (r == 0)
		r = mask_directory(root_fd, "proc/pressure");
	_own_(closep) int sys_fd = r < 0 ? r : sys_open_tree(root_fd, "proc/sys", OPEN_TREE_CLONE);
	if (r == 0)
		r = sys_fd < 0 ? sys_fd : sys_mount_setattr(sys_fd, 0, &frozen);
	return r < 0 ? r : attach_at(root_fd, "proc/sys", sys_fd);
}

int world_mount_proc(int root_fd, int proc_fd, struct cloche_err *err)
{
	int r = attach_at(root_fd, "proc", proc_fd);

	return r < 0 ? err_set(err, r, "cannot mount the box's /proc: %s", errno_text(r)) : 0;
}

int world_mask_proc(int root_fd, struct cloche_err *err)
{
	int r = mask_proc(root_fd);

	return r < 0 ? err_set(err, r, "cannot mask the box's /proc: %s", errno_text(r)) : 0;
}
