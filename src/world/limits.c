/* SPDX-License-Identifier: Apache-2.0 */
#include "world/limits.h"

#include "base/own.h"
#include "sys/sys.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_PREFIX "cloche-"

/* Of a mount point, and of a group below it; longer ones are not used. */
#define GROUP_PATH_SIZE 1024

/* Where the caller's group of a controller is, or "" . */
struct place {
	enum limit_way way;
	char path[3 * GROUP_PATH_SIZE];
};

/* "/proc/self/cgroup" has "N:controllers:path"; v2 is "0::path". */
static bool own_group(const char *controller, char *ret_path, size_t size)
{
	_own_(fclosep) FILE *file = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX + 64];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		char *save = NULL;
		const char *number = strtok_r(line, ":", &save);
		char *names = save;
		char *path = names != NULL ? strchr(names, ':') : NULL;

		if (number == NULL || path == NULL)
			continue;
		*path++ = '\0';
		path[strcspn(path, "\n")] = '\0';
		char *inner = NULL;
		bool match = *controller == '\0' && *names == '\0';
		for (char *name = strtok_r(names, ",", &inner); name != NULL && !match;
		     name = strtok_r(NULL, ",", &inner))
			match = *controller != '\0' && strcmp(name, controller) == 0;
		if (match)
			return snprintf(ret_path, size, "%s", path) < (int)size;
	}
	return false;
}

/* The mount point of cgroup2, or of the v1 hierarchy with this controller. */
static bool mount_of(const char *controller, char *ret_path, size_t size)
{
	_own_(fclosep) FILE *file = fopen("/proc/self/mounts", "re");
	char line[2 * PATH_MAX];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		char *save = NULL;
		(void)strtok_r(line, " ", &save);
		const char *path = strtok_r(NULL, " ", &save);
		const char *type = strtok_r(NULL, " ", &save);
		char *options = strtok_r(NULL, " ", &save);

		if (options == NULL)
			continue;
		bool match = *controller == '\0' && strcmp(type, "cgroup2") == 0;
		char *inner = NULL;
		if (*controller != '\0' && strcmp(type, "cgroup") == 0) {
			for (const char *word = strtok_r(options, ",", &inner); word != NULL;
			     word = strtok_r(NULL, ",", &inner))
				match |= strcmp(word, controller) == 0;
		}
		if (match)
			return snprintf(ret_path, size, "%s", path) < (int)size;
	}
	return false;
}

static bool file_has_word(const char *directory, const char *file, const char *word)
{
	char path[PATH_MAX + 32];
	char text[512];
	char *save = NULL;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, file);
	if (sys_read_file(AT_FDCWD, path, text, sizeof(text)) < 0)
		return false;
	for (const char *w = strtok_r(text, " \n", &save); w != NULL;
	     w = strtok_r(NULL, " \n", &save)) {
		if (strcmp(w, word) == 0)
			return true;
	}
	return false;
}

static int write_in(const char *directory, const char *file, const char *text)
{
	char path[PATH_MAX + 64];

	(void)snprintf(path, sizeof(path), "%s/%s", directory, file);
	return sys_write_file(AT_FDCWD, path, text);
}

/* Only the real root has no type; in any other group of v2 there are either processes or divided
 * groups. (A kernel lets "pids" and "cpu" be divided all the same, and then nothing can be put into
 * the new groups.) */
static bool v2_is_divisible(const char *directory)
{
	char path[PATH_MAX + 64];
	char text[64];

	(void)snprintf(path, sizeof(path), "%s/cgroup.type", directory);
	ssize_t n = sys_read_file(AT_FDCWD, path, text, sizeof(text));
	if (n == -ENOENT)
		return true;
	if (n < 0 || strcmp(text, "domain\n") != 0)
		return false;
	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", directory);
	return sys_read_file(AT_FDCWD, path, text, sizeof(text)) == 0;
}

static bool writable_in(const char *directory, const char *file)
{
	char path[PATH_MAX + 64];

	(void)snprintf(path, sizeof(path), "%s/%s", directory, file);
	return sys_faccessat(AT_FDCWD, path, W_OK) == 0;
}

