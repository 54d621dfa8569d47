/* SPDX-License-Identifier: Apache-2.0
 *
 * Acting with a guest's authority. Who a thread is stands in its status in /proc, which takes
 * longer to read than most calls to make, so it is remembered for those that act often. What a
 * thread can do to change it (set-id calls, capset, execve) comes before the monitor where that is
 * so, see plan_entry.authority, and all memory is gone before the call is made. A thread's id is
 * used again when it is gone; a pidfd, which is kept, stays the old one's: except for a thread of
 * the same process that executes a program and takes its leader's place, with its own authority. So
 * only threads that are alone are remembered; whoever of several differs from the others has made
 * such a call when there were several.
 */
#include "base/own.h"
#include "monitor/rights.h"
#include "monitor/task.h"
#include "sys/sys.h"

#include <stdlib.h>
#include <string.h>

#define KNOWN_MAX 128U

struct authority {
	uid_t fsuid;
	gid_t fsgid;
	size_t group_count;
	gid_t groups[TASK_GROUPS_MAX];
	uint64_t capabilities;
};

struct known {
	pid_t tid;  /* 0: nobody */
	int pid_fd; /* owned */
	bool alone; /* the only thread of its process */
	struct authority authority;
};

/* ---- who somebody is ---- */

/* The fourth of "Uid: real effective saved fs". */
static int fourth(const char *p, uint32_t *ret_value)
{
	char *end;

	if (p == NULL)
		return -ESRCH;
	for (int i = 0; i < 4; i++) {
		*ret_value = (uint32_t)strtoul(p, &end, 10);
		if (end == p)
			return -ESRCH;
		p = end;
	}
	return 0;
}

static int parse_authority(const char *status, struct authority *a)
{
	const char *capabilities = task_status_field(status, "\nCapEff:");
	const char *groups = task_status_field(status, "\nGroups:");
	int r = fourth(task_status_field(status, "\nUid:"), &a->fsuid);

	if (r == 0)
		r = fourth(task_status_field(status, "\nGid:"), &a->fsgid);
	if (r < 0 || capabilities == NULL || groups == NULL)
		return -ESRCH;
	a->capabilities = strtoull(capabilities, NULL, 16);
	for (const char *p = groups; *p != '\n' && a->group_count < TASK_GROUPS_MAX;) {
		char *end;
		unsigned long value = strtoul(p, &end, 10);

		if (end == p || memchr(p, '\n', (size_t)(end - p)) != NULL)
			break;
		a->groups[a->group_count++] = (gid_t)value;
		p = end;
	}
	return 0;
}

static struct known known[KNOWN_MAX];
static bool remembers;	  /* somebody tells of changes */
static bool roots_differ; /* somebody has another root than the box's, or is about to */

static struct known *slot_of(pid_t tid)
{
	return &known[(unsigned)tid % KNOWN_MAX];
}

static void forget(struct known *who)
{
	if (who->tid != 0)
		close_fd(&who->pid_fd);
	*who = (struct known){.pid_fd = -1};
}

void task_forget_authority(void)
{
	for (size_t i = 0; i < KNOWN_MAX; i++)
		forget(&known[i]);
}

void task_remember_authority(void)
{
	remembers = true;
}

/* Once is enough: who shares the root with whom is not for us to know. */
void task_changes_root(void)
{
	roots_differ = true;
}

static int learn(const struct task *task, struct known *who)
{
	char status[8192];

	forget(who);
	if (task_read_status(task, status, sizeof(status)) < 0)
		return -ESRCH;
	struct authority authority = {0};
	int r = parse_authority(status, &authority);
	if (r < 0)
		return r;
	const char *threads = task_status_field(status, "\nThreads:");
	bool alone = threads != NULL && strtoul(threads, NULL, 10) == 1;
	/* Who is alone leads its process. */
	_own_(closep) int pid_fd = alone ? sys_pidfd_open(task->tid, 0) : -1;
	/* Both were the same thread's, or nothing is remembered. */
	if (!task_valid(task))
		return -ESRCH;
	*who = (struct known){.tid = task->tid,
			      .pid_fd = TAKE_FD(&pid_fd),
			      .alone = alone,
			      .authority = authority};
	return 0;
}

