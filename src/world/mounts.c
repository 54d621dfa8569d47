/* SPDX-License-Identifier: Apache-2.0 */
#include "world/mounts.h"

#include "base/own.h"
#include "policy/policy.h"
#include "sys/sys.h"

#include <stdlib.h>
#include <string.h>

/* gcc 12's analyzer loses track of what arrays own once realloc has moved them; LeakSanitizer does
 * not. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

#define MOUNTINFO_SIZE_MAX (4U << 20)

static bool type_is_pseudo(const char *type)
{
	static const char *const pseudo[] = {
		"autofs",    "binfmt_misc", "bpf",	"cgroup",   "cgroup2",	  "configfs",
		"debugfs",   "devpts",	    "devtmpfs", "efivarfs", "fusectl",	  "hugetlbfs",
		"mqueue",    "nfsd",	    "proc",	"pstore",   "rpc_pipefs", "securityfs",
		"selinuxfs", "sysfs",	    "tracefs",
	};

	for (size_t i = 0; i < ARRAY_LENGTH(pseudo); i++) {
		if (strcmp(type, pseudo[i]) == 0)
			return true;
	}
	return false;
}

/* The kernel writes space, tab, newline and backslash as \ooo. */
static void unescape(char *text)
{
	char *out = text;

	for (const char *in = text; *in != '\0'; in++) {
		if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' && in[2] <= '7' &&
		    in[3] >= '0' && in[3] <= '7') {
			*out++ = (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
			in += 3;
		} else {
			*out++ = *in;
		}
	}
	*out = '\0';
}

static int add(struct host_mounts *mounts, const char *path, bool pseudo)
{
	for (size_t i = 0; i < mounts->count; i++) {
		if (strcmp(mounts->list[i].path, path) != 0)
			continue;
		mounts->list[i].pseudo = pseudo; /* The later mount is on top. */
		return 0;
	}
	if ((mounts->count & (mounts->count + 1)) == 0) {
		size_t size = 2 * (mounts->count + 1) * sizeof(*mounts->list);
		struct host_mount *list = realloc(mounts->list, size);

		if (list == NULL)
			return -ENOMEM;
		mounts->list = list;
	}
	char *copy = strdup(path);
	if (copy == NULL)
		return -ENOMEM;
	mounts->list[mounts->count++] = (struct host_mount){.path = copy, .pseudo = pseudo};
	return 0;
}

/* "36 35 98:0 /root /mount/point options ... - type source options" */
static int parse_line(struct host_mounts *mounts, char *line)
{
	char *save = NULL;
	char *path = NULL;
	char *word = strtok_r(line, " ", &save);

	for (int field = 1; word != NULL; field++, word = strtok_r(NULL, " ", &save)) {
		if (field == 5)
			path = word;
		if (field > 5 && strcmp(word, "-") == 0) {
			const char *type = strtok_r(NULL, " ", &save);

			if (type == NULL || path == NULL)
				return -EINVAL;
			unescape(path);
			return add(mounts, path, type_is_pseudo(type));
		}
	}
	return -EINVAL;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct host_mount *)a)->path, ((const struct host_mount *)b)->path);
}

int host_mounts_parse(char *text, struct host_mounts *ret_mounts, struct cloche_err *err)
{
	struct host_mounts mounts = {0};
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		int r = parse_line(&mounts, line);
		if (r < 0) {
			host_mounts_done(&mounts);
			return err_set(err, r, "/proc/self/mountinfo: a line is not understood");
		}
	}
	if (mounts.count > 1)
		qsort(mounts.list, mounts.count, sizeof(*mounts.list), by_path);
	*ret_mounts = mounts;
	return 0;
}

int host_mounts_read(struct host_mounts *ret_mounts, struct cloche_err *err)
{
	_own_(freep) char *text = malloc(MOUNTINFO_SIZE_MAX);

	if (text == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	ssize_t n = sys_read_file(AT_FDCWD, "/proc/self/mountinfo", text, MOUNTINFO_SIZE_MAX);
	if (n < 0)
		return err_set(err, (int)n, "/proc/self/mountinfo: %s; is /proc mounted?",
			       errno_text((int)n));
	return host_mounts_parse(text, ret_mounts, err);
}

void host_mounts_done(struct host_mounts *mounts)
{
	for (size_t i = 0; i < mounts->count; i++)
		free(mounts->list[i].path);
	free(mounts->list);
	*mounts = (struct host_mounts){0};
}

bool host_mounts_below(const struct host_mounts *mounts, const char *path)
{
	for (size_t i = 0; i < mounts->count; i++) {
		const char *mount = mounts->list[i].path;

		if (path_below(mount, path) && strcmp(mount, path) != 0)
			return true;
	}
	return false;
}

bool host_mounts_between(const struct host_mounts *mounts, const char *dir, const char *path)
{
	for (size_t i = 0; i < mounts->count; i++) {
		const char *mount = mounts->list[i].path;

		if (path_below(mount, dir) && strcmp(mount, dir) != 0 && path_below(path, mount) &&
		    strcmp(mount, path) != 0)
			return true;
	}
	return false;
}

bool host_mounts_are_pseudo(const struct host_mounts *mounts, const char *path)
{
	for (size_t i = 0; i < mounts->count; i++) {
		if (mounts->list[i].pseudo && path_below(path, mounts->list[i].path))
			return true;
	}
	return false;
}
