/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: /proc/PID/root, cwd, exe, fd/N, map_files, ns and mem are not names but the things
 * themselves, also of a process that lives outside. Through every one of every process that can be
 * seen: to the canary's files, to another root, to memory and environment of pid 1, to an
 * executable that could be overwritten (CVE-2019-5736, CVE-2024-21626).
 */
#include "attempt.h"

#include <ctype.h>
#include <dirent.h>

static struct stat own_root;

static void leads_out(const char *link)
{
	static const char *const targets[] = {"FILE", "HIDDEN", "HOST_TMP_FILE"};
	struct stat there;
	char path[2 * PATH_MAX];
	int dir_fd = open(link, O_PATH | O_CLOEXEC);

	if (dir_fd < 0) {
		held("opening %s was refused: %s", link, strerrorname_np(errno));
		return;
	}
	(void)fstat(dir_fd, &there);
	if (S_ISDIR(there.st_mode)) {
		for (size_t i = 0; i < 3; i++) {
			if (canary(targets[i]) != NULL)
				reads_secret(dir_fd, canary(targets[i]) + 1, link);
		}
		(void)snprintf(path, sizeof(path), "%.200s/../../../../../../../../../..", link);
		must_not(stat(path, &there) == 0 && (there.st_dev != own_root.st_dev ||
						     there.st_ino != own_root.st_ino),
			 "walking up from %s leads to another root", link);
	} else if (S_ISREG(there.st_mode)) {
		reads_secret(AT_FDCWD, link, "the link");
	}
	close(dir_fd);
}

static void own_root_only(const char *process)
{
	struct stat there;
	char path[80];

	(void)snprintf(path, sizeof(path), "/proc/%.40s/root", process);
	must_not(stat(path, &there) == 0 &&
			 (there.st_dev != own_root.st_dev || there.st_ino != own_root.st_ino),
		 "%s is another root", path);
	leads_out(path);
	(void)snprintf(path, sizeof(path), "/proc/%.40s/cwd", process);
	leads_out(path);
}

static void each_in(const char *process, const char *folder)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%s/%s", process, folder);
	dir = opendir(path);
	if (dir == NULL) {
		held("listing %s was refused: %s", path, strerrorname_np(errno));
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%s/%s/%.200s", process, folder,
			       entry->d_name);
		leads_out(path);
	}
	closedir(dir);
}

/* Only pid 1 is not a guest like us: nothing of it may be read or written. */
static void pid_one(void)
{
	static const struct {
		const char *file;
		int flags;
	} files[] = {{"mem", O_RDONLY},
		     {"mem", O_RDWR},
		     {"environ", O_RDONLY},
		     {"exe", O_WRONLY},
		     {"exe", O_RDWR},
		     {"maps", O_RDONLY},
		     {"auxv", O_RDONLY},
		     {"pagemap", O_RDONLY},
		     {"stack", O_RDONLY},
		     {"syscall", O_RDONLY},
		     {"oom_score_adj", O_WRONLY},
		     {"clear_refs", O_WRONLY},
		     {"coredump_filter", O_WRONLY},
		     {"comm", O_WRONLY},
		     {"attr/current", O_WRONLY},
		     {"timerslack_ns", O_WRONLY},
		     {"sched", O_WRONLY},
		     {"autogroup", O_WRONLY}};
	char path[64];
	char bytes[16];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int fd;
		ssize_t length = -1;

		(void)snprintf(path, sizeof(path), "/proc/1/%s", files[i].file);
		fd = open(path, files[i].flags | O_CLOEXEC);
		if (fd >= 0 && files[i].flags == O_RDONLY && strcmp(files[i].file, "mem") != 0)
			length = read(fd, bytes, sizeof(bytes));
		else if (fd >= 0 && strcmp(files[i].file, "mem") == 0)
			length = 1;
		else if (fd >= 0)
			length = write(fd, "50000", 5);
		must_not(length > 0, "%s %s", files[i].flags == O_RDONLY ? "reading" : "writing",
			 path);
		if (fd >= 0)
			close(fd);
	}
}

static void environment_of(const char *process)
{
	char path[80];
	static char text[1 << 16];
	ssize_t length;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%.40s/environ", process);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	length = read(fd, text, sizeof(text));
	close(fd);
	must_not(length > 0 && memmem(text, (size_t)length, "secret-", 7) != NULL,
		 "the secret is in %s", path);
}

static void visible(void *arg)
{
	struct dirent *entry;
	DIR *dir = opendir("/proc");

	(void)arg;
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		bool numeric = isdigit((unsigned char)entry->d_name[0]);

		if (!numeric && strcmp(entry->d_name, "self") != 0 &&
		    strcmp(entry->d_name, "thread-self") != 0)
			continue;
		if ((numeric && atoi(entry->d_name) == getpid()) || !may_look_at(entry->d_name))
			continue;
		own_root_only(entry->d_name);
		each_in(entry->d_name, "fd");
		each_in(entry->d_name, "map_files");
		each_in(entry->d_name, "task");
		environment_of(entry->d_name);
	}
	if (dir != NULL)
		closedir(dir);
	if (boxed())
		pid_one();
}

/* Numbers that /proc does not list may still be there. */
static void by_number(void *arg)
{
	struct stat there;
	char path[64];
	const char *outside = canary("PID");

	(void)arg;
	for (int pid = 1; pid <= 4200 && boxed(); pid++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/root", pid);
		if (stat(path, &there) == 0 &&
		    (there.st_dev != own_root.st_dev || there.st_ino != own_root.st_ino))
			broken("%s is another root", path);
	}
	if (outside == NULL)
		return;
	(void)snprintf(path, sizeof(path), "/proc/%s/root", outside);
	leads_out(path);
	each_in(outside, "fd");
	environment_of(outside);
}

int main(void)
{
	if (stat("/", &own_root) < 0)
		unavailable("no root directory");
	in_child(visible, NULL, 20);
	in_child(by_number, NULL, 20);
	return done();
}
