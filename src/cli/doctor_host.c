/* SPDX-License-Identifier: Apache-2.0
 *
 * Namespaces, mounts and limits, each tried. An ordinary caller tries everything in a user
 * namespace, because that is where a box would have it.
 */
#include "base/own.h"
#include "cli/doctor.h"
#include "sys/sys.h"
#include "world/identity.h"
#include "world/limits.h"

#include <linux/landlock.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/xattr.h>

/* Any directory that every host has; what is put over it is seen by this child alone. */
#define SCRATCH "/proc"

static int enter(const struct trial *trial, int flags)
{
	struct identity identity;
	struct cloche_err err = {0};
	int r = identity_resolve(&identity, NULL, &err);

	if (r == 0)
		r = sys_unshare(flags | (trial->rooted ? 0 : CLONE_NEWUSER));
	if (r == 0 && !trial->rooted)
		r = identity_map_self(&identity, &err);
	return r;
}

/* Host root's box has a range of ids. */
static int range_namespace(int *ret_fd)
{
	struct identity identity;
	struct cloche_err err = {0};
	int r = identity_resolve(&identity, NULL, &err);

	if (r == 0)
		r = identity_take_range(&identity, &err);
	if (r == 0)
		r = identity_make_userns(&identity, &err);
	if (identity.range_fd >= 0)
		(void)close(identity.range_fd);
	*ret_fd = r;
	return r < 0 ? r : 0;
}

/* Of this PID namespace: what is found there is this process. */
int try_host_proc(struct trial *trial)
{
	char text[16] = "";
	ssize_t n = sys_readlinkat(AT_FDCWD, "/proc/self", text, sizeof(text) - 1);

	(void)trial;
	if (n < 0)
		return (int)n;
	return strtol(text, NULL, 10) == getpid() ? 0 : -ESRCH;
}

int try_user_namespace(struct trial *trial)
{
	char word[16];
	int fd = -1;
	int r = trial->rooted ? range_namespace(&fd) : enter(trial, 0);

	closep(&fd);
	if (sys_read_file(AT_FDCWD, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", word,
			  sizeof(word)) > 0 &&
	    word[0] == '1')
		(void)snprintf(trial->note, sizeof(trial->note), "AppArmor restricts them");
	return r;
}

int try_namespace(struct trial *trial)
{
	return enter(trial, trial->value);
}

static int new_tmpfs(int *ret_fd)
{
	_own_(closep) int fs_fd = sys_fsopen("tmpfs");
	int r = fs_fd < 0 ? fs_fd : sys_fsconfig_create(fs_fd);

	if (r == 0)
		r = sys_fsmount(fs_fd, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID);
	*ret_fd = r;
	return r < 0 ? r : 0;
}

/* A tmpfs of this child's own over SCRATCH. */
static int scratch(const struct trial *trial)
{
	_own_(closep) int tmpfs_fd = -1;
	int r = enter(trial, CLONE_NEWNS);

	if (r == 0)
		r = sys_mount_private();
	_own_(closep) int point_fd = sys_openat(AT_FDCWD, SCRATCH, O_PATH | O_DIRECTORY);
	if (r == 0)
		r = point_fd < 0 ? point_fd : new_tmpfs(&tmpfs_fd);
	return r < 0 ? r : sys_move_mount(tmpfs_fd, point_fd);
}

int try_new_mounts(struct trial *trial)
{
	struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
	int r = scratch(trial);
	_own_(closep) int tree_fd =
		r < 0 ? r : sys_open_tree(AT_FDCWD, SCRATCH, OPEN_TREE_CLONE | AT_SYMLINK_NOFOLLOW);

	return tree_fd < 0 ? tree_fd : sys_mount_setattr(tree_fd, 0, &attributes);
}

static int overlay_at(const char *place, bool rooted, int *ret_mount_fd)
{
	static const char *const names[][2] = {
		{"lowerdir", "l"}, {"upperdir", "u"}, {"workdir", "w"}};
	_own_(closep) int fs_fd = sys_fsopen("overlay");
	int r = fs_fd < 0 ? fs_fd : 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LENGTH(names); i++) {
		char path[256];

		(void)snprintf(path, sizeof(path), "%s/%s", place, names[i][1]);
		r = sys_mkdirat(AT_FDCWD, path, 0755);
		if (r == 0)
			r = sys_fsconfig_string(fs_fd, names[i][0], path);
	}
	if (r == 0 && !rooted)
		r = sys_fsconfig_flag(fs_fd, "userxattr");
	if (r == 0)
		r = sys_fsconfig_create(fs_fd);
	if (r == 0)
		r = sys_fsmount(fs_fd, 0);
	*ret_mount_fd = r;
	return r < 0 ? r : 0;
}

