/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: a device node is the device. /dev may hold the harmless few and an own set of terminals;
 * no other node may lie anywhere that can be reached, and the cgroups' control files must be out of
 * reach.
 */
#include "attempt.h"

#include <dirent.h>
#include <sys/sysmacros.h>

static int nodes;
static int looked_at;

static bool harmless(const struct stat *st)
{
	unsigned int major_number = major(st->st_rdev);
	unsigned int minor_number = minor(st->st_rdev);

	if (!S_ISCHR(st->st_mode))
		return false;
	if (major_number == 1)
		return minor_number == 3 || minor_number == 5 || minor_number == 7 ||
		       minor_number == 8 || minor_number == 9;
	if (major_number == 5)
		return minor_number == 0 || minor_number == 2;
	return major_number >= 136 && major_number <= 143;
}

static void walk(const char *folder, int depth)
{
	char path[PATH_MAX];
	struct dirent *entry;
	struct stat st;
	DIR *dir = opendir(folder);

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		(void)snprintf(path, sizeof(path), "%.3800s/%s", folder, entry->d_name);
		if (looked_at++ > 300000 || lstat(path, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth < 5 && strcmp(path, "//proc") != 0)
			walk(path, depth + 1);
		if ((!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)) || harmless(&st))
			continue;
		if (nodes++ < 20)
			broken("%s is device %c %u:%u", path, S_ISCHR(st.st_mode) ? 'c' : 'b',
			       major(st.st_rdev), minor(st.st_rdev));
	}
	if (dir != NULL)
		closedir(dir);
}

/* Hard terminals, disks, memory, machines: by name, in case the folder lies. */
static void by_name(void)
{
	static const char *const names[] = {
		"mem",	   "kmem",	"port",	     "kmsg",	       "fuse",		"kvm",
		"net/tun", "vhost-net", "vsock",     "loop0",	       "loop-control",	"sda",
		"vda",	   "nvme0",	"dm-0",	     "mapper/control", "tty0",		"tty1",
		"ttyS0",   "console",	"vcs",	     "vcsa1",	       "input/event0",	"uinput",
		"rtc0",	   "hpet",	"snapshot",  "userfaultfd",    "btrfs-control", "autofs",
		"cuse",	   "dri/card0", "snd/timer", "watchdog",       "raw/rawctl",	"hwrng",
		"ppp",	   "rfkill",	"cpu/0/msr", "mcelog",	       "udmabuf",	"nvram"};
	char path[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int fd;
		struct stat st;

		(void)snprintf(path, sizeof(path), "/dev/%s", names[i]);
		fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 && fstat(fd, &st) == 0 &&
		    (S_ISLNK(st.st_mode) || (S_ISCHR(st.st_mode) && harmless(&st)))) {
			held("%s is harmless", path);
		} else {
			refused(fd, "opening %s", path);
		}
		if (fd >= 0)
			close(fd);
	}
}

/* Terminals of others: an own instance of devpts shows none but ours. */
static void terminals(void)
{
	struct dirent *entry;
	char path[300];
	char text[100];
	struct stat st;
	int others = 0;
	DIR *dir = opendir("/dev/pts");

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.' || strcmp(entry->d_name, "ptmx") == 0)
			continue;
		(void)snprintf(path, sizeof(path), "/dev/pts/%s", entry->d_name);
		/* By device and inode: our own may well have the same name. */
		if (canary("TTY") == NULL || stat(path, &st) < 0)
			continue;
		(void)snprintf(text, sizeof(text), "%llu:%llu:%llu", (unsigned long long)st.st_dev,
			       (unsigned long long)st.st_ino, (unsigned long long)st.st_rdev);
		others += strcmp(text, canary("TTY")) == 0;
	}
	must_not(others > 0, "the canary's terminal in /dev/pts");
	if (dir != NULL)
		closedir(dir);
}

static void cgroups(void)
{
	static const char *const files[] = {"/sys/fs/cgroup/cgroup.procs",
					    "/sys/fs/cgroup/unified/cgroup.procs",
					    "/sys/fs/cgroup/memory/release_agent",
					    "/sys/fs/cgroup/memory/cgroup.procs",
					    "/sys/fs/cgroup/devices/devices.allow",
					    "/sys/fs/cgroup/cgroup.subtree_control",
					    "/sys/fs/cgroup/memory.max",
					    "/sys/fs/cgroup/pids.max",
					    "/cgroup/cgroup.procs"};
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[400];
	bool deep = false;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int fd = open(files[i], O_WRONLY | O_CLOEXEC);

		refused(fd, "opening %s", files[i]);
		if (fd >= 0)
			close(fd);
	}
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		const char *path = strrchr(line, ':');

		line[strcspn(line, "\n")] = '\0';
		deep = deep || (path != NULL && strcmp(path, ":/") != 0);
	}
	must_not(deep, "/proc/self/cgroup tells where in the host's tree we are");
	if (file != NULL)
		fclose(file);
}

int main(void)
{
	walk("/", 0);
	must_not(nodes > 0, "%d device nodes of %d files", nodes, looked_at);
	by_name();
	terminals();
	cgroups();
	return done();
}
