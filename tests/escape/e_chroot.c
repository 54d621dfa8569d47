/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: a root directory is left by a directory held from above it: chroot below and walk up with
 * "..", fchdir to an old descriptor, a second chroot, a working directory that somebody moves out
 * (see e_moved.c), descriptors passed between processes with different roots.
 */
#include "attempt.h"

#include <sys/socket.h>
#include <sys/xattr.h>

static dev_t root_dev;
static ino_t root_ino;

/* Where we are must have no way up: walks up, looks at what is there. */
static void walk_up(const char *how)
{
	struct stat top;
	char path[3 * 200 + 1] = "";

	for (int i = 0; i < 200; i++) {
		memcpy(path + (size_t)i * 3, "../", 3);
		path[(i + 1) * 3] = '\0';
		if (i < 64 && chdir("..") < 0)
			break;
	}
	must_not(stat(".", &top) == 0 && (top.st_dev != root_dev || top.st_ino != root_ino),
		 "%s: '..' leads to another root", how);
	must_not(stat(path, &top) == 0 && (top.st_dev != root_dev || top.st_ino != root_ino),
		 "%s: a long '../..' leads to another root", how);
	if (canary("FILE") != NULL)
		reads_secret(AT_FDCWD, canary("FILE") + 1, how);
	if (canary("HIDDEN") != NULL)
		reads_secret(AT_FDCWD, canary("HIDDEN") + 1, how);
}

static void plain(void *arg)
{
	(void)arg;
	walk_up("without a trick");
}

static void old_descriptor(void *arg)
{
	int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)arg;
	mkdir("jail", 0700);
	if (chroot("jail") < 0)
		held("chroot was refused: %s", strerrorname_np(errno));
	if (root >= 0 && fchdir(root) == 0)
		walk_up("a descriptor of / held over chroot");
	if (chroot(".") == 0)
		walk_up("a second chroot");
	if (chdir("/") == 0)
		walk_up("the new root");
}

static void twice(void *arg)
{
	(void)arg;
	mkdir("jail", 0700);
	mkdir("jail/inner", 0700);
	if (chroot("jail") < 0) {
		held("the first of two chroots was refused: %s", strerrorname_np(errno));
		return;
	}
	mkdir("inner", 0700);
	if (chroot("inner") == 0)
		walk_up("two chroots without chdir");
}

/* The parent stays outside of the jail and hands in a descriptor of what is outside. */
static void handed_in(void *arg)
{
	int pair[2];
	char link[64];

	(void)arg;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return;
	if (fork() == 0) {
		if (chroot("jail") < 0)
			_exit(0);
		(void)snprintf(link, sizeof(link), "/proc/%d/root", (int)getppid());
		if (chdir(link) == 0)
			walk_up("the root of the parent");
		_exit(0);
	}
	wait(NULL);
}

/* "..", beneath a directory that moves while we stand in it, never passes the root. */
static void moving(void *arg)
{
	(void)arg;
	mkdir("a", 0700);
	mkdir("a/b", 0700);
	mkdir("a/b/c", 0700);
	if (chdir("a/b/c") < 0)
		return;
	if (rename("../../../a/b", "../../../moved") == 0)
		walk_up("a directory that moved");
}

/* What the monitor does for a guest begins at the guest's root: who is in a jail changes nothing
 * outside of it, under the same name. */
static void same_name(void *arg)
{
	const char *name = arg;

	if (chroot("jail") < 0 || chdir("/") < 0) {
		held("chroot was refused: %s", strerrorname_np(errno));
		return;
	}
	close(open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	note("setxattr in a jail: %s",
	     setxattr(name, "user.jail", "x", 1, 0) < 0 ? strerrorname_np(errno) : "0");
	note("truncate in a jail: %s", truncate(name, 9) < 0 ? strerrorname_np(errno) : "0");
}

static void from_a_jail(void)
{
	char name[] = "/e_chroot.XXXXXX";
	char value[8];
	struct stat st;
	int fd = boxed() ? mkstemp(name) : -1;

	if (fd < 0) {
		untried("files of the same name in / and in a jail");
		return;
	}
	in_child(same_name, name, 5);
	must_not(fgetxattr(fd, "user.jail", value, sizeof(value)) >= 0,
		 "setting an attribute outside of a jail");
	must_not(fstat(fd, &st) == 0 && st.st_size != 0, "truncating a file outside of a jail");
	unlink(name);
	close(fd);
}

int main(void)
{
	struct stat root;
	char folder[] = "chroot.XXXXXX";

	if (mkdtemp(folder) == NULL || chdir(folder) < 0 || stat("/", &root) < 0)
		unavailable("no folder to work in");
	root_dev = root.st_dev;
	root_ino = root.st_ino;
	in_child(plain, NULL, 5);
	in_child(old_descriptor, NULL, 5);
	in_child(twice, NULL, 5);
	in_child(handed_in, NULL, 5);
	in_child(moving, NULL, 5);
	from_a_jail();
	return done();
}
