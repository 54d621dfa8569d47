/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/runtime.h"

#include "base/own.h"
#include "box/store.h"
#include "sys/sys.h"
#include "windows/parts.h"
#include "world/identity.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#define ABOUT_MAX  4096
#define ID_LENGTH  16
#define HEX_DIGITS "0123456789abcdef"

static bool is_id(const char *name)
{
	return strlen(name) == ID_LENGTH && strspn(name, HEX_DIGITS) == ID_LENGTH;
}

int runtime_directory(char ret_path[RUNTIME_PATH_SIZE], struct cloche_err *err)
{
	struct identity caller;
	struct store store = {.fd = -1};
	int r = identity_resolve(&caller, NULL, err);

	if (r == 0)
		r = store_open(&store, caller.caller_home, caller.rooted, err);
	if (r < 0)
		return r;
	int fd = store_open_private(store.fd, "windows", err);
	_own_(freep) char *directory = store_directory(caller.caller_home, caller.rooted);
	store_close(&store);
	if (fd >= 0 && (directory == NULL || snprintf(ret_path, RUNTIME_PATH_SIZE, "%s/windows",
						      directory) >= RUNTIME_PATH_SIZE)) {
		(void)close(fd);
		return err_set(err, -ENAMETOOLONG, "the directory of the Windows runtime: %s",
			       errno_text(ENAMETOOLONG));
	}
	return fd;
}

int runtime_lock(int windows_fd, struct cloche_err *err)
{
	_own_(closep) int fd = sys_create(windows_fd, "lock", O_RDWR | O_NOFOLLOW, 0600);
	int r = fd < 0 ? fd : sys_flock(fd, LOCK_EX | LOCK_NB);

	if (r == -EAGAIN) {
		(void)fprintf(stderr, "cloche: another 'cloche windows' is at work; waiting\n");
		r = sys_flock(fd, LOCK_EX);
	}
	return r < 0 ? err_set(err, r, "cannot lock the Windows runtime: %s", errno_text(r))
		     : TAKE_FD(&fd);
}

/* Between the look and the lock another one may have become the current one. */
static int hold_current(int windows_fd, char id[ID_LENGTH + 1])
{
	char again[ID_LENGTH + 2];
	char path[64];

	for (;;) {
		char name[ID_LENGTH + 2];
		ssize_t n = sys_readlinkat(windows_fd, "current", name, sizeof(name) - 1);

		if (n < 0)
			return (int)n;
		name[n] = '\0';
		if (!is_id(name))
			return -EIO;
		(void)snprintf(path, sizeof(path), "%.16s/lock", name);
		_own_(closep) int fd = sys_openat(windows_fd, path, O_RDONLY | O_NOFOLLOW);
		int r = fd < 0 ? fd : sys_flock(fd, LOCK_SH);
		n = sys_readlinkat(windows_fd, "current", again, sizeof(again) - 1);
		again[n > 0 ? n : 0] = '\0';
		if (strcmp(name, again) != 0)
			continue;
		(void)snprintf(id, ID_LENGTH + 1, "%.16s", name);
		return r < 0 ? r : TAKE_FD(&fd);
	}
}

static int check_format(const struct runtime *runtime, struct cloche_err *err)
{
	char format[16];

	runtime_about(runtime, "format", format, sizeof(format));
	return strcmp(format, RUNTIME_FORMAT) == 0
		       ? 0
		       : err_set(err, -ENOENT,
				 "the Windows runtime is of another cloche: 'cloche windows setup' "
				 "builds it anew");
}

