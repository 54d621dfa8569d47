/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/image.h"

#include "base/own.h"
#include "monitor/self.h"
#include "sys/sys.h"

#include <stdio.h>
#include <string.h>

#define HEAD_SIZE	 256 /* BINPRM_BUF_SIZE: so much of a file does the kernel look at */
#define INTERPRETERS_MAX 5

bool image_matters(const struct call *call)
{
	return (call->sc == SC_execve || call->sc == SC_execveat) && call_is_bound(call);
}

/* "#! /bin/sh -e": the program's path, as the kernel takes it. */
static bool parse_interpreter(char head[HEAD_SIZE + 1], char path[CALL_PATH_MAX])
{
	if (head[0] != '#' || head[1] != '!')
		return false;
	char *start = head + 2 + strspn(head + 2, " \t");
	size_t length = strcspn(start, " \t\n");

	if (length == 0 || length >= CALL_PATH_MAX)
		return false;
	memcpy(path, start, length);
	path[length] = '\0';
	return true;
}

/* A descriptor for looking is made one for reading, if it is a file. The box's own /proc has no
 * place for the monitor, so it is the monitor's that is asked. Who has a lease on the file is not
 * waited for. */
static int open_for_reading(const struct task *task, int path_fd)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "self/fd/%d", path_fd);
	return sys_openat(rights_proc(task->proc), name, O_RDONLY | O_NONBLOCK);
}

static struct file_state state_of(const struct stat *st)
{
	return (struct file_state){st->st_dev, st->st_ino, st->st_ctim};
}

static bool same_file(const struct file_state *a, const struct file_state *b)
{
	return a->device == b->device && a->inode == b->inode;
}

static bool unchanged(const struct file_state *a, const struct file_state *b)
{
	return same_file(a, b) && a->changed.tv_sec == b->changed.tv_sec &&
	       a->changed.tv_nsec == b->changed.tv_nsec;
}

/* The file that path_fd is, or at the end of its chain of interpreters. Within the caller's root.
 */
static int follow(const struct task *task, int take_path_fd, struct image *image)
{
	_own_(closep) int path_fd = take_path_fd;
	char head[HEAD_SIZE + 1];
	struct stat st;

	for (int i = 0; i <= INTERPRETERS_MAX; i++) {
		if (sys_fstat(path_fd, &st) < 0 || !S_ISREG(st.st_mode))
			return -EACCES;
		image->runs = state_of(&st);
		if (i == 0)
			image->named = image->runs;
		_own_(closep) int fd = open_for_reading(task, path_fd);
		if (fd == -EAGAIN)
			return -ETXTBSY;
		/* Who may not read it may still run it; then it must be the program itself. */
		ssize_t n = fd < 0 ? 0 : sys_read_full(fd, head, HEAD_SIZE);
		head[n < 0 ? 0 : n] = '\0';
		if (!parse_interpreter(head, image->interpreter)) {
			image->known = true;
			return 0;
		}
		int next_fd = sys_openat(AT_FDCWD, image->interpreter, O_PATH);
		if (next_fd < 0)
			return next_fd;
		close_fd(&path_fd);
		path_fd = next_fd;
	}
	return -ELOOP;
}

static int find(struct call *call, struct image *image)
{
	bool at = call->sc == SC_execveat;
	const char *path = call_look(call, at ? 1 : 0, NULL, NULL);
	uint64_t flags = at ? call->args[4] : 0;
	int base = at ? (int)call->args[0] : AT_FDCWD;
	_own_(closep) int base_fd = -1;
	struct task_entry entry;
	char own[CALL_PATH_MAX];

	if (path == NULL)
		return -EFAULT;
	/* What the caller calls its own is not this process's. */
	int renamed = self_rename(&call->task, path, own, sizeof(own));
	if (renamed < 0)
		return renamed;
	path = renamed > 0 ? own : path;
	if (base != AT_FDCWD && path[0] != '/') {
		base_fd = task_take_fd(&call->task, base);
		if (base_fd < 0)
			return base_fd;
	}
	int r = task_enter(&call->task, NEEDS_DIRECTORY, &entry);
	if (r < 0)
		return r;
	int fd = path[0] == '\0' && (flags & AT_EMPTY_PATH) != 0
			 ? SYS_RESULT(fcntl(base_fd, F_DUPFD_CLOEXEC, 3))
			 : sys_openat(
				   base_fd >= 0 ? base_fd : AT_FDCWD, path,
				   O_PATH | ((flags & AT_SYMLINK_NOFOLLOW) != 0 ? O_NOFOLLOW : 0));
	r = fd < 0 ? fd : follow(&call->task, fd, image);
	task_leave(&entry);
	return r;
}

int image_find(struct call *call, struct image *image)
{
	*image = (struct image){0};
	/* Where nothing is found the kernel says so itself; if it should find something, that was
	 * not decided on. */
	if (find(call, image) == -ETXTBSY)
		return -ETXTBSY;
	image->pinned = call->pinned;
	if (call->pinned && (!image->known || !unchanged(&image->named, &call->named) ||
			     !unchanged(&image->runs, &call->runs)))
		return -ETXTBSY;
	return 0;
}

bool image_pin(struct call *call)
{
	struct image image;

	if (call->pinned)
		return true;
	if (image_find(call, &image) < 0 || !image.known)
		return false;
	call->pinned = true;
	call->named = image.named;
	call->runs = image.runs;
	return true;
}

bool image_runs(const struct task *task, const struct image *image)
{
	char name[64];
	struct stat st;

	(void)snprintf(name, sizeof(name), "%d/exe", task->tid);
	if (!image->known || sys_fstatat(rights_proc(task->proc), name, &st, 0) < 0)
		return false;
	const struct file_state now = state_of(&st);
	return image->pinned ? unchanged(&now, &image->runs) : same_file(&now, &image->runs);
}