/* Groups with this controller can be made here, and processes of ours be moved into them. */
static bool v2_has(const char *directory, const char *controller)
{
	return sys_faccessat(AT_FDCWD, directory, W_OK) == 0 &&
	       writable_in(directory, "cgroup.procs") && v2_is_divisible(directory) &&
	       file_has_word(directory, "cgroup.subtree_control", controller);
}

/* The same, or it can be brought about; without `change` nothing is. */
static bool v2_give(const char *directory, const char *controller, bool change)
{
	char enable[64];

	if (v2_has(directory, controller))
		return true;
	if (!v2_is_divisible(directory) ||
	    !file_has_word(directory, "cgroup.controllers", controller) ||
	    !writable_in(directory, "cgroup.subtree_control"))
		return false;
	(void)snprintf(enable, sizeof(enable), "+%s", controller);
	return !change || write_in(directory, "cgroup.subtree_control", enable) == 0;
}

/* Host root has a group of its own at the top. */
static bool find_v2_root(const char *mount, const char *controller, bool change, char *ret_path,
			 size_t size)
{
	if (!sys_is_host_root() || !v2_give(mount, controller, change))
		return false;
	(void)snprintf(ret_path, size, "%s/cloche", mount);
	if (!change)
		return true;
	int r = sys_mkdirat(AT_FDCWD, ret_path, 0755);
	return (r == 0 || r == -EEXIST) && v2_give(ret_path, controller, change);
}

/* A group that is the caller's to divide, with nobody in it but this process (systemd-run
 * --property Delegate=yes): which then goes into a group below. The group's path is cut to the one
 * to divide. */
static bool find_v2_own(char *own, const char *controller, bool change)
{
	char path[PATH_MAX];
	char text[64];
	char *end = strrchr(own, '/');

	/* It is there already, for another controller. */
	if (end != NULL && strcmp(end, "/launcher") == 0) {
		*end = '\0';
		if (writable_in(own, "cgroup.procs") && v2_give(own, controller, change))
			return true;
		*end = '/';
	}
	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", own);
	if (sys_read_file(AT_FDCWD, path, text, sizeof(text)) <= 0 ||
	    strtol(text, &end, 10) != getpid() || strcmp(end, "\n") != 0 ||
	    sys_faccessat(AT_FDCWD, own, W_OK) < 0 || !writable_in(own, "cgroup.procs") ||
	    !file_has_word(own, "cgroup.controllers", controller))
		return false;
	if (!change)
		return true;
	(void)snprintf(path, sizeof(path), "%s/launcher", own);
	int r = sys_mkdirat(AT_FDCWD, path, 0755);
	return (r == 0 || r == -EEXIST) && write_in(path, "cgroup.procs", "0") == 0 &&
	       v2_give(own, controller, true);
}

/* A v2 directory in which groups with this controller can be made. Of the groups around the
 * caller's one only such that have the controller already: others manage them. */
static bool find_v2(const char *controller, bool change, char *ret_path, size_t size)
{
	char mount[GROUP_PATH_SIZE];
	char own[GROUP_PATH_SIZE];

	if (!mount_of("", mount, sizeof(mount)) || !own_group("", own, sizeof(own)))
		return false;
	if (find_v2_root(mount, controller, change, ret_path, size))
		return true;
	(void)snprintf(ret_path, size, "%s%s", mount, strcmp(own, "/") == 0 ? "" : own);
	if (find_v2_own(ret_path, controller, change))
		return true;
	for (char *end; (end = strrchr(ret_path + strlen(mount), '/')) != NULL;) {
		*end = '\0';
		if (v2_has(ret_path, controller))
			return true;
	}
	return false;
}

