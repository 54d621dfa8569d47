/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: /proc and /sys are the kernel's own switches and diaries. Opens for writing every file
 * of /proc that is not a process's, and of /sys (core_pattern, sysrq-trigger, binfmt_misc,
 * modprobe, uevent_helper, release_agent ... CVE-2022-0492); reads what tells of the host: kcore,
 * kallsyms, kmsg, keys, timers, the log, the addresses of the kernel.
 *
 * Nothing is ever written: the open alone counts.
 */
#include "attempt.h"

#include <ctype.h>
#include <dirent.h>
#include <sys/sysmacros.h>

static int files_seen;
static int writable;

static void walk(const char *folder, int depth)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir = opendir(folder);

	if (dir == NULL || depth > 9)
		return;
	while ((entry = readdir(dir)) != NULL) {
		struct stat st;
		int fd;

		if (entry->d_name[0] == '.' ||
		    (depth == 0 && (isdigit((unsigned char)entry->d_name[0]) ||
				    strcmp(entry->d_name, "self") == 0 ||
				    strcmp(entry->d_name, "thread-self") == 0)))
			continue;
		(void)snprintf(path, sizeof(path), "%.3800s/%s", folder, entry->d_name);
		if (lstat(path, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			walk(path, depth + 1);
		if (!S_ISREG(st.st_mode))
			continue;
		files_seen++;
		fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			continue;
		close(fd);
		if (writable++ < 40)
			broken("opening %s to write", path);
	}
	closedir(dir);
}

/* What a box puts over a name that it cannot take away. */
static bool is_null(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

static void writing(void *arg)
{
	static const char *const known[] = {"/proc/sysrq-trigger",
					    "/proc/sys/kernel/core_pattern",
					    "/proc/sys/kernel/modprobe",
					    "/proc/sys/kernel/hotplug",
					    "/proc/sys/kernel/hostname",
					    "/proc/sys/kernel/domainname",
					    "/proc/sys/vm/drop_caches",
					    "/proc/sys/fs/binfmt_misc/register",
					    "/proc/sys/kernel/ns_last_pid",
					    "/proc/sys/kernel/randomize_va_space",
					    "/proc/sys/net/ipv4/ip_forward",
					    "/proc/mtrr",
					    "/proc/irq/0/smp_affinity",
					    "/proc/acpi/wakeup",
					    "/proc/scsi/scsi",
					    "/proc/timer_stats",
					    "/proc/fs",
					    "/sys/kernel/uevent_helper",
					    "/sys/power/state",
					    "/sys/kernel/mm/ksm/run",
					    "/sys/fs/cgroup/release_agent",
					    "/sys/fs/cgroup/cgroup.procs",
					    "/sys/kernel/debug",
					    "/sys/kernel/security",
					    "/sys/kernel/tracing/trace",
					    "/sys/firmware/efi/efivars",
					    "/sys/module/kernel/parameters/panic"};

	(void)arg;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		int fd = open(known[i], O_WRONLY | O_NONBLOCK | O_CLOEXEC);

		must_not(fd >= 0 && !is_null(fd), "opening %s to write", known[i]);
		if (fd >= 0)
			close(fd);
	}
	walk("/proc", 0);
	must_not(writable > 0, "writable files in /proc: %d of %d", writable, files_seen);
	writable = files_seen = 0;
	walk("/sys", 1);
	must_not(writable > 0, "writable files in /sys: %d of %d", writable, files_seen);
}

static void reading(void *arg)
{
	static const char *const diaries[] = {"/proc/kcore",
					      "/proc/kmsg",
					      "/proc/keys",
					      "/proc/timer_list",
					      "/proc/sched_debug",
					      "/proc/vmallocinfo",
					      "/proc/slabinfo",
					      "/proc/kpagecount",
					      "/proc/kpageflags",
					      "/proc/kpagecgroup",
					      "/proc/pagetypeinfo",
					      "/proc/mem",
					      "/proc/latency_stats",
					      "/proc/sysvipc/../kcore",
					      "/proc/kallsyms",
					      "/proc/modules",
					      "/dev/kmsg",
					      "/dev/mem",
					      "/dev/kmem",
					      "/dev/port",
					      "/sys/kernel/notes",
					      "/sys/kernel/vmcoreinfo",
					      "/sys/kernel/debug/sched/debug",
					      "/sys/firmware/acpi/tables/DSDT",
					      "/boot/System.map"};
	char bytes[512];

	(void)arg;
	for (size_t i = 0; i < sizeof(diaries) / sizeof(diaries[0]); i++) {
		int fd = open(diaries[i], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		ssize_t length = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));

		must_not(length > 0, "reading %s", diaries[i]);
		if (fd >= 0)
			close(fd);
	}
	must_not(syscall(SYS_syslog, 3, bytes, sizeof(bytes)) > 0, "reading the kernel's log");
}

/* An address of the kernel anywhere, in what anyone may read. */
static void addresses(void *arg)
{
	static const char *const files[] = {
		"/proc/iomem",	      "/proc/kallsyms", "/proc/modules",    "/proc/self/stack",
		"/proc/net/unix",     "/proc/net/tcp",	"/proc/net/packet", "/proc/self/wchan",
		"/proc/self/syscall", "/proc/self/stat"};

	(void)arg;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		FILE *file = fopen(files[i], "re");
		char line[512];
		bool found = false;

		while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL)
			found = strncmp(line, "ffff", 4) == 0 || strstr(line, " 0xffff") != NULL ||
				(i == 0 && strncmp(line, "00000000-00000000", 17) != 0);
		must_not(found, "an address of the kernel in %s", files[i]);
		if (file != NULL)
			fclose(file);
	}
}

int main(void)
{
	in_child(writing, NULL, 30);
	in_child(reading, NULL, 10);
	in_child(addresses, NULL, 10);
	return done();
}
