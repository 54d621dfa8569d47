/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting the memory of a box where no cgroup can limit it. First quickly, an upper bound (memory
 * that a fork shares counts twice); only when that is too much, exactly (proportional shares).
 */
#include "base/own.h"
#include "monitor/monitor.h"
#include "sys/sys.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

/* The kB of one line of a status or smaps_rollup file. */
static uint64_t field_kb(const char *text, const char *name)
{
	const char *line = strstr(text, name);

	return line != NULL ? strtoull(line + strlen(name), NULL, 10) : 0;
}

struct memory {
	uint64_t anonymous_kb;
	uint64_t shared_kb; /* mapped shared memory, files on a tmpfs among it */
};

static void add_process(int proc_fd, const char *pid, bool exact, struct memory *sum)
{
	char path[300];
	char text[8192];

	(void)snprintf(path, sizeof(path), "%s/%s", pid, exact ? "smaps_rollup" : "status");
	if (sys_read_file(proc_fd, path, text, sizeof(text)) < 0)
		return;
	sum->anonymous_kb += field_kb(text, exact ? "\nPss_Anon:" : "\nRssAnon:");
	sum->shared_kb += field_kb(text, exact ? "\nPss_Shmem:" : "\nRssShmem:");
}

/* Files in memory belong to nobody's process. */
static uint64_t count_files(const int tmpfs_fds[2])
{
	uint64_t bytes = 0;

	for (int i = 0; i < 2; i++) {
		struct statfs st;

		if (tmpfs_fds[i] >= 0 && SYS_RESULT(fstatfs(tmpfs_fds[i], &st)) == 0)
			bytes += (uint64_t)(st.f_blocks - st.f_bfree) * (uint64_t)st.f_bsize;
	}
	return bytes;
}

static DIR *open_processes(int proc_fd)
{
	int fd = sys_openat(proc_fd, ".", O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir == NULL && fd >= 0)
		(void)close(fd); /* Not taken. */
	return dir;
}

/* 1 is the monitor itself. */
static bool is_guest(const struct dirent *entry)
{
	return entry->d_name[0] >= '0' && entry->d_name[0] <= '9' &&
	       strcmp(entry->d_name, "1") != 0;
}

/* A file that is mapped is in both counts of what is shared; the larger is taken, which misses
 * some where there are both files that nobody maps and mappings that are no files. */
static uint64_t count(int proc_fd, const int tmpfs_fds[2], bool exact)
{
	struct memory sum = {0};
	uint64_t files = count_files(tmpfs_fds);
	_own_(closedirp) DIR *dir = open_processes(proc_fd);
	const struct dirent *entry;

	if (dir == NULL)
		return UINT64_MAX; /* What cannot be counted is too much. */
	while ((entry = readdir(dir)) != NULL) {
		if (is_guest(entry))
			add_process(proc_fd, entry->d_name, exact, &sum);
	}
	uint64_t shared = sum.shared_kb * 1024;
	return sum.anonymous_kb * 1024 + (shared > files ? shared : files);
}

uint64_t monitor_count_memory(struct own_proc proc, const int tmpfs_fds[2], uint64_t limit_bytes)
{
	int proc_fd = rights_proc(proc);
	uint64_t bytes = count(proc_fd, tmpfs_fds, false);

	return bytes <= limit_bytes ? bytes : count(proc_fd, tmpfs_fds, true);
}

void monitor_end_large(struct own_proc proc, uint64_t bytes)
{
	int proc_fd = rights_proc(proc);
	_own_(closedirp) DIR *dir = open_processes(proc_fd);
	const struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		struct memory memory = {0};

		if (!is_guest(entry))
			continue;
		add_process(proc_fd, entry->d_name, false, &memory);
		if ((memory.anonymous_kb + memory.shared_kb) * 1024 <= bytes)
			continue;
		/* A number that has become another's is one of a guest of the same box. */
		_own_(closep) int fd = sys_pidfd_open((pid_t)strtol(entry->d_name, NULL, 10), 0);
		if (fd >= 0)
			(void)rights_signal(fd, SIGKILL); /* Gone: fine. */
	}
}
