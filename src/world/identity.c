/* SPDX-License-Identifier: Apache-2.0 */
#include "world/identity.h"

#include "base/own.h"
#include "sys/sys.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

/* Above what systemd gives to containers (it ends at 0x6fffffff); boxes that are kept have the
 * ids above 2^31 for themselves, so that a thrown-away one never meets their files. */
#define RANGE_FIRST	 0x70000000U
#define RANGE_COUNT	 4094U
#define KEPT_RANGE_FIRST 0x80000000U
#define KEPT_RANGE_COUNT 32000U

#define COUNT_PARTS 4 /* one is the box's */

#define DATABASE_SIZE_MAX (1U << 20)

#define RUN_DIR	  "/run/cloche/ids"
#define KEPT_DIR  "/var/lib/cloche/ids"
#define IDS_ERROR "cannot note which ids are taken in %s: %s; root's boxes need that"

static void set_text(char *to, size_t size, const char *text)
{
	(void)snprintf(to, size, "%s", text); /* Longer names than any system has are cut. */
}

/* The data bases are read as the files they are: the name services that a library call would load
 * cannot be part of a static program, and the box shows the same files. */
static char *read_database(const char *path)
{
	char *text = malloc(DATABASE_SIZE_MAX);

	if (text != NULL && sys_read_file(AT_FDCWD, path, text, DATABASE_SIZE_MAX) < 0)
		text[0] = '\0';
	return text;
}

/* Takes the next line apart at its colons; false at the end. */
static bool next_line(char **text, char *fields[], size_t count)
{
	char *line = *text;

	if (line == NULL || *line == '\0')
		return false;
	char *end = strchr(line, '\n');
	*text = end != NULL ? end + 1 : NULL;
	if (end != NULL)
		*end = '\0';
	for (size_t i = 0; i < count; i++) {
		static char empty[] = "";
		char *field = line != NULL ? strsep(&line, ":") : empty;

		fields[i] = field;
	}
	return true;
}

enum { NAME, PASSWORD, UID, GID, COMMENT, HOME, PASSWD_FIELDS };
enum { GROUP_GID = 2, MEMBERS, GROUP_FIELDS };

static bool find_user(const char *name, uid_t uid, struct identity *identity)
{
	_own_(freep) char *text = read_database("/etc/passwd");
	char *fields[PASSWD_FIELDS];

	for (char *rest = text; next_line(&rest, fields, PASSWD_FIELDS);) {
		uid_t number = (uid_t)strtoul(fields[UID], NULL, 10);

		if (fields[UID][0] == '\0' ||
		    (name != NULL ? strcmp(fields[NAME], name) != 0 : number != uid))
			continue;
		identity->uid = number;
		identity->gid = (gid_t)strtoul(fields[GID], NULL, 10);
		set_text(identity->name, sizeof(identity->name), fields[NAME]);
		set_text(identity->home, sizeof(identity->home), fields[HOME]);
		return true;
	}
	return false;
}

static void find_groups(struct identity *identity)
{
	_own_(freep) char *text = read_database("/etc/group");
	char *fields[GROUP_FIELDS];

	for (char *rest = text; next_line(&rest, fields, GROUP_FIELDS);) {
		char *save = NULL;

		for (const char *member = strtok_r(fields[MEMBERS], ",", &save); member != NULL;
		     member = strtok_r(NULL, ",", &save)) {
			if (strcmp(member, identity->name) == 0 &&
			    identity->group_count < GUEST_GROUPS_MAX)
				identity->groups[identity->group_count++] =
					(gid_t)strtoul(fields[GROUP_GID], NULL, 10);
		}
	}
}

static int find_named(struct identity *identity, const char *user, struct cloche_err *err)
{
	char *end;
	unsigned long number = strtoul(user, &end, 10);

	if (find_user(user, 0, identity))
		return 0;
	if (end == user || *end != '\0')
		return err_set(err, -ENOENT, "user '%s': no such user in /etc/passwd", user);
	if (number >= ID_RANGE)
		return err_set(err, -EINVAL, "user %s: a box has the ids 0 to %u", user,
			       ID_RANGE - 1);
	if (!find_user(NULL, (uid_t)number, identity)) {
		identity->uid = (uid_t)number;
		identity->gid = (gid_t)number;
		set_text(identity->name, sizeof(identity->name), user);
		set_text(identity->home, sizeof(identity->home), "/");
	}
	return 0;
}

int identity_resolve(struct identity *identity, const char *user, struct cloche_err *err)
{
	*identity = (struct identity){
		.caller_uid = geteuid(),
		.caller_gid = getegid(),
		.rooted = sys_is_host_root(),
		.range_fd = -1,
	};
	const char *home = getenv("HOME");
	if (!find_user(NULL, identity->caller_uid, identity)) {
		identity->uid = identity->caller_uid;
		(void)snprintf(identity->name, sizeof(identity->name), "%u", identity->uid);
		set_text(identity->home, sizeof(identity->home),
			 home != NULL && home[0] == '/' ? home : "/");
	}
	identity->gid = identity->caller_gid;
	if (home != NULL && home[0] == '/')
		set_text(identity->home, sizeof(identity->home), home);
	set_text(identity->caller_home, sizeof(identity->caller_home), identity->home);
	int r = user != NULL ? find_named(identity, user, err) : 0;
	if (r == 0 && identity->rooted)
		find_groups(identity);
	return r;
}