int try_overlay(struct trial *trial)
{
	_own_(closep) int mount_fd = -1;
	int r = scratch(trial);

	if (r == 0)
		r = overlay_at(SCRATCH, trial->rooted, &mount_fd);
	if (r < 0)
		return r;
	_own_(closep) int file_fd = sys_create(mount_fd, "new", O_WRONLY | O_EXCL, 0600);
	return file_fd < 0 ? file_fd : sys_faccessat(AT_FDCWD, SCRATCH "/u/new", F_OK);
}

int try_tmpfs_marks(struct trial *trial)
{
	int r = scratch(trial);

	if (r == 0)
		r = SYS_RESULT(setxattr(SCRATCH, trial->rooted ? "trusted.cloche" : "user.cloche",
					"y", 1, 0));
	return r;
}

int try_id_mapped(struct trial *trial)
{
	_own_(closep) int userns_fd = -1;
	int r = range_namespace(&userns_fd);

	(void)trial;
	if (r < 0)
		return r;
	_own_(closep) int tree_fd = sys_open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE);
	struct mount_attr attributes = {
		.attr_set = MOUNT_ATTR_IDMAP,
		.userns_fd = (uint64_t)userns_fd,
	};
	return tree_fd < 0 ? tree_fd : sys_mount_setattr(tree_fd, 0, &attributes);
}

static int mount_proc(void)
{
	_own_(closep) int fs_fd = sys_fsopen("proc");
	int r = fs_fd < 0 ? fs_fd : sys_fsconfig_create(fs_fd);
	_own_(closep) int mount_fd = r < 0 ? r : sys_fsmount(fs_fd, 0);

	return mount_fd < 0 ? mount_fd : 0;
}

int try_proc(struct trial *trial)
{
	int status = 0;
	int r = enter(trial, CLONE_NEWNS | CLONE_NEWPID);
	int pid = r < 0 ? r : sys_clone(0, NULL);

	if (pid == 0)
		_exit(-mount_proc() & 0x7f);
	r = pid < 0 ? pid : sys_wait4(pid, &status, 0, NULL);
	if (r < 0)
		return r;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

int try_landlock(struct trial *trial)
{
	struct landlock_ruleset_attr rules = {.handled_access_fs = LANDLOCK_ACCESS_FS_READ_FILE};
	int abi = SYS_RAW(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (abi < 2)
		return abi < 0 ? abi : -EOPNOTSUPP;
	(void)snprintf(trial->note, sizeof(trial->note), "ABI %d", abi);
	_own_(closep) int fd = SYS_RAW(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
	int r = fd < 0 ? fd : sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0);
	if (r == 0)
		r = SYS_RAW(SYS_landlock_restrict_self, fd, 0);
	if (r < 0)
		return r;
	_own_(closep) int file_fd = sys_openat(AT_FDCWD, "/etc/passwd", O_RDONLY);
	return file_fd == -EACCES ? 0 : -EIO;
}

/* Where the kernel has no 32-bit calls this dies. */
int try_i386(struct trial *trial)
{
	long result;

	(void)trial;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20 /* getpid */) : "memory");
	return result == getpid() ? 0 : -ENOSYS;
}

int try_newuidmap(struct trial *trial)
{
	struct identity identity;
	struct cloche_err err = {0};
	_own_(freep) char *text = calloc(1, 65536);
	char line[80];
	int r = identity_resolve(&identity, NULL, &err);

	(void)trial;
	if (r == 0)
		r = sys_faccessat(AT_FDCWD, "/usr/bin/newuidmap", X_OK);
	if (text == NULL)
		return -ENOMEM;
	if (r == 0 && sys_read_file(AT_FDCWD, "/etc/subuid", text, 65536) < 0)
		r = -ENOENT;
	if (r < 0)
		return r;
	(void)snprintf(line, sizeof(line), "%s:", identity.name);
	const char *found = strstr(text, line);
	return found != NULL && (found == text || found[-1] == '\n') ? 0 : -ESRCH;
}

int try_limit(struct trial *trial)
{
	static const struct limits wanted[] = {
		[LIMIT_OF_MEMORY] = {.memory_bytes = 64U << 20},
		[LIMIT_OF_TASKS] = {.tasks = 64},
		[LIMIT_OF_CPU] = {.cpu_milli = 500},
	};
	struct limiter limiter = {0};
	struct cloche_err err = {0};
	int r = limiter_make(&limiter, &wanted[trial->value], trial->rooted, &err);

	if (r < 0)
		return r;
	enum limit_way way = trial->value == LIMIT_OF_MEMORY  ? limiter.memory
			     : trial->value == LIMIT_OF_TASKS ? limiter.tasks
							      : limiter.cpu;
	(void)snprintf(trial->note, sizeof(trial->note), "%s", limit_way_name(way));
	limiter_done(&limiter);
	return 0;
}
