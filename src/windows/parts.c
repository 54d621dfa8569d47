/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/parts.h"

#include "base/own.h"
#include "sys/sys.h"
#include "windows/assets.h"
#include "windows/box.h"

#include <string.h>

/* The loader puts in for $LIB what the libraries of its bitness lie below. */
#define NT64 "lib/x86_64-linux-gnu"
#define NT32 "lib/i386-linux-gnu"

static const char preload[] = WINDOWS_PARTS "/$LIB/nt.so\n";

bool parts_built(void)
{
	return asset_prng64.size > 0 && asset_prng32.size > 0 && asset_nt64.size > 0 &&
	       asset_nt32.size > 0;
}

static int put(int dir_fd, const char *path, const void *bytes, size_t size)
{
	_own_(closep) int fd = sys_create(dir_fd, path, O_WRONLY | O_EXCL | O_NOFOLLOW, 0755);
	int r = fd < 0 ? fd : sys_write_all(fd, bytes, size);

	if (r == 0)
		r = sys_fchmod(fd, 0755);
	/* Its directory gets its name for good. */
	return r < 0 ? r : SYS_RESULT(fsync(fd));
}

/* Whatever the caller's umask is: guests are others. */
static int make_directory(int dir_fd, const char *path)
{
	int r = sys_mkdirat(dir_fd, path, 0755);
	_own_(closep) int fd =
		r < 0 ? r : sys_openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

	return fd < 0 ? fd : sys_fchmod(fd, 0755);
}

static int fill(int dir_fd)
{
	static const char *const directories[] = {"lib", NT64, NT32};
	const struct {
		const char *path;
		const void *bytes;
		size_t size;
	} files[] = {
		{"starter", asset_starter.bytes, asset_starter.size},
		{NT64 "/nt.so", asset_nt64.bytes, asset_nt64.size},
		{NT32 "/nt.so", asset_nt32.bytes, asset_nt32.size},
		{"preload", preload, sizeof(preload) - 1},
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(directories) && r == 0; i++)
		r = make_directory(dir_fd, directories[i]);
	for (size_t i = 0; i < ARRAY_LENGTH(files) && r == 0; i++)
		r = put(dir_fd, files[i].path, files[i].bytes, files[i].size);
	return r;
}

static int make(int windows_fd, const char *name)
{
	char temporary[96];

	(void)snprintf(temporary, sizeof(temporary), ".%s-%d", name, getpid());
	int r = sys_remove_tree(windows_fd, temporary);
	if (r == 0)
		r = make_directory(windows_fd, temporary);
	_own_(closep) int fd =
		r < 0 ? r : sys_openat(windows_fd, temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	r = fd < 0 ? fd : fill(fd);
	if (r == 0)
		r = sys_renameat(windows_fd, temporary, windows_fd, name, RENAME_NOREPLACE);
	if (r < 0)
		(void)sys_remove_tree(windows_fd, temporary);
	return r == -EEXIST ? 0 : r; /* Another one was faster. */
}

int parts_put(int windows_fd, const char *windows_path, char ret_path[RUNTIME_PATH_SIZE],
	      struct cloche_err *err)
{
	char name[64];
	struct stat st;

	(void)snprintf(name, sizeof(name), "parts-%.8s%.8s%.8s", asset_starter.hash,
		       asset_nt64.hash, asset_nt32.hash);
	if (snprintf(ret_path, RUNTIME_PATH_SIZE, "%s/%s", windows_path, name) >= RUNTIME_PATH_SIZE)
		return err_set(err, -ENAMETOOLONG, "'%s': too long", windows_path);
	if (sys_fstatat(windows_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	int r = make(windows_fd, name);
	return r < 0 ? err_set(err, r, "'%s': %s", ret_path, errno_text(r)) : 0;
}