int runtime_open(struct runtime *ret_runtime, struct cloche_err *err)
{
	struct runtime runtime = {.lock_fd = -1, .parts_fd = -1};
	char path[RUNTIME_PATH_SIZE];
	char id[ID_LENGTH + 1];
	_own_(closep) int windows_fd = runtime_directory(path, err);

	if (windows_fd < 0)
		return windows_fd;
	int r = runtime.lock_fd = hold_current(windows_fd, id);
	if (r == -ENOENT)
		return err_set(err, r,
			       "there is no Windows runtime yet: 'cloche windows setup' builds it, "
			       "once");
	if (r < 0)
		return err_set(err, r, "the Windows runtime: %s; see 'cloche windows setup'",
			       errno_text(r));
	r = snprintf(runtime.path, RUNTIME_PATH_SIZE, "%s/%s", path, id) < RUNTIME_PATH_SIZE
		    ? 0
		    : -ENAMETOOLONG;
	if (r < 0)
		(void)err_set(err, r, "'%s': too long", path);
	else
		r = runtime.parts_fd = parts_put(windows_fd, path, runtime.parts, err);
	if (r >= 0)
		r = check_format(&runtime, err);
	if (r < 0) {
		runtime_close(&runtime);
		return r;
	}
	*ret_runtime = runtime;
	return 0;
}

void runtime_close(struct runtime *runtime)
{
	close_fd(&runtime->lock_fd);
	close_fd(&runtime->parts_fd);
}

void runtime_about(const struct runtime *runtime, const char *name, char *ret_value, size_t size)
{
	char path[RUNTIME_PATH_SIZE + 8];
	char text[ABOUT_MAX];
	size_t length = strlen(name);

	ret_value[0] = '\0';
	(void)snprintf(path, sizeof(path), "%s/about", runtime->path);
	if (sys_read_file(AT_FDCWD, path, text, sizeof(text)) < 0)
		return;
	for (const char *line = text; *line != '\0';
	     line += strcspn(line, "\n"), line += *line != '\0') {
		if (strncmp(line, name, length) == 0 && line[length] == ' ')
			(void)snprintf(ret_value, size, "%.*s",
				       (int)strcspn(line + length + 1, "\n"), line + length + 1);
	}
}

static int id_filter(const struct dirent *entry)
{
	return is_id(entry->d_name);
}

/* 1: somebody uses it. */
static int remove_one(int windows_fd, const char *id)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%.16s/lock", id);
	_own_(closep) int fd = sys_openat(windows_fd, path, O_RDONLY | O_NOFOLLOW);
	int r = fd < 0 ? fd : sys_flock(fd, LOCK_EX | LOCK_NB);
	if (r == -EAGAIN)
		return 1;
	return r < 0 && r != -ENOENT ? r : sys_remove_tree(windows_fd, id);
}

int runtime_sweep(int windows_fd, bool current_too, struct cloche_err *err)
{
	struct dirent **entries = NULL;
	char current[ID_LENGTH + 2] = "";
	int in_use = 0;
	int r = 0;

	if (current_too)
		(void)sys_unlinkat(windows_fd, "current", 0);
	else if (sys_readlinkat(windows_fd, "current", current, sizeof(current) - 1) < 0)
		current[0] = '\0';
	int count = sys_scan_dir(windows_fd, &entries, id_filter);
	for (int i = 0; i < count; i++) {
		if (r == 0 && strcmp(entries[i]->d_name, current) != 0) {
			r = remove_one(windows_fd, entries[i]->d_name);
			in_use += r == 1;
			r = r == 1 ? 0 : r;
		}
		free(entries[i]);
	}
	free(entries);
	r = count < 0 ? count : r;
	if (r == 0)
		r = parts_sweep(windows_fd, current_too);
	return r < 0 ? err_set(err, r, "cannot remove a Windows runtime: %s", errno_text(r))
		     : in_use;
}

int runtime_prune(int store_fd, struct cloche_err *err)
{
	_own_(closep) int windows_fd =
		sys_openat(store_fd, "windows", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	_own_(closep) int fd =
		windows_fd < 0 ? windows_fd : sys_openat(windows_fd, "lock", O_RDWR | O_NOFOLLOW);
	int r = fd < 0 ? fd : sys_flock(fd, LOCK_EX | LOCK_NB);

	if (r == -ENOENT || r == -EAGAIN)
		return 0;
	if (r < 0)
		return err_set(err, r, "the Windows runtime: %s", errno_text(r));
	r = runtime_sweep(windows_fd, false, err);
	return r < 0 ? r : 0;
}
