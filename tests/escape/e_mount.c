/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: whoever can mount, move or unmount takes the masks off the world: with the old calls, with
 * the new mount interface (which older policies do not know, CVE-2021-41133), by pivot_root, from
 * /dev/fuse, and by asking for other mounts by number. Without a box this happens in a mount
 * namespace of its own, if one is to be had.
 */
#include "attempt.h"

#include <sched.h>
#include <sys/mount.h>

#define AT_ROOT "/"

static char place[PATH_MAX];

static void old_calls(void)
{
	static const char *const types[] = {
		"tmpfs",   "proc", "sysfs", "devpts",	  "cgroup",  "cgroup2",	    "mqueue",
		"overlay", "fuse", "ramfs", "securityfs", "debugfs", "binfmt_misc", "ext4"};
	static const struct {
		const char *name;
		unsigned long flags;
	} changes[] = {{"bind", MS_BIND},
		       {"recursive bind", MS_BIND | MS_REC},
		       {"move", MS_MOVE},
		       {"private", MS_PRIVATE | MS_REC},
		       {"shared", MS_SHARED},
		       {"slave", MS_SLAVE},
		       {"read-write remount", MS_REMOUNT | MS_BIND},
		       {"full remount", MS_REMOUNT}};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		refused(mount("none", place, types[i], 0, NULL), "mounting a %s", types[i]);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		refused(mount(AT_ROOT, place, "", changes[i].flags, NULL), "mount %s of / to %s",
			changes[i].name, place);
	refused(mount("none", AT_ROOT, "", MS_REMOUNT | MS_BIND, NULL), "remount of /");
	refused(mount("none", "/proc", "proc", 0, NULL), "a new /proc over the masked one");
}

static void unmounting(void)
{
	static const char *const names[] = {"/proc", "/dev", "/tmp", "/dev/shm", "/dev/pts", "/"};
	const char *masked[] = {canary("HIDDEN_DIR"), canary("READ_DIR"), "/proc/sys",
				"/proc/kcore", "/proc/keys"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		refused(umount2(names[i], MNT_DETACH), "unmounting %s", names[i]);
	for (size_t i = 0; i < sizeof(masked) / sizeof(masked[0]); i++) {
		if (masked[i] != NULL)
			refused(umount2(masked[i], MNT_DETACH), "unmounting %s", masked[i]);
	}
}

static void new_calls(void)
{
	uint64_t attributes[4] = {0, 1, 0, 0};
	uint64_t list_all[4] = {32, ~0ULL, 0, 0};
	uint64_t ids[64];
	static const char *const types[] = {"tmpfs", "proc", "overlay", "cgroup2", "sysfs"};
	long fd;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		fd = syscall(430, types[i], 0);
		refused(fd, "fsopen(%s)", types[i]);
		if (fd >= 0) {
			syscall(431, fd, 6, NULL, NULL, 0);
			refused(syscall(432, fd, 0, 0), "fsmount of %s", types[i]);
			close((int)fd);
		}
	}
	refused(syscall(433, AT_FDCWD, AT_ROOT, 0), "fspick(/)");
	fd = syscall(428, AT_FDCWD, AT_ROOT, 1);
	refused(fd, "open_tree(/, CLONE)");
	forbidden(syscall(428, AT_FDCWD, place, 0), "open_tree without a copy");
	forbidden(syscall(429, fd, "", AT_FDCWD, place, 4), "move_mount");
	refused(syscall(442, AT_FDCWD, AT_ROOT, 0, attributes, 32), "mount_setattr(/)");
	forbidden(syscall(467, AT_FDCWD, AT_ROOT, 1, attributes, 32), "open_tree_attr");
	refused(syscall(458, list_all, ids, 64, 0), "listmount");
	forbidden(syscall(457, list_all, ids, sizeof(ids), 0), "statmount");
	if (fd >= 0)
		close((int)fd);
}

static void others(void)
{
	int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	refused(fuse, "opening /dev/fuse");
	if (fuse >= 0)
		close(fuse);
	forbidden(syscall(SYS_pivot_root, place, place), "pivot_root");
	forbidden(syscall(SYS_quotactl, 0x80000700, "none", 0, NULL), "quotactl");
	forbidden(syscall(443, -1, 0, 0, 0), "quotactl_fd");
	forbidden(syscall(SYS_swapon, "/nonexistent", 0), "swapon");
	forbidden(syscall(SYS_swapoff, "/nonexistent"), "swapoff");
}

static void all(void *arg)
{
	(void)arg;
	if (!boxed() && unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return;
	if (!boxed() && mount("none", "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0)
		return;
	new_calls();
	others();
	old_calls();
	unmounting();
}

int main(void)
{
	(void)snprintf(place, sizeof(place), "%s", "mount-point.XXXXXX");
	if (mkdtemp(place) == NULL)
		unavailable("no folder to mount on");
	in_child(all, NULL, 20);
	rmdir(place);
	return done();
}