static bool find_v1(const char *controller, char *ret_path, size_t size)
{
	char mount[GROUP_PATH_SIZE];
	char own[GROUP_PATH_SIZE];

	if (!mount_of(controller, mount, sizeof(mount)) || !own_group(controller, own, sizeof(own)))
		return false;
	(void)snprintf(ret_path, size, "%s%s", mount, strcmp(own, "/") == 0 ? "" : own);
	/* In a container the path may be the host's, which is not there. */
	if (sys_faccessat(AT_FDCWD, ret_path, W_OK) < 0)
		(void)snprintf(ret_path, size, "%s", mount);
	return sys_faccessat(AT_FDCWD, ret_path, W_OK) == 0;
}

static struct place find_place(const char *controller, bool change)
{
	struct place place = {.way = LIMIT_NONE};

	if (find_v2(controller, change, place.path, sizeof(place.path)))
		place.way = LIMIT_CGROUP2;
	else if (find_v1(controller, place.path, sizeof(place.path)))
		place.way = LIMIT_CGROUP1;
	return place;
}

enum limit_way limiter_probe(const char *controller)
{
	return find_place(controller, false).way;
}

/* The name says who made it, so that the next command can tell whether that one still lives. */
static void group_name(char *buffer, size_t size)
{
	(void)snprintf(buffer, size, GROUP_PREFIX "%d", getpid());
}

/* Where those who have groups say which: without an entry there is nothing to sweep. -ENOENT where
 * the caller has no such place. */
static int open_marks(bool make)
{
	const char *base = getenv("XDG_RUNTIME_DIR");
	const char *below = "";
	char path[PATH_MAX];

	if (sys_is_host_root())
		base = "/run";
	if (base == NULL || base[0] != '/')
		base = getenv("XDG_DATA_HOME");
	if (base == NULL || base[0] != '/') {
		base = getenv("HOME");
		below = "/.local/share";
	}
	if (base == NULL || base[0] != '/')
		return -ENOENT;
	if (snprintf(path, sizeof(path), "%s%s/cloche/groups", base, below) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	int r = make ? sys_mkdir_all(AT_FDCWD, path, 0700) : 0;
	return r < 0 ? r : sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

/* Before the group is made, so that a command that is killed leaves none without a mark. */
static void mark(const char *path)
{
	char name[64];
	_own_(closep) int dir_fd = open_marks(true);

	group_name(name, sizeof(name));
	_own_(closep) int fd =
		dir_fd < 0 ? dir_fd
			   : sys_create(dir_fd, name, O_WRONLY | O_APPEND | O_NOFOLLOW, 0600);
	if (fd < 0)
		return; /* Without it, no sweep. */
	(void)sys_write_all(fd, path, strlen(path));
	(void)sys_write_all(fd, "\n", 1);
}

static void unmark(void)
{
	char name[64];
	_own_(closep) int dir_fd = open_marks(false);

	group_name(name, sizeof(name));
	if (dir_fd >= 0)
		(void)sys_unlinkat(dir_fd, name, 0); /* Or the next command does. */
}

static bool maker_is_dead(const char *name)
{
	pid_t pid = (pid_t)strtol(name + sizeof(GROUP_PREFIX) - 1, NULL, 10);

	return pid > 0 && sys_kill(pid, 0) == -ESRCH;
}

static bool is_group_name(const char *name)
{
	return strncmp(name, GROUP_PREFIX, sizeof(GROUP_PREFIX) - 1) == 0;
}

/* The box's group below the place, made when it is not there yet. */
static char *make_group(struct limiter *limiter, const struct place *place)
{
	char name[64];
	char path[PATH_MAX + 80];

	group_name(name, sizeof(name));
	(void)snprintf(path, sizeof(path), "%s/%s", place->path, name);
	for (size_t i = 0; i < limiter->group_count; i++) {
		if (strcmp(limiter->groups[i], path) == 0)
			return limiter->groups[i];
	}
	mark(path);
	int r = sys_mkdirat(AT_FDCWD, path, 0755);
	if ((r < 0 && r != -EEXIST) || limiter->group_count == LIMIT_GROUPS_MAX)
		return NULL;
	char *copy = strdup(path);
	if (copy != NULL)
		limiter->groups[limiter->group_count++] = copy;
	return copy;
}

static int set_memory(struct limiter *limiter, uint64_t bytes, struct cloche_err *err)
{
	struct place place = find_place("memory", true);
	char text[32];

	limiter->memory = LIMIT_COUNTED;
	if (place.way == LIMIT_NONE)
		return 0;
	char *group = make_group(limiter, &place);
	if (group == NULL)
		return 0;
	bool v2 = place.way == LIMIT_CGROUP2;
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes);
	int r = write_in(group, v2 ? "memory.max" : "memory.limit_in_bytes", text);
	if (r < 0)
		return err_set(err, r, "memory limit of %s bytes: %s", text, errno_text(r));
	/* No swap on top; not every kernel counts it. */
	(void)(v2 ? write_in(group, "memory.swap.max", "0")
		  : write_in(group, "memory.memsw.limit_in_bytes", text));
	/* Here what waits in TCP's sockets is counted apart, and else not at all. */
	if (!v2)
		(void)write_in(group, "memory.kmem.tcp.limit_in_bytes", text);
	limiter->memory = place.way;
	limiter->memory_group = group;
	return 0;
}

static int set_tasks(struct limiter *limiter, uint32_t tasks, bool several_ids,
		     struct cloche_err *err)
{
	struct place place = find_place("pids", true);
	char text[32];

	/* The box's first process is in the group, too, and not the guest's. */
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)tasks + 1);
	char *group = place.way == LIMIT_NONE ? NULL : make_group(limiter, &place);
	limiter->tasks = place.way;
	if (group != NULL && write_in(group, "pids.max", text) == 0)
		return 0;
	if (several_ids)
		return err_set(
			err, -EOPNOTSUPP,
			"a limit of tasks needs a cgroup with the pids controller, and none can "
			"be made here (see cloche doctor)");
	limiter->tasks = LIMIT_RLIMIT;
	return 0;
}

