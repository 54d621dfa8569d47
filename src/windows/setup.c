/* SPDX-License-Identifier: Apache-2.0 */
#include "windows/setup.h"

#include "base/own.h"
#include "box/store.h"
#include "sys/sys.h"
#include "windows/assets.h"
#include "windows/box.h"
#include "windows/packages.h"
#include "windows/parts.h"
#include "windows/registry_seed.h"
#include "windows/runtime.h"
#include "windows/share.h"
#include "windows/tools.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

/* While it is built there are packages, their files unstripped, and the template. */
#define SPACE_NEEDED ((uint64_t)2500 << 20)

#define STEPS 5

struct setup {
	struct cloche_err *err;
	int windows_fd; /* owned */
	int new_fd;	/* owned: windows/new */
	int parts_fd;	/* owned */
	char path[RUNTIME_PATH_SIZE];
	char parts[RUNTIME_PATH_SIZE];
};

static void say_step(int number, const char *what)
{
	(void)printf("%d of %d  %s\n", number, STEPS, what);
	(void)fflush(stdout);
}

static bool is_there(const struct setup *setup, const char *name)
{
	struct stat st;

	return sys_fstatat(setup->new_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int failed(const struct setup *setup, int r, const char *what)
{
	return r < 0 ? err_set(setup->err, r, "%s: %s", what, errno_text(r)) : 0;
}

static int check_space(const struct setup *setup)
{
	struct statvfs st;

	if (is_there(setup, "root") || SYS_RESULT(fstatvfs(setup->new_fd, &st)) < 0)
		return 0;
	uint64_t available = (uint64_t)st.f_bavail * st.f_frsize;
	return available >= SPACE_NEEDED
		       ? 0
		       : err_set(setup->err, -ENOSPC,
				 "building it needs %llu MB in '%s', and %llu MB are free",
				 (unsigned long long)(SPACE_NEEDED >> 20), setup->path,
				 (unsigned long long)(available >> 20));
}

static int make_packages(const struct setup *setup, struct packages *packages)
{
	(void)snprintf(packages->path, sizeof(packages->path), "%s/new", setup->path);
	packages->fd = setup->new_fd;
	if (is_there(setup, "root"))
		return 0;
	say_step(1, "the lists of Debian's packages (20 MB)");
	int r = packages_update(packages, setup->err);
	if (r == 0)
		r = packages_measure(packages, setup->err);
	if (r < 0)
		return r;
	(void)printf("     from %s, Debian 12's section main\n", packages->mirror);
	(void)printf("        %zu packages, Wine 8 and what it needs: %llu MB to download\n",
		     packages->count, (unsigned long long)(packages->bytes >> 20));
	(void)printf("        on disk: %llu MB while it is built, then 800 MB\n",
		     (unsigned long long)(SPACE_NEEDED >> 20));
	say_step(2, "download");
	r = packages_download(packages, setup->err);
	if (r < 0)
		return r;
	say_step(3, "unpack");
	r = sys_remove_tree(setup->new_fd, "root.new");
	if (r == 0)
		r = sys_mkdirat(setup->new_fd, "root.new", 0755);
	r = failed(setup, r, "root.new");
	if (r == 0)
		r = packages_unpack(packages, "root.new", setup->err);
	if (r == 0)
		r = packages_finish(packages, "root.new", setup->err);
	return r < 0 ? r
		     : failed(setup,
			      sys_renameat(setup->new_fd, "root.new", setup->new_fd, "root", 0),
			      "root");
}

static int put_asset(int dir_fd, const char *path, const struct asset *asset)
{
	_own_(closep) int fd = sys_create(dir_fd, path, O_WRONLY | O_TRUNC | O_NOFOLLOW, 0644);

	return fd < 0 ? fd : sys_write_all(fd, asset->bytes, asset->size);
}

/* Wine makes the folders of documents links to the Unix home directory. The box has none of it. */
static int make_folders(int prefix_fd)
{
	static const char *const folders[] = {
		"Desktop",
		"Documents",
		"Downloads",
		"Music",
		"Pictures",
		"Videos",
		"AppData/Roaming/Microsoft/Windows/Templates",
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(folders) && r == 0; i++) {
		char path[128];
		struct stat st;

		(void)snprintf(path, sizeof(path), "drive_c/users/" WINDOWS_USER "/%s", folders[i]);
		if (sys_fstatat(prefix_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISLNK(st.st_mode))
			r = sys_unlinkat(prefix_fd, path, 0);
		if (r == 0)
			r = sys_mkdirat(prefix_fd, path, 0755);
		r = r == -EEXIST ? 0 : r;
	}
	return r;
}

static int run_in_template(const struct setup *setup, bool boots, const char *const *words)
{
	char root[RUNTIME_PATH_SIZE + 16];
	char prefix[RUNTIME_PATH_SIZE + 16];
	const struct windows_world world = {
		.root = root,
		.prefix = prefix,
		.parts = setup->parts,
		.is_template = true,
		.boots = boots,
	};

	(void)snprintf(root, sizeof(root), "%s/new/root", setup->path);
	(void)snprintf(prefix, sizeof(prefix), "%s/new/prefix.new", setup->path);
	int r = windows_run_setup(&world, (char *const *)(uintptr_t)words, setup->err);
	return r > 0 ? err_set(setup->err, -EIO, "Wine could not make its template (status %d)", r)
		     : r;
}

static int boot_template(const struct setup *setup, int prefix_fd)
{
	static const char starter[] = WINDOWS_STARTER;
	static const char wine64[] = WINE64;
	static const char wine32[] = WINE32;
	static const char *const boot[] = {starter, "--wait", "--", wine64, "wineboot", "-i", NULL};
	/* What Wine notes when it runs for the first time is no box's change. */
	static const char *const first64[] = {starter, "--", wine64, "cmd.exe", "/c", "ver", NULL};
	static const char *const first32[] = {starter, "--", wine32, "cmd.exe", "/c", "ver", NULL};
	int r = run_in_template(setup, true, boot);

	if (r == 0)
		r = registry_seed(prefix_fd, setup->err);
	if (r == 0)
		r = run_in_template(setup, false, first64);
	return r < 0 ? r : run_in_template(setup, false, first32);
}

static int make_template(const struct setup *setup)
{
	if (is_there(setup, "prefix"))
		return 0;
	say_step(4, "the template of C: and the registry (in a box)");
	int r = sys_remove_tree(setup->new_fd, "prefix.new");
	if (r == 0)
		r = sys_mkdirat(setup->new_fd, "prefix.new", 0755);
	if (r == 0)
		r = sys_mkdir_all(setup->new_fd, "root" WINDOWS_FONT_CACHE, 0755);
	if (r < 0)
		return failed(setup, r, "prefix.new");
	_own_(closep) int fd =
		sys_openat(setup->new_fd, "prefix.new", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	_own_(closep) int root_fd =
		sys_openat(setup->new_fd, "root", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	r = fd < 0 ? failed(setup, fd, "prefix.new") : boot_template(setup, fd);
	if (r < 0)
		return r;
	r = make_folders(fd);
	if (r == 0)
		r = put_asset(fd, "drive_c/windows/system32/bcryptprimitives.dll", &asset_prng64);
	if (r == 0)
		r = put_asset(fd, "drive_c/windows/syswow64/bcryptprimitives.dll", &asset_prng32);
	if (r == 0)
		r = root_fd < 0 ? root_fd : share_libraries(root_fd, fd);
	if (r == 0)
		r = sys_renameat(setup->new_fd, "prefix.new", setup->new_fd, "prefix", 0);
	return failed(setup, r, "the template");
}

/* On disk, where a file with several names counts once. */
static unsigned long megabytes(const struct setup *setup)
{
	char path[RUNTIME_PATH_SIZE + 16];
	const char *const words[] = {"du", "-sm", path, NULL};
	struct cloche_err unused = {0};
	struct buf out;

	(void)snprintf(path, sizeof(path), "%s/new", setup->path);
	buf_init(&out, 2 * RUNTIME_PATH_SIZE);
	const struct tool tool = {.words = words, .out = &out};
	unsigned long number =
		tool_run(&tool, &unused) < 0 ? 0 : strtoul(buf_string(&out), NULL, 10);
	buf_done(&out);
	return number;
}

static int write_about(const struct setup *setup, struct packages *packages)
{
	char text[512];
	char version[128];
	struct tm now;
	char date[32] = "";
	const time_t seconds = time(NULL);

	if (is_there(setup, "about"))
		return 0;
	packages_version(packages, version, sizeof(version));
	int removed = sys_remove_tree(setup->new_fd, "apt");
	if (gmtime_r(&seconds, &now) != NULL)
		(void)strftime(date, sizeof(date), "%Y-%m-%d", &now);
	(void)snprintf(text, sizeof(text),
		       "format " RUNTIME_FORMAT "\nwine %s\nbuilt %s\nmegabytes %lu\n", version,
		       date, megabytes(setup));
	_own_(closep) int fd = sys_create(setup->new_fd, "lock", O_RDWR | O_NOFOLLOW, 0600);
	int r = removed < 0 ? removed
		: fd < 0    ? fd
			    : sys_replace_file(setup->new_fd, "about", text);
	return failed(setup, r, "the new runtime");
}

/* It gets its name, and becomes the current one; older ones go when nobody uses them. */
static int put_in_place(struct setup *setup)
{
	char id[LAYER_ID_SIZE];
	int r = store_new_id(id, setup->err);

	if (r < 0)
		return r;
	r = sys_renameat(setup->windows_fd, "new", setup->windows_fd, id, RENAME_NOREPLACE);
	if (r == 0)
		r = sys_unlinkat(setup->windows_fd, "current.new", 0);
	r = r == -ENOENT ? 0 : r;
	if (r == 0)
		r = sys_symlinkat(id, setup->windows_fd, "current.new");
	if (r == 0)
		r = sys_renameat(setup->windows_fd, "current.new", setup->windows_fd, "current", 0);
	if (r < 0)
		return failed(setup, r, "the new runtime");
	int in_use = runtime_sweep(setup->windows_fd, false, setup->err);
	return in_use < 0 ? in_use : 0;
}

static int build(struct setup *setup)
{
	struct packages packages = {0};
	int r = setup->new_fd = store_open_private(setup->windows_fd, "new", setup->err);

	if (r < 0)
		return r;
	r = check_space(setup);
	if (r == 0)
		r = setup->parts_fd =
			parts_put(setup->windows_fd, setup->path, setup->parts, setup->err);
	if (r >= 0)
		r = make_packages(setup, &packages);
	if (r == 0)
		r = make_template(setup);
	if (r < 0)
		return r;
	say_step(5, "put in place");
	r = write_about(setup, &packages);
	return r < 0 ? r : put_in_place(setup);
}

int windows_setup(bool refresh, struct cloche_err *err)
{
	struct setup setup = {.err = err, .windows_fd = -1, .new_fd = -1, .parts_fd = -1};
	struct cloche_err unused = {0};
	struct runtime runtime;

	if (!parts_built())
		return err_set(err, -ENOSYS,
			       "this cloche was built without support for Windows programs "
			       "(mingw-w64 or gcc's -m32 was missing)");
	_own_(closep) int windows_fd = runtime_directory(setup.path, err);
	_own_(closep) int lock_fd = windows_fd < 0 ? windows_fd : runtime_lock(windows_fd, err);
	if (lock_fd < 0)
		return lock_fd;
	setup.windows_fd = windows_fd;
	if (!refresh && runtime_open(&runtime, &unused) == 0) {
		int swept = runtime_sweep(windows_fd, false, err);

		runtime_close(&runtime);
		return swept < 0 ? swept : 1;
	}
	/* Newer packages are wanted: what an interrupted build has is as old as it is. */
	int r = refresh ? failed(&setup, sys_remove_tree(windows_fd, "new"), "new") : 0;
	if (r == 0)
		r = build(&setup);
	close_fd(&setup.new_fd);
	close_fd(&setup.parts_fd);
	return r;
}
