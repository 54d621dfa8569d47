/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/share.h"

#include "base/own.h"
#include "sys/sys.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define PART 65536

/* True when the file of this name is the same in both, byte by byte. */
static bool is_same(int a_dir_fd, int b_dir_fd, const char *name)
{
	static char a_bytes[PART];
	static char b_bytes[PART];
	struct stat a;
	struct stat b;
	_own_(closep) int a_fd = sys_openat(a_dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	_own_(closep) int b_fd = sys_openat(b_dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);

	if (a_fd < 0 || b_fd < 0 || sys_fstat(a_fd, &a) < 0 || sys_fstat(b_fd, &b) < 0 ||
	    !S_ISREG(a.st_mode) || !S_ISREG(b.st_mode) || a.st_size != b.st_size)
		return false;
	for (;;) {
		ssize_t n = sys_read_full(a_fd, a_bytes, sizeof(a_bytes));

		if (n < 0 || sys_read_full(b_fd, b_bytes, sizeof(b_bytes)) != n ||
		    memcmp(a_bytes, b_bytes, (size_t)n) != 0)
			return false;
		if (n == 0)
			return true;
	}
}

static int share_one(int wine_fd, int windows_fd, const char *name)
{
	if (!is_same(wine_fd, windows_fd, name))
		return 0;
	int r = sys_unlinkat(windows_fd, name, 0);
	return r < 0 ? r : SYS_RESULT(linkat(wine_fd, name, windows_fd, name, 0));
}

static int share_directory(int root_fd, const char *wine, int prefix_fd, const char *windows)
{
	struct dirent **entries = NULL;
	_own_(closep) int wine_fd = sys_openat(root_fd, wine, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	_own_(closep) int windows_fd =
		sys_openat(prefix_fd, windows, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	int r = wine_fd < 0 ? wine_fd : windows_fd < 0 ? windows_fd : 0;
	int count = r < 0 ? r : sys_scan_dir(windows_fd, &entries, NULL);

	for (int i = 0; entries != NULL && i < count; i++) {
		if (r == 0)
			r = share_one(wine_fd, windows_fd, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return count < 0 ? count : r;
}

int share_libraries(int root_fd, int prefix_fd)
{
	int r = share_directory(root_fd, "usr/lib/x86_64-linux-gnu/wine/x86_64-windows", prefix_fd,
				"drive_c/windows/system32");

	return r < 0 ? r
		     : share_directory(root_fd, "usr/lib/i386-linux-gnu/wine/i386-windows",
				       prefix_fd, "drive_c/windows/syswow64");
}