static int set_cpu(struct limiter *limiter, uint32_t milli, struct cloche_err *err)
{
	struct place place = find_place("cpu", true);
	char text[64];
	char *group = place.way == LIMIT_NONE ? NULL : make_group(limiter, &place);
	int r = -ENOENT;

	if (group != NULL && place.way == LIMIT_CGROUP2) {
		(void)snprintf(text, sizeof(text), "%u 100000", milli * 100);
		r = write_in(group, "cpu.max", text);
	} else if (group != NULL) {
		(void)snprintf(text, sizeof(text), "%u", milli * 100);
		r = write_in(group, "cpu.cfs_period_us", "100000");
		if (r == 0)
			r = write_in(group, "cpu.cfs_quota_us", text);
	}
	limiter->cpu = r == 0 ? place.way : LIMIT_AFFINITY;
	if (r < 0 && milli % 1000 != 0)
		return err_set(
			err, -EOPNOTSUPP,
			"a limit of %u.%03u cores needs a cgroup with the cpu controller, and "
			"none can be made here; whole cores can be had without (see cloche doctor)",
			milli / 1000, milli % 1000);
	return 0;
}

int limiter_make(struct limiter *ret_limiter, const struct limits *limits, bool several_ids,
		 struct cloche_err *err)
{
	struct limiter limiter = {0};
	int r = 0;

	if (limits->memory_bytes > 0)
		r = set_memory(&limiter, limits->memory_bytes, err);
	if (r == 0 && limits->tasks > 0)
		r = set_tasks(&limiter, limits->tasks, several_ids, err);
	if (r == 0 && limits->cpu_milli > 0)
		r = set_cpu(&limiter, limits->cpu_milli, err);
	if (r < 0)
		limiter_done(&limiter);
	else
		*ret_limiter = limiter;
	return r;
}

int limiter_attach(const struct limiter *limiter, pid_t pid, struct cloche_err *err)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%d", pid);
	for (size_t i = 0; i < limiter->group_count; i++) {
		int r = write_in(limiter->groups[i], "cgroup.procs", text);
		if (r < 0)
			return err_set(err, r, "cannot put the box into its cgroup '%s': %s",
				       limiter->groups[i], errno_text(r));
	}
	return 0;
}