int identity_of_policy(struct identity *identity, const struct policy *policy,
		       struct cloche_err *err)
{
	int r = identity_resolve(identity, policy->user, err);

	return r < 0 && policy->user_origin != NULL ? err_wrap(err, r, "%s", policy->user_origin)
						    : r;
}

bool identity_is_box_uid(uid_t uid)
{
	return uid >= RANGE_FIRST && uid < KEPT_RANGE_FIRST + KEPT_RANGE_COUNT * ID_RANGE;
}

int identity_take_range(struct identity *identity, struct cloche_err *err)
{
	int r = sys_mkdir_all(AT_FDCWD, RUN_DIR, 0700);
	_own_(closep) int dir_fd = r < 0 ? r : sys_openat(AT_FDCWD, RUN_DIR, O_PATH | O_DIRECTORY);

	if (dir_fd < 0)
		return err_set(err, dir_fd, IDS_ERROR, RUN_DIR, errno_text(dir_fd));
	for (uint32_t i = 0; i < RANGE_COUNT; i++) {
		/* Boxes that start together should not all try the same ones in turn. */
		uint32_t slot = (i + (uint32_t)getpid() % 64) % RANGE_COUNT;
		char name[16];

		(void)snprintf(name, sizeof(name), "%u", slot);
		_own_(closep) int fd = sys_create(dir_fd, name, O_RDWR | O_NOFOLLOW, 0600);
		if (fd < 0)
			return err_set(err, fd, IDS_ERROR, RUN_DIR, errno_text(fd));
		if (sys_flock(fd, LOCK_EX | LOCK_NB) < 0)
			continue;
		identity->id_base = RANGE_FIRST + slot * ID_RANGE;
		identity->range_fd = TAKE_FD(&fd);
		return 0;
	}
	return err_set(err, -EAGAIN, "%u boxes run already; there is no range of ids left",
		       RANGE_COUNT);
}

static int choose_kept_range(uint32_t *ret_base, struct cloche_err *err)
{
	int r = sys_mkdir_all(AT_FDCWD, KEPT_DIR, 0700);
	_own_(closep) int dir_fd = r < 0 ? r : sys_openat(AT_FDCWD, KEPT_DIR, O_PATH | O_DIRECTORY);

	if (dir_fd < 0)
		return err_set(err, dir_fd, IDS_ERROR, KEPT_DIR, errno_text(dir_fd));
	for (uint32_t slot = 0; slot < KEPT_RANGE_COUNT; slot++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "%u", slot);
		_own_(closep) int fd = sys_create(dir_fd, name, O_RDWR | O_EXCL, 0600);
		if (fd == -EEXIST)
			continue;
		if (fd < 0)
			return err_set(err, fd, IDS_ERROR, KEPT_DIR, errno_text(fd));
		*ret_base = KEPT_RANGE_FIRST + slot * ID_RANGE;
		return 0;
	}
	return err_set(err, -EAGAIN, "there is no range of ids left for another box");
}

int identity_range_of(int box_fd, uint32_t *ret_base)
{
	char text[32];
	char *end;
	ssize_t n = sys_read_file(box_fd, "ids", text, sizeof(text));

	if (n <= 0)
		return n == 0 ? -ENOENT : (int)n;
	unsigned long base = strtoul(text, &end, 10);
	if (base < KEPT_RANGE_FIRST || base % ID_RANGE != 0 || base > UINT32_MAX - ID_RANGE)
		return -EINVAL;
	*ret_base = (uint32_t)base;
	return 0;
}

void identity_free_ranges(const uint32_t *bases, size_t count)
{
	_own_(closedirp) DIR *dir = opendir(KEPT_DIR);
	const struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		char *end;
		unsigned long slot = strtoul(entry->d_name, &end, 10);
		bool used = end == entry->d_name || *end != '\0' || slot >= KEPT_RANGE_COUNT;

		for (size_t i = 0; i < count && !used; i++)
			used = bases[i] == KEPT_RANGE_FIRST + slot * ID_RANGE;
		if (!used)
			(void)sys_unlinkat(dirfd(dir), entry->d_name, 0); /* Or the next time. */
	}
}

