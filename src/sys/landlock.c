/* SPDX-License-Identifier: Apache-2.0
 *
 * The build host's headers may know less of Landlock than the kernel: its numbers are written down
 * here (Documentation/userspace-api/landlock.rst).
 */
#include "base/own.h"
#include "sys/sys.h"

#define RULE_PATH_BENEATH 1
#define SCOPE_ABSTRACT	  1U
#define LOG_NOTHING	  (1U << 0 | 1U << 2) /* ABI 7: of this program, and of domains within */

#define ACCESS_EXECUTE	 (1U << 0)
#define ACCESS_WRITE	 (1U << 1)
#define ACCESS_READ	 (1U << 2)
#define ACCESS_TRUNCATE	 (1U << 14)
#define ACCESS_IOCTL_DEV (1U << 15)

struct ruleset {
	uint64_t handled_access_fs;
	uint64_t handled_access_net;
	uint64_t scoped;
};

struct beneath {
	uint64_t allowed_access;
	int32_t parent_fd;
} __attribute__((packed));

/* All that each version can decide about files. Version 1 is no use: it refuses every rename to
 * another directory. */
static uint64_t all_access(int abi)
{
	return abi >= 5 ? 0xffff : abi >= 3 ? 0x7fff : abi == 2 ? 0x3fff : 0;
}

static int allow(int rules_fd, int fd, uint64_t access)
{
	const struct beneath rule = {.allowed_access = access, .parent_fd = fd};

	return SYS_RAW(SYS_landlock_add_rule, rules_fd, RULE_PATH_BENEATH, &rule, 0);
}

/* What a stream is open for, it can be opened for again (/dev/stdin). Pipes and sockets have no
 * place in a file system, and no rule. */
static int allow_stream(int rules_fd, int fd, uint64_t all)
{
	int flags = SYS_RESULT(fcntl(fd, F_GETFL));
	uint64_t access = ACCESS_IOCTL_DEV;
	struct stat st;

	if (flags < 0 || sys_fstat(fd, &st) < 0 || S_ISDIR(st.st_mode) || (flags & O_PATH) != 0)
		return 0;
	if ((flags & O_ACCMODE) != O_WRONLY)
		access |= ACCESS_READ | ACCESS_EXECUTE;
	if ((flags & O_ACCMODE) != O_RDONLY)
		access |= ACCESS_WRITE | ACCESS_TRUNCATE;
	int r = allow(rules_fd, fd, access & all);
	return r == -EBADFD ? 0 : r;
}

/* Message queues are files that mq_open finds without a path: their root is above nothing. */
static int allow_trees(int rules_fd, uint64_t all)
{
	static const char *const trees[] = {"/", "/dev/mqueue"};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(trees) && r == 0; i++) {
		_own_(closep) int fd =
			sys_openat(AT_FDCWD, trees[i], O_PATH | O_DIRECTORY | O_NOFOLLOW);

		if (fd == -ENOENT && i > 0)
			break; /* A kernel without. */
		r = fd < 0 ? fd : allow(rules_fd, fd, all);
	}
	return r;
}

int sys_wall_version(void)
{
	return SYS_RAW(SYS_landlock_create_ruleset, NULL, 0, 1 /* the version */);
}

bool sys_wall_misses_truncate(void)
{
	return sys_wall_version() == 2;
}

int sys_wall_off(const int *streams, size_t count, bool abstract_sockets)
{
	int abi = sys_wall_version();

	if (abi < 2)
		return abi < 0 ? abi : 0;
	const struct ruleset rules = {
		.handled_access_fs = streams != NULL ? all_access(abi) : 0,
		.scoped = abi >= 6 && abstract_sockets ? SCOPE_ABSTRACT : 0,
	};
	if (rules.handled_access_fs == 0 && rules.scoped == 0)
		return 0;
	/* Older kernels take only as much of the structure as they know, or zeros. */
	_own_(closep) int rules_fd = SYS_RAW(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
	int r = rules_fd < 0 ? rules_fd : 0;
	if (r == 0 && streams != NULL)
		r = allow_trees(rules_fd, rules.handled_access_fs);
	for (size_t i = 0; i < count && r == 0 && streams != NULL; i++)
		r = allow_stream(rules_fd, streams[i], rules.handled_access_fs);
	if (r == 0)
		r = SYS_RAW(SYS_landlock_restrict_self, rules_fd, abi >= 7 ? LOG_NOTHING : 0);
	return r;
}
