/* SPDX-License-Identifier: Apache-2.0
 *
 * Opens the file of --report, with the caller's authority, before anything runs. Where guests may
 * write on the host, an earlier one may have left a link or a pipe under this name, so that the
 * report would go over another file of the caller's: no link is followed there.
 */
#include "base/own.h"
#include "launch/report.h"
#include "sys/sys.h"

#include <limits.h>
#include <string.h>

#define REPORT_FLAGS (O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)

/* The outermost directory around the path that guests may write to; NULL: none. */
static const char *written_around(const struct policy *policy, const char *path)
{
	const char *best = NULL;

	for (size_t i = 0; i < policy->path_count; i++) {
		const struct path_rule *rule = &policy->paths[i];

		if (rule->class == PATH_WRITE && path_below(path, rule->host) &&
		    strcmp(path, rule->host) != 0 &&
		    (best == NULL || strlen(rule->host) < strlen(best)))
			best = rule->host;
	}
	return best;
}

static int open_beneath(const char *directory, const char *rest)
{
	struct open_how how = {
		.flags = REPORT_FLAGS | O_CLOEXEC,
		.mode = 0644,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	_own_(closep) int fd = sys_openat(AT_FDCWD, directory, O_PATH | O_DIRECTORY);

	while (*rest == '/')
		rest++;
	return fd < 0 ? fd : SYS_RAW(SYS_openat2, fd, rest, &how, sizeof(how));
}

static int open_named(const struct policy *policy, const char *path)
{
	const struct policy_context context = {.home = "/", .cwd = "/"};
	_own_(freep) char *cwd = getcwd(NULL, 0);
	_own_(freep) char *clean = NULL;
	char whole[2 * PATH_MAX];

	if (*path == '\0')
		return -ENOENT;
	(void)snprintf(whole, sizeof(whole), "%s%s%s", *path == '/' || cwd == NULL ? "" : cwd,
		       *path == '/' ? "" : "/", path);
	int r = path_clean(whole, &context, &clean);
	if (r < 0 || clean == NULL)
		return r;
	/* "3>report cloche --report /dev/fd/3": links of the kernel's. */
	if (path_below(clean, "/dev") || path_below(clean, "/proc"))
		return sys_openat(AT_FDCWD, clean, O_WRONLY | O_TRUNC | O_NOCTTY);
	const char *directory = written_around(policy, clean);
	if (directory == NULL)
		return sys_create(AT_FDCWD, clean, REPORT_FLAGS, 0644);
	return open_beneath(directory, clean + strlen(directory));
}

int report_open(const struct policy *policy, const char *path, struct cloche_err *err)
{
	int fd = strcmp(path, "-") == 0 ? SYS_RESULT(fcntl(1, F_DUPFD_CLOEXEC, 3))
					: open_named(policy, path);

	if (fd < 0)
		return err_set(err, fd, "cannot write '%s': %s%s", path, errno_text(fd),
			       fd == -ELOOP   ? " (symbolic links are not followed: name the file)"
			       : fd == -ENXIO ? " (nobody reads from this pipe)"
					      : "");
	int flags = fcntl(fd, F_GETFL);
	if (flags >= 0 && (flags & O_NONBLOCK) != 0 && strcmp(path, "-") != 0)
		(void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK); /* Else a long one is cut. */
	return fd;
}
