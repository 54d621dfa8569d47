/* SPDX-License-Identifier: Apache-2.0
 *
 * Idea: copy-on-write and read-only are promises about every way to change a file. All of them, on
 * a file of the host that is copied on writing (they may succeed: the driver looks whether the
 * host's is as it was) and on one that may only be read (they must not): through old mappings and
 * descriptors, links, renames, splices, attributes, flags, times and locks.
 */
#include "attempt.h"

#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/xattr.h>

static const char *target;
static bool may_succeed;

/* A change of a file that is copied may succeed; of one that is only read, it may not. */
static void change(long result, const char *what)
{
	if (may_succeed)
		note("%s of %s: %s", what, target, result >= 0 ? "0" : strerrorname_np(errno));
	else
		refused(result, "%s of %s", what, target);
}

static void by_descriptor(int fd, const char *how)
{
	int pipes[2];
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	off_t at = 0;
	char what[80];

	(void)snprintf(what, sizeof(what), "writing by %s", how);
	change(write(fd, "touched", 7), what);
	(void)snprintf(what, sizeof(what), "pwrite by %s", how);
	change(pwrite(fd, "touched", 7, 0), what);
	(void)snprintf(what, sizeof(what), "ftruncate by %s", how);
	change(ftruncate(fd, 3), what);
	(void)snprintf(what, sizeof(what), "fallocate by %s", how);
	change(fallocate(fd, 0, 0, 8192), what);
	change(fallocate(fd, 3, 0, 4), "punching a hole");
	change(sendfile(fd, zero, &at, 100), "sendfile");
	change(copy_file_range(zero, NULL, fd, NULL, 100, 0), "copy_file_range");
	if (pipe(pipes) == 0 && write(pipes[1], "touched", 7) == 7)
		change(splice(pipes[0], NULL, fd, NULL, 7, 0), "splice");
	close(zero);
}

static void by_mapping(void)
{
	int fd = open(target, O_RDONLY | O_CLOEXEC);
	char *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	char *writable;
	int again;

	if (map != MAP_FAILED)
		change(mprotect(map, 4096, PROT_READ | PROT_WRITE), "mprotect of a shared mapping");
	writable = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	change(writable == MAP_FAILED ? -1 : 0, "a writable shared mapping");
	again = open(target, O_RDWR | O_CLOEXEC);
	writable = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0);
	if (writable != MAP_FAILED) {
		memcpy(writable, "touched", 7);
		msync(writable, 4096, MS_SYNC);
	}
	change(writable == MAP_FAILED ? -1 : 0, "writing through a mapping");
	close(fd);
	close(again);
}

/* A page of the page cache in a pipe must not become writable (CVE-2022-0847). */
static void by_pipe(void)
{
	int fd = open(target, O_RDONLY | O_CLOEXEC);
	char page[4096];
	int pipes[2];
	loff_t at = 0;

	if (pipe(pipes) < 0)
		return;
	for (int i = 0; i < 16; i++)
		(void)!write(pipes[1], page, sizeof(page));
	for (int i = 0; i < 16; i++)
		(void)!read(pipes[0], page, sizeof(page));
	if (splice(fd, &at, pipes[1], NULL, 1, 0) == 1)
		(void)!write(pipes[1], "touched", 7);
	memset(page, 0, sizeof(page));
	must_not(pread(fd, page, 100, 0) > 0 && strstr(page, "ouched") != NULL && !may_succeed,
		 "writing to the page cache of %s", target);
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
}

static void properties(void)
{
	struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	char link_path[64];
	int fd = open(target, O_RDONLY | O_CLOEXEC);
	int flags = 0;

	(void)snprintf(link_path, sizeof(link_path), "/proc/self/fd/%d", fd);
	change(chmod(target, 0777), "chmod");
	change(fchmod(fd, 0777), "fchmod");
	change(chmod(link_path, 0777), "chmod by /proc");
	change(syscall(452, AT_FDCWD, target, 0777, 0), "fchmodat2");
	change(chown(target, getuid(), getgid()), "chown");
	change(utimensat(AT_FDCWD, target, times, 0), "utimensat");
	change(futimens(fd, times), "futimens");
	change(setxattr(target, "user.cloche", "touched", 7, 0), "setxattr");
	change(fsetxattr(fd, "user.cloche", "touched", 7, 0), "fsetxattr");
	/* No dump: a flag that hinders nobody. */
	(void)ioctl(fd, NR(0x80086601, 0x80046601), &flags);
	flags |= 0x40;
	change(ioctl(fd, NR(0x40086602, 0x40046602), &flags), "FS_IOC_SETFLAGS");
	change(truncate(target, 3), "truncate");
	close(fd);
}

static void opening(void)
{
	char link_path[64];
	int fd = open(target, O_RDONLY | O_CLOEXEC);
	int again;

	(void)snprintf(link_path, sizeof(link_path), "/proc/self/fd/%d", fd);
	by_descriptor(fd, "a descriptor for reading");
	again = open(link_path, O_RDWR | O_CLOEXEC);
	change(again, "opening again to write by /proc");
	by_descriptor(again, "that descriptor");
	again = open(target, O_RDWR | O_CLOEXEC);
	change(again, "opening to write");
	by_descriptor(again, "a descriptor for writing");
	again = open(target, O_WRONLY | O_TRUNC | O_CLOEXEC);
	change(again, "opening to truncate");
	close(fd);
}

static void names(void)
{
	char side[PATH_MAX];
	char linked[] = "e_cow.link";
	int fd;

	unlink(linked);
	if (link(target, linked) == 0) {
		fd = open(linked, O_RDWR | O_CLOEXEC);
		change(fd < 0 ? -1 : write(fd, "touched", 7), "writing by a hard link");
		unlink(linked);
	} else {
		note("a hard link: %s", strerrorname_np(errno));
	}
	(void)snprintf(side, sizeof(side), "%.4000s.moved", target);
	change(rename(target, side), "renaming");
	rename(side, target);
	fd = open(side, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	change(fd, "making a file beside it");
	change(fd < 0 ? -1 : rename(side, target), "renaming over it");
	change(syscall(SYS_renameat2, AT_FDCWD, target, AT_FDCWD, side, 2), "exchanging");
	change(unlink(target), "unlinking");
	change(mkdir(side, 0700), "making a folder beside it");
	change(symlink("/etc/passwd", side), "making a link beside it");
}

static void all(void *arg)
{
	(void)arg;
	by_pipe();
	properties();
	by_mapping();
	opening();
	names();
}

int main(void)
{
	if (canary("READ") == NULL && canary("KEPT") == NULL)
		unavailable("no canary");
	target = canary("READ");
	if (target != NULL)
		in_child(all, NULL, 10);
	target = canary("KEPT");
	may_succeed = true;
	if (target != NULL && boxed())
		in_child(all, NULL, 10);
	return done();
}
