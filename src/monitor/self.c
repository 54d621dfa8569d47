/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/self.h"

#include "base/own.h"
#include "sys/sys.h"

#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#define PATH_SIZE 4096
#define LINKS_MAX 40 /* the kernel's own */

int self_rename(const struct task *task, const char *path, char *to, size_t size)
{
	static const struct {
		const char *head;
		const char *instead;
		bool thread;
	} own[] = {
		{"/proc/self", "", false},	 {"/proc/thread-self", "", true},
		{"/dev/fd", "/fd", false},	 {"/dev/stdin", "/fd/0", false},
		{"/dev/stdout", "/fd/1", false}, {"/dev/stderr", "/fd/2", false},
	};

	for (size_t i = 0; i < ARRAY_LENGTH(own); i++) {
		size_t head = strlen(own[i].head);
		char thread[32] = "";

		if (strncmp(path, own[i].head, head) != 0 ||
		    (path[head] != '/' && path[head] != '\0'))
			continue;
		/* The bare link itself may be what is asked for (readlink). */
		if (path[head] == '\0' && own[i].instead[0] != '/')
			return 0;
		pid_t pid = task_box_pid(task, "Tgid");
		if (own[i].thread)
			(void)snprintf(thread, sizeof(thread), "/task/%d",
				       task_box_pid(task, "Pid"));
		int length = snprintf(to, size, "/proc/%d%s%s%s", pid, thread, own[i].instead,
				      path + head);
		return length >= (int)size ? -ENAMETOOLONG : length;
	}
	return 0;
}

static bool in_proc(int base_fd, const char *directory)
{
	struct statfs st;
	_own_(closep) int fd =
		sys_openat(base_fd, directory[0] != '\0' ? directory : ".", O_PATH | O_DIRECTORY);

	return fd >= 0 && SYS_RESULT(fstatfs(fd, &st)) == 0 && st.f_type == PROC_SUPER_MAGIC;
}

/* What comes before `end` is instead of it: head and target. 0: too long. */
static int put_target(char path[PATH_SIZE], const char *head, const char *target, size_t end)
{
	size_t head_length = strnlen(head, PATH_SIZE);
	size_t target_length = strnlen(target, PATH_SIZE);
	size_t rest = strlen(path + end) + 1;

	if (head_length + target_length + rest > PATH_SIZE)
		return 0;
	memmove(path + head_length + target_length, path + end, rest);
	memcpy(path, head, head_length);
	memcpy(path + head_length, target, target_length);
	return 1;
}

/* Replaces the first component of path that is a link by what it says. 1: there was one; 0: none;
 * -ELOOP: it is one of the two that mean the caller. */
static int expand_link(int base_fd, char path[PATH_SIZE])
{
	char head[PATH_SIZE];
	char target[PATH_SIZE];

	for (size_t at = path[0] == '/' ? 1 : 0; path[at] != '\0';) {
		size_t end = at + strcspn(path + at, "/");

		memcpy(head, path, end);
		head[end] = '\0';
		ssize_t n = sys_readlinkat(base_fd, head, target, sizeof(target) - 1);
		if (n > 0) {
			bool self = strcmp(head + at, "self") == 0 ||
				    strcmp(head + at, "thread-self") == 0;

			target[n] = '\0';
			head[at] = '\0';
			if (self && in_proc(base_fd, head))
				return -ELOOP;
			return put_target(path, target[0] == '/' ? "" : head, target, end);
		}
		/* In /proc the link cannot be read by who is nobody there. */
		if (n == -ENOENT && strcmp(head + at, "self") == 0) {
			head[at] = '\0';
			return in_proc(base_fd, head) ? -ELOOP : 0;
		}
		if (n < 0 && n != -EINVAL)
			return 0;
		at = end + strspn(path + end, "/");
	}
	return 0;
}

/* The link itself is what the path leads to, and it is of /proc. */
static bool is_own_link(int fd)
{
	struct statfs fs;
	struct stat st;

	return sys_fstat(fd, &st) == 0 && S_ISLNK(st.st_mode) &&
	       SYS_RESULT(fstatfs(fd, &fs)) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

static bool links_lead_there(int base_fd, const char *path)
{
	char copy[PATH_SIZE];
	int found = 1;

	if (strlen(path) >= sizeof(copy))
		return false;
	(void)snprintf(copy, sizeof(copy), "%s", path);
	for (int i = 0; i < LINKS_MAX && found > 0; i++)
		found = expand_link(base_fd, copy);
	return found == -ELOOP;
}

bool self_in_links(int base_fd, const char *path)
{
	/* The same look-up without links: most that fail have none. */
	_own_(closep) int fd = sys_openat2(base_fd, path, O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
	if (fd >= 0)
		return is_own_link(fd);
	return fd == -ELOOP && links_lead_there(base_fd, path);
}