static struct known *remembered(const struct task *task)
{
	struct known *who = slot_of(task->tid);

	return remembers && who->tid == task->tid && who->alone && who->pid_fd >= 0 ? who : NULL;
}

/* Good until the next of these. NULL: it is gone. */
static const struct known *look_up(const struct task *task)
{
	struct known *who = remembered(task);

	/* Another thread may have that id by now. */
	if (who != NULL && !rights_has_ended(who->pid_fd))
		return who;
	return learn(task, slot_of(task->tid)) < 0 ? NULL : slot_of(task->tid);
}

int task_take_fd(const struct task *task, int gfd)
{
	const struct known *who = remembered(task);
	int fd = who != NULL ? rights_take_fd(who->pid_fd, gfd) : -ESRCH;

	if (fd != -ESRCH)
		return fd < 0 ? -EBADF : fd;
	_own_(closep) int pid_fd = task_open_pid(task);
	fd = pid_fd < 0 ? pid_fd : rights_take_fd(pid_fd, gfd);
	return fd < 0 ? -EBADF : fd;
}

/* ---- who this process is ---- */

/* The groups that this process has, after it has taken some. */
static gid_t groups[TASK_GROUPS_MAX];
static size_t group_count = SIZE_MAX;

static int take_groups(const struct authority *a)
{
	if (group_count == a->group_count &&
	    memcmp(groups, a->groups, group_count * sizeof(*groups)) == 0)
		return 0;
	rights_raise();
	int r = sys_setgroups(a->group_count, a->groups);
	/* Where a user namespace may not set groups, all of the box have the same. */
	if (r < 0 && r != -EPERM)
		return r;
	memcpy(groups, a->groups, a->group_count * sizeof(*groups));
	group_count = a->group_count;
	return 0;
}

static uid_t own_uid;
static gid_t own_gid;

static bool is_own(const struct authority *a)
{
	static bool looked; /* for good */

	if (!looked) {
		own_uid = geteuid();
		own_gid = getegid();
		looked = true;
	}
	return a->fsuid == own_uid && a->fsgid == own_gid;
}

static int take_ids(const struct authority *a, struct task_entry *entry)
{
	int r = take_groups(a);

	entry->changed_ids = !is_own(a);
	if (r == 0 && entry->changed_ids) {
		rights_raise();
		r = rights_set_ids(a->fsuid, a->fsgid);
	}
	return r < 0 ? r : rights_take(a->capabilities);
}

/* What task_keep_authority settled; the ids are then this process's own. */
static bool constant_authority;

int task_keep_authority(uid_t uid, gid_t gid, const gid_t *kept_groups, size_t count)
{
	struct authority authority = {.fsuid = uid, .fsgid = gid, .group_count = count};

	if (count > TASK_GROUPS_MAX)
		return -E2BIG;
	memcpy(authority.groups, kept_groups, count * sizeof(*kept_groups));
	int r = take_groups(&authority);
	if (r == 0)
		r = rights_set_ids(uid, gid);
	if (r == 0)
		r = rights_own();
	constant_authority = r == 0;
	return r;
}

/* ---- entering and leaving ---- */

static bool is_own_root(int fd)
{
	static struct stat own; /* For good: this process is there whenever somebody asks. */
	struct stat st;

	return (own.st_ino != 0 || sys_fstatat(AT_FDCWD, "/", &own, 0) == 0) &&
	       sys_fstat(fd, &st) == 0 && st.st_dev == own.st_dev && st.st_ino == own.st_ino;
}

static int enter_root(int root_fd, struct task_entry *entry)
{
	if (is_own_root(root_fd))
		return 0;
	rights_raise();
	entry->root_fd = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
	if (entry->root_fd < 0)
		return entry->root_fd;
	int r = sys_fchdir(root_fd);
	if (r == 0)
		r = sys_chroot(".");
	entry->changed_root = r == 0;
	entry->changed_directory = true;
	return r;
}