static uint64_t read_number(const char *directory, const char *file, const char *key)
{
	char path[PATH_MAX + 64];
	char text[4096];

	(void)snprintf(path, sizeof(path), "%s/%s", directory, file);
	if (sys_read_file(AT_FDCWD, path, text, sizeof(text)) < 0)
		return 0;
	const char *p = *key == '\0' ? text : strstr(text, key);
	return p != NULL ? strtoull(p + strlen(key), NULL, 10) : 0;
}

bool limiter_memory_hit(const struct limiter *limiter)
{
	if (limiter->memory_group == NULL)
		return false;
	return read_number(limiter->memory_group,
			   limiter->memory == LIMIT_CGROUP2 ? "memory.events"
							    : "memory.oom_control",
			   "oom_kill ") > 0;
}

uint64_t limiter_memory_peak(const struct limiter *limiter)
{
	if (limiter->memory_group == NULL)
		return 0;
	return read_number(
		limiter->memory_group,
		limiter->memory == LIMIT_CGROUP2 ? "memory.peak" : "memory.max_usage_in_bytes", "");
}

bool limiter_has_too_many(const struct limiter *limiter)
{
	for (size_t i = 0; i < limiter->group_count; i++) {
		char text[32];
		char path[PATH_MAX + 64];

		(void)snprintf(path, sizeof(path), "%s/pids.max", limiter->groups[i]);
		if (sys_read_file(AT_FDCWD, path, text, sizeof(text)) > 0 &&
		    strncmp(text, "max", 3) != 0 &&
		    read_number(limiter->groups[i], "pids.current", "") > strtoull(text, NULL, 10))
			return true;
	}
	return false;
}

/* A dead process leaves its group a moment after its parent has heard of it. */
static void remove_group(const char *path)
{
	for (int i = 0; i < 200; i++) {
		if (sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR) != -EBUSY)
			return;
		(void)sys_poll(NULL, 0, 5);
	}
}

void limiter_done(struct limiter *limiter)
{
	for (size_t i = 0; i < limiter->group_count; i++) {
		remove_group(limiter->groups[i]);
		free(limiter->groups[i]);
	}
	if (limiter->group_count > 0)
		unmark();
	*limiter = (struct limiter){0};
}

/* The groups that a mark names. False: something is still in one of them. */
static bool sweep_groups(int dir_fd, const char *mark_name)
{
	char text[LIMIT_GROUPS_MAX * 3 * GROUP_PATH_SIZE];
	char *save = NULL;
	bool complete = true;
	ssize_t n = sys_read_file(dir_fd, mark_name, text, sizeof(text));

	for (const char *path = n < 0 ? NULL : strtok_r(text, "\n", &save); path != NULL;
	     path = strtok_r(NULL, "\n", &save)) {
		const char *name = strrchr(path, '/');

		/* Only an empty group can be removed, so this harms nobody. */
		if (name != NULL && is_group_name(name + 1) &&
		    sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR) == -EBUSY)
			complete = false;
	}
	return complete;
}

void limiter_sweep(void)
{
	int fd = open_marks(false);
	_own_(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (!is_group_name(entry->d_name) || !maker_is_dead(entry->d_name))
			continue;
		/* What is still busy is the next command's. */
		if (sweep_groups(dirfd(dir), entry->d_name))
			(void)sys_unlinkat(dirfd(dir), entry->d_name, 0); /* Or the next one. */
	}
}

const char *limit_way_name(enum limit_way way)
{
	static const char *const names[] = {
		[LIMIT_NONE] = "none",
		[LIMIT_CGROUP2] = "cgroup v2",
		[LIMIT_CGROUP1] = "cgroup v1",
		[LIMIT_COUNTED] = "counted by the monitor",
		[LIMIT_RLIMIT] = "rlimit of the box's user namespace",
		[LIMIT_AFFINITY] = "CPU affinity",
	};

	return names[way];
}