int identity_kept_range(struct identity *identity, int box_fd, struct cloche_err *err)
{
	char text[32];
	int r = identity_range_of(box_fd, &identity->id_base);

	if (r == -EINVAL)
		return err_set(err, -EINVAL, "the box's file 'ids' is damaged");
	/* A box whose range cannot be read has one all the same. */
	if (r != -ENOENT)
		return r < 0 ? err_set(err, r, "the box's file 'ids': %s", errno_text(r)) : 0;
	r = choose_kept_range(&identity->id_base, err);
	if (r < 0)
		return r;
	(void)snprintf(text, sizeof(text), "%u\n", identity->id_base);
	r = sys_replace_file(box_fd, "ids", text);
	return r < 0 ? err_set(err, r, "cannot keep the box's range of ids: %s", errno_text(r)) : 0;
}

int identity_make_userns(struct identity *identity, struct cloche_err *err)
{
	char path[64];
	char map[64];
	int pid_fd = -1;
	int pid = sys_clone_holder(CLONE_NEWUSER, &pid_fd);

	if (pid < 0)
		return err_set(err, pid, "cannot make a user namespace: %s (see cloche doctor)",
			       errno_text(pid));
	(void)snprintf(map, sizeof(map), "0 %u %u", identity->id_base, ID_RANGE);
	(void)snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	int r = sys_write_file(AT_FDCWD, path, map);
	(void)snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	if (r == 0)
		r = sys_write_file(AT_FDCWD, path, map);
	/* Anybody in the namespace may set this map once; so it is set. */
	(void)snprintf(path, sizeof(path), "/proc/%d/projid_map", pid);
	if (r == 0)
		(void)sys_write_file(AT_FDCWD, path, "0 0 1"); /* Not every kernel lets it be. */
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	int fd = r < 0 ? r : sys_openat(AT_FDCWD, path, O_RDONLY);
	(void)sys_pidfd_send_signal(pid_fd, SIGKILL); /* It is ours and waits. */
	(void)close(pid_fd);
	identity->holder = pid;
	/* It is reaped with everything else when the run ends: waiting here would take longer than
	 * all the rest. */
	if (fd == -EPERM)
		return err_set(
			err, fd,
			"cannot map the box's ids: root has not all its capabilities here; run "
			"cloche where it has, or as an ordinary user");
	return fd < 0 ? err_set(err, fd, "cannot map the box's ids: %s%s", errno_text(fd),
				fd == -ENOENT ? " (is /proc mounted?)" : "")
		      : fd;
}

int identity_map_self(const struct identity *identity, struct cloche_err *err)
{
	char map[64];
	int r = sys_write_file(AT_FDCWD, "/proc/self/setgroups", "deny");

	(void)snprintf(map, sizeof(map), "%u %u 1", identity->uid, identity->caller_uid);
	if (r == 0)
		r = sys_write_file(AT_FDCWD, "/proc/self/uid_map", map);
	(void)snprintf(map, sizeof(map), "%u %u 1", identity->gid, identity->caller_gid);
	if (r == 0)
		r = sys_write_file(AT_FDCWD, "/proc/self/gid_map", map);
	/* Anybody in the namespace may set this map once; so it is set. */
	if (r == 0)
		(void)sys_write_file(AT_FDCWD, "/proc/self/projid_map",
				     "0 0 1"); /* Or it cannot be. */
	if (r == -EPERM || r == -EACCES)
		return err_set(
			err, r,
			"this host does not let an ordinary user map ids (on Ubuntu: sysctl "
			"kernel.apparmor_restrict_unprivileged_userns=0; see cloche doctor)");
	return r < 0 ? err_set(err, r, "cannot map the box's ids: %s%s", errno_text(r),
			       r == -ENOENT ? " (is /proc mounted?)" : "")
		     : 0;
}

void identity_share_counts(int proc_fd)
{
	static const char *const counts[][2] = {
		{"sys/fs/inotify/max_user_instances", "sys/user/max_inotify_instances"},
		{"sys/fs/inotify/max_user_watches", "sys/user/max_inotify_watches"},
	};

	for (size_t i = 0; i < ARRAY_LENGTH(counts); i++) {
		char text[32];

		if (sys_read_file(proc_fd, counts[i][0], text, sizeof(text)) <= 0)
			continue; /* A kernel without inotify, or without sysctl. */
		unsigned long part = strtoul(text, NULL, 10) / COUNT_PARTS;
		(void)snprintf(text, sizeof(text), "%lu", part);
		(void)sys_write_file(proc_fd, counts[i][1], text); /* As above. */
	}
}

uint64_t identity_capabilities(const struct identity *identity)
{
	/* What a package manager or a daemon that drops to another user needs, all of it over the
	 * box's own ids alone. */
	static const uint64_t root =
		1ULL << CAP_CHOWN | 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_DAC_READ_SEARCH |
		1ULL << CAP_FOWNER | 1ULL << CAP_FSETID | 1ULL << CAP_KILL | 1ULL << CAP_SETGID |
		1ULL << CAP_SETUID | 1ULL << CAP_SETPCAP | 1ULL << CAP_NET_BIND_SERVICE |
		1ULL << CAP_SYS_CHROOT | 1ULL << CAP_SETFCAP | 1ULL << CAP_AUDIT_WRITE;

	return identity->uid == 0 ? root : 0;
}