/* Who may see it at all sees the same. */
static int open_directory(const struct task *task, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%d/%s", task->tid, name);
	int fd = sys_openat(rights_proc_at_rest(task->proc), path, O_PATH | O_DIRECTORY);
	return rights_wanted(fd) ? sys_openat(rights_proc(task->proc), path, O_PATH | O_DIRECTORY)
				 : fd;
}

static int enter_directory(int cwd_fd)
{
	int r = sys_fchdir(cwd_fd);

	return rights_wanted(r) ? sys_fchdir(cwd_fd) : r;
}

static int read_umask(const struct task *task, mode_t *ret_mask)
{
	char status[8192];
	const char *field = NULL;

	if (task_read_status(task, status, sizeof(status)) >= 0)
		field = task_status_field(status, "\nUmask:");
	if (field == NULL)
		return -ESRCH;
	*ret_mask = (mode_t)strtoul(field, NULL, 8);
	return 0;
}

/* What a call of the thread needs of it, looked up with our own rights. */
struct surroundings {
	const struct known *who; /* NULL: all of the box are the same */
	int root_fd;		 /* owned; -1: the box's */
	int cwd_fd;		 /* owned; -1: not needed */
	mode_t mask;
};

static int look_around(const struct task *task, unsigned needs, struct surroundings *around)
{
	int r = 0;

	if (!constant_authority) {
		around->who = look_up(task);
		if (around->who == NULL)
			return -ESRCH;
		/* Where nobody tells of changes it is not known that there was none. */
		if (roots_differ || !remembers) {
			around->root_fd = open_directory(task, "root");
			if (around->root_fd < 0)
				return -ESRCH;
		}
	}
	/* The base of a path may matter where another root leads away from it. */
	if ((needs & NEEDS_DIRECTORY) != 0 || around->root_fd >= 0) {
		around->cwd_fd = open_directory(task, "cwd");
		if (around->cwd_fd < 0)
			return -ESRCH;
	}
	if ((needs & NEEDS_UMASK) != 0)
		r = read_umask(task, &around->mask);
	/* All of that, and what was read of it before, was this thread's. */
	return r < 0 || !task_valid(task) ? -ESRCH : 0;
}

int task_enter(const struct task *task, unsigned needs, struct task_entry *entry)
{
	struct surroundings around = {.root_fd = -1, .cwd_fd = -1};

	*entry = (struct task_entry){.root_fd = -1};
	int r = look_around(task, needs, &around);
	if (r == 0 && around.root_fd >= 0)
		r = enter_root(around.root_fd, entry);
	if (r == 0 && around.cwd_fd >= 0) {
		entry->changed_directory = true;
		r = enter_directory(around.cwd_fd);
	}
	if (r == 0 && (needs & NEEDS_UMASK) != 0) {
		(void)umask(around.mask);
		entry->changed_umask = true;
	}
	entry->changed_capabilities = r == 0;
	if (r == 0)
		r = around.who == NULL ? rights_take(0) : take_ids(&around.who->authority, entry);
	close_fd(&around.root_fd);
	close_fd(&around.cwd_fd);
	if (r < 0)
		task_leave(entry);
	return r;
}

static int leave_directory(void)
{
	int r = sys_chdir("/");

	return rights_wanted(r) ? sys_chdir("/") : r;
}

void task_leave(struct task_entry *entry)
{
	bool failed = false;

	if (entry->changed_ids || entry->changed_root)
		failed |= rights_own() < 0;
	else if (entry->changed_capabilities)
		rights_rest();
	/* Another fsuid takes some capabilities along. */
	if (entry->changed_ids)
		failed |= rights_set_ids(own_uid, own_gid) < 0 || rights_own() < 0;
	if (entry->changed_root)
		failed |= sys_fchdir(entry->root_fd) < 0 || sys_chroot(".") < 0;
	if (entry->changed_directory)
		failed |= leave_directory() < 0;
	if (entry->changed_umask)
		(void)umask(077);
	close_fd(&entry->root_fd);
	if (failed)
		_exit(125); /* Somebody else's authority for good: the box ends instead. */
}
