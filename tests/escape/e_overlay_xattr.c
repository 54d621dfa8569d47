/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: attributes named user.overlay.* (trusted.overlay.*) are overlayfs' own notes: forged, they
 * redirect to other folders, bring data from other files, and make diff and commit believe in
 * deletions. Every note by every call that sets attributes, on every place that is writable, also
 * by a name that another thread changes; and file capabilities and labels.
 */
#include "attempt.h"

#include <pthread.h>
#include <sys/xattr.h>

static const char *const names[] = {
	"user.overlay.opaque",	 "user.overlay.redirect",  "user.overlay.metacopy",
	"user.overlay.origin",	 "user.overlay.impure",	   "user.overlay.nlink",
	"user.overlay.upper",	 "user.overlay.whiteout",  "user.overlay.whiteouts",
	"user.overlay.protattr", "user.overlay.uuid",	   "user.overlay.overlay.opaque",
	"user.overlay.",	 "trusted.overlay.opaque", "trusted.overlay.redirect",
	"trusted.anything",	 "security.capability",	   "security.ima",
	"system.nfs4_acl"};

static bool has(const char *path, const char *name)
{
	char value[64];

	return lgetxattr(path, name, value, sizeof(value)) >= 0;
}

static void set(const char *path, const char *name)
{
	uint64_t args[2] = {(uint64_t)(uintptr_t) "y", 1};
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	refused(setxattr(path, name, "y", 1, 0), "setxattr(%s, %s)", path, name);
	refused(lsetxattr(path, name, "y", 1, XATTR_CREATE), "lsetxattr(%s, %s)", path, name);
	refused(fsetxattr(fd, name, "y", 1, 0), "fsetxattr(%s, %s)", path, name);
	refused(syscall(463, AT_FDCWD, path, 0, name, args, 16), "setxattrat(%s, %s)", path, name);
	refused(syscall(463, fd, "", AT_EMPTY_PATH, name, args, 16), "setxattrat(fd of %s, %s)",
		path, name);
	must_not(has(path, name), "%s has %s", path, name);
	if (fd >= 0)
		close(fd);
	lremovexattr(path, name);
}

static void place(const char *folder)
{
	char path[PATH_MAX];
	int fd;

	(void)snprintf(path, sizeof(path), "%.3900s/e_overlay_xattr.%d", folder, getpid());
	fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	close(fd);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		set(path, names[i]);
	unlink(path);
	if (mkdir(path, 0700) == 0) {
		for (size_t i = 0; i < 4; i++)
			set(path, names[i]);
		rmdir(path);
	}
}

static char racing[64];
static volatile bool race_over;

static void *flip(void *arg)
{
	(void)arg;
	while (!race_over) {
		*(volatile char *)&racing[5] = 'o';
		*(volatile char *)&racing[5] = 'x';
	}
	return NULL;
}

/* user.overlay.opaque is forbidden, user.xverlay.opaque is not. */
static void race(void)
{
	static const char path[] = "e_overlay_xattr.race";
	pthread_t thread;
	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	bool set_once = false;

	if (fd < 0)
		return;
	close(fd);
	strcpy(racing, "user.xverlay.opaque");
	pthread_create(&thread, NULL, flip, NULL);
	for (int i = 0; i < 20000 && !set_once; i++) {
		setxattr(path, racing, "y", 1, 0);
		if (i % 64 == 0)
			set_once = has(path, "user.overlay.opaque");
	}
	race_over = true;
	pthread_join(thread, NULL);
	must_not(set_once, "user.overlay.opaque by a name that changes");
	unlink(path);
}

int main(void)
{
	place(".");
	place("/tmp");
	place("/dev/shm");
	if (canary("WRITE_DIR") != NULL)
		place(canary("WRITE_DIR"));
	race();
	return done();
}
