/* SPDX-License-Identifier: Apache-2.0
 *
 * What Linux promises about what is in files and about their properties: sizes and holes, mappings,
 * copies within the kernel, locks, modes, times, attributes, statx; also on a file of the system,
 * which a box shows as it is.
 */
#include "../tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static char folder[] = "g_content.XXXXXX";

static int fresh(const char *path)
{
	unlink(path);
	return open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0644);
}

static void sizes(void)
{
	char bytes[16] = "";
	struct stat st;
	int fd = fresh("sparse");

	check(ftruncate(fd, 1 << 20) == 0 && fstat(fd, &st) == 0 && st.st_size == 1 << 20,
	      "ftruncate_grows");
	check(pread(fd, bytes, 8, 4096) == 8 && memcmp(bytes, "\0\0\0\0\0\0\0\0", 8) == 0,
	      "a_hole_reads_as_zeros");
	check(pwrite(fd, "far", 3, 3000000) == 3 && fstat(fd, &st) == 0 && st.st_size == 3000003,
	      "pwrite_beyond_the_end");
	check(st.st_blocks * 512 < st.st_size, "a_sparse_file_takes_less_room");
	check(lseek(fd, 0, SEEK_DATA) <= 3000000 && lseek(fd, 0, SEEK_HOLE) >= 0, "seek_data");
	check_fails(lseek(fd, 3000003, SEEK_DATA), ENXIO, "no_data_at_the_end");
	check(lseek(fd, -3, SEEK_END) == 3000000 && read(fd, bytes, 16) == 3 &&
		      memcmp(bytes, "far", 3) == 0 && read(fd, bytes, 16) == 0,
	      "seek_end_and_end_of_file");
	check_fails(lseek(fd, -1, SEEK_SET), EINVAL, "no_negative_position");
	check(ftruncate(fd, 2) == 0 && fstat(fd, &st) == 0 && st.st_size == 2, "ftruncate_shrinks");
	check(truncate("sparse", 5) == 0 && stat("sparse", &st) == 0 && st.st_size == 5,
	      "truncate_by_name");
	check_fails(truncate("sparse", -1), EINVAL, "truncate_to_less_than_nothing");
	if (fallocate(fd, 0, 0, 65536) == 0)
		check(fstat(fd, &st) == 0 && st.st_size == 65536 && st.st_blocks >= 128,
		      "fallocate_makes_room");
	else
		skip("fallocate_makes_room", "not on this filesystem");
#ifdef O_LARGEFILE
	if (sizeof(off_t) == 4)
		check(syscall(SYS_ftruncate, fd, 1000) == 0, "the_old_ftruncate");
#endif
	close(fd);
}

static void sizes_by_name(void)
{
	const struct rlimit small = {.rlim_cur = 4096, .rlim_max = RLIM_INFINITY};
	struct rlimit before;
	struct stat64 st;

	close(fresh("named"));
	check(truncate64("named", 5000000000) == 0 && stat64("named", &st) == 0 &&
		      st.st_size == 5000000000,
	      "truncate64_by_name");
	check(symlink("named", "link") == 0 && truncate("link", 3) == 0 &&
		      stat64("named", &st) == 0 && st.st_size == 3,
	      "truncate_follows_links");
	check_fails(truncate("link/x", 3), ENOTDIR, "truncate_below_a_file");
	check_fails(truncate("missing", 3), ENOENT, "truncate_what_is_not_there");
	check_fails(truncate(".", 3), EISDIR, "truncate_a_directory");
	check(mkfifo("fifo", 0600) == 0, "a_fifo");
	check_fails(truncate("fifo", 3), EINVAL, "truncate_a_fifo");
	signal(SIGXFSZ, SIG_IGN);
	check(getrlimit(RLIMIT_FSIZE, &before) == 0 && setrlimit(RLIMIT_FSIZE, &small) == 0,
	      "a_limit_of_file_sizes");
	check_fails(truncate("named", 4097), EFBIG, "truncate_beyond_the_limit");
	check(truncate("named", 4096) == 0, "truncate_to_the_limit");
	check(setrlimit(RLIMIT_FSIZE, &before) == 0, "no_limit_of_file_sizes");
	signal(SIGXFSZ, SIG_DFL);
	check(unlink("fifo") == 0 && unlink("link") == 0 && unlink("named") == 0, "sizes_tidied");
}

static void vectors(void)
{
	char a[4] = "abc";
	char b[4] = "def";
	char c[7] = "";
	struct iovec out[2] = {{a, 3}, {b, 3}};
	struct iovec in[1] = {{c, 6}};
	int fd = fresh("vectors");
	int other = dup(fd);

	check(writev(fd, out, 2) == 6, "writev");
	check(preadv(fd, in, 1, 0) == 6 && strcmp(c, "abcdef") == 0, "preadv");
	check(pwritev(fd, out + 1, 1, 0) == 3 && pread(fd, c, 6, 0) == 6 &&
		      strcmp(c, "defdef") == 0,
	      "pwritev");
	check(lseek(other, 0, SEEK_CUR) == 6, "a_duplicate_shares_the_position");
	check(lseek(other, 1, SEEK_SET) == 1 && lseek(fd, 0, SEEK_CUR) == 1, "both_ways");
	check_fails(preadv(fd, in, 1, -5), EINVAL, "preadv_at_less_than_nothing");
	close(fd);
	close(other);
}

static void copies(void)
{
	char bytes[64] = "";
	off_t at = 2;
	loff_t from = 0;
	loff_t to = 3;
	int pipes[2];
	int a = fresh("copy-a");
	int b = fresh("copy-b");

	check(write(a, "0123456789", 10) == 10, "something_to_copy");
	check(sendfile(b, a, &at, 4) == 4 && at == 6 && pread(b, bytes, 64, 0) == 4 &&
		      memcmp(bytes, "2345", 4) == 0,
	      "sendfile_between_files");
	if (copy_file_range(a, &from, b, &to, 5, 0) == 5)
		check(pread(b, bytes, 64, 0) == 8 && memcmp(bytes, "23401234", 8) == 0,
		      "copy_file_range");
	else if (errno == EXDEV || errno == EOPNOTSUPP || errno == ENOSYS)
		skip("copy_file_range", "not on this filesystem");
	else
		check(false, "copy_file_range");
	from = 1;
	check(pipe(pipes) == 0 && splice(a, &from, pipes[1], NULL, 3, 0) == 3 &&
		      read(pipes[0], bytes, 64) == 3 && memcmp(bytes, "123", 3) == 0,
	      "splice_to_a_pipe");
	to = 0;
	check(write(pipes[1], "pipe", 4) == 4 && splice(pipes[0], NULL, b, &to, 4, 0) == 4 &&
		      pread(b, bytes, 4, 0) == 4 && memcmp(bytes, "pipe", 4) == 0,
	      "splice_from_a_pipe");
	close(pipes[0]);
	close(pipes[1]);
	close(a);
	close(b);
}

static void mappings(void)
{
	int fd = fresh("mapped");
	char bytes[8] = "";
	char *shared;
	char *private;
	int status = 0;

	check(ftruncate(fd, 8192) == 0, "room_to_map");
	shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	private = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	check(shared != MAP_FAILED && private != MAP_FAILED, "shared_and_private");
	memcpy(shared, "shared", 6);
	check(pread(fd, bytes, 6, 0) == 6 && memcmp(bytes, "shared", 6) == 0,
	      "a_shared_write_is_in_the_file");
	check(pwrite(fd, "file", 4, 4096) == 4 && memcmp(shared + 4096, "file", 4) == 0,
	      "a_written_file_is_in_the_mapping");
	memcpy(private, "mine", 4);
	check(memcmp(shared, "shared", 6) == 0, "a_private_write_stays_private");
	if (fork() == 0) {
		memcpy(shared, "child", 5);
		_exit(0);
	}
	wait(&status);
	check(memcmp(shared, "child", 5) == 0, "a_child_shares_the_mapping");
	check(msync(shared, 8192, MS_SYNC) == 0, "msync");
	close(fd);
	check(memcmp(shared, "child", 5) == 0, "a_mapping_outlives_the_descriptor");
	check(unlink("mapped") == 0 && memcmp(shared, "child", 5) == 0, "and_the_name");
	munmap(shared, 8192);
	munmap(private, 8192);
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	private = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	check(private != MAP_FAILED && memcmp(private, "\177ELF", 4) == 0, "a_program_is_mapped");
	check(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED &&
		      errno == EACCES,
	      "no_shared_writing_of_what_is_read_only");
	close(fd);
}

static int lock_in_child(int (*attempt)(void))
{
	int status = 0;

	if (fork() == 0)
		_exit(attempt());
	wait(&status);
	return WEXITSTATUS(status);
}

static int by_flock(void)
{
	return flock(open("locked", O_RDWR | O_CLOEXEC), LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
}

static int by_fcntl(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_start = 5, .l_len = 5};
	int fd = open("locked", O_RDWR | O_CLOEXEC);

	return fcntl(fd, F_SETLK, &lock) == 0 ? 0 : errno;
}

static void locks(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_start = 0, .l_len = 10};
	int fd = fresh("locked");
	int code;

	check(flock(fd, LOCK_EX) == 0 && lock_in_child(by_flock) == EWOULDBLOCK, "flock_excludes");
	check(flock(fd, LOCK_UN) == 0 && lock_in_child(by_flock) == 0, "flock_releases");
	check(fcntl(fd, F_SETLK, &lock) == 0, "a_record_lock");
	code = lock_in_child(by_fcntl);
	check(code == EAGAIN || code == EACCES, "record_locks_exclude");
	lock.l_type = F_UNLCK;
	check(fcntl(fd, F_SETLK, &lock) == 0 && lock_in_child(by_fcntl) == 0,
	      "record_locks_release");
	lock = (struct flock){.l_type = F_WRLCK, .l_start = 0, .l_len = 10};
	check(fcntl(fd, F_OFD_SETLK, &lock) == 0, "a_lock_of_the_open_file");
	code = lock_in_child(by_fcntl);
	check(code == EAGAIN || code == EACCES, "it_excludes_record_locks");
	close(fd);
	check(lock_in_child(by_fcntl) == 0, "closing_releases_it");
}

static void properties(void)
{
	struct timespec times[2] = {{1000000001, 123456789}, {1000000002, 987654321}};
	struct stat st;
	int fd = fresh("properties");

	check(chmod("properties", 0604) == 0 && stat("properties", &st) == 0 &&
		      (st.st_mode & 07777) == 0604,
	      "chmod");
	check(fchmod(fd, 0640) == 0 && fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0640,
	      "fchmod");
	umask(027);
	close(open("masked", O_CREAT | O_RDWR | O_CLOEXEC, 0666));
	check(stat("masked", &st) == 0 && (st.st_mode & 07777) == 0640, "umask_masks");
	mkdir("masked-folder", 0777);
	check(stat("masked-folder", &st) == 0 && (st.st_mode & 07777) == 0750, "also_folders");
	check(umask(022) == 027, "umask_tells_the_old_one");
	check(futimens(fd, times) == 0 && fstat(fd, &st) == 0 && st.st_atim.tv_sec == 1000000001 &&
		      st.st_mtim.tv_sec == 1000000002 && st.st_mtim.tv_nsec == 987654321,
	      "times_to_the_nanosecond");
	times[0].tv_nsec = UTIME_OMIT;
	times[1].tv_nsec = UTIME_NOW;
	check(utimensat(AT_FDCWD, "properties", times, 0) == 0 && fstat(fd, &st) == 0 &&
		      st.st_atim.tv_sec == 1000000001 && st.st_mtim.tv_sec > 1600000000,
	      "omit_and_now");
	check(st.st_uid == geteuid() && st.st_nlink == 1 && S_ISREG(st.st_mode), "who_and_what");
	check(chown("properties", getuid(), (gid_t)-1) == 0, "chown_to_oneself");
	if (geteuid() != 0) {
		/* EINVAL where no root is mapped into the user namespace. */
		check(chown("properties", 0, 0) < 0 && (errno == EPERM || errno == EINVAL),
		      "chown_to_root_is_refused");
		check(chmod("properties", 0) == 0, "nobody_may");
		check_fails(open("properties", O_RDONLY), EACCES, "mode_0_is_eacces");
		check_fails(access("properties", R_OK), EACCES, "access_says_so_too");
	}
	rmdir("masked-folder");
	close(fd);
}

static void attributes(void)
{
	char value[16] = "";
	char list[256] = "";
	int fd = fresh("attributes");

	if (setxattr("attributes", "user.cloche", "one", 3, 0) < 0 && errno == EOPNOTSUPP) {
		skip("user_attributes", "not on this filesystem");
		close(fd);
		return;
	}
	check(getxattr("attributes", "user.cloche", value, 16) == 3 && memcmp(value, "one", 3) == 0,
	      "setxattr_and_getxattr");
	check(getxattr("attributes", "user.cloche", NULL, 0) == 3, "getxattr_tells_the_size");
	check_fails(getxattr("attributes", "user.cloche", value, 1), ERANGE, "too_little_room");
	check_fails(fsetxattr(fd, "user.cloche", "x", 1, XATTR_CREATE), EEXIST, "create_exists");
	check_fails(fsetxattr(fd, "user.none", "x", 1, XATTR_REPLACE), ENODATA, "replace_is_none");
	check(listxattr("attributes", list, sizeof(list)) > 0 &&
		      memmem(list, sizeof(list), "user.cloche", 12) != NULL,
	      "listxattr");
	check(fremovexattr(fd, "user.cloche") == 0, "fremovexattr");
	check_fails(fgetxattr(fd, "user.cloche", value, 16), ENODATA, "it_is_gone");
	check_fails(setxattr("attributes", "nothing", "x", 1, 0), EOPNOTSUPP, "no_such_class");
	check_fails(setxattr("none", "user.cloche", "x", 1, 0), ENOENT, "no_such_file");
	check_fails(setxattr("attributes", "user.", "x", 1, 0), EINVAL, "no_name_in_the_class");
	close(fd);
}

static void extended(void)
{
	struct statx sx;
	struct statvfs fs;
	struct stat st;

	if (statx(AT_FDCWD, ".", 0, STATX_ALL, &sx) == 0)
		check(stat(".", &st) == 0 && sx.stx_ino == st.st_ino && S_ISDIR(sx.stx_mode),
		      "statx_says_what_stat_says");
	else
		skip("statx_says_what_stat_says", "no statx");
	check(statvfs(".", &fs) == 0 && fs.f_bsize > 0 && fs.f_namemax >= 255, "statvfs");
	check(stat("/", &st) == 0 && S_ISDIR(st.st_mode), "the_root");
	check(stat("/etc/passwd", &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0,
	      "a_file_of_the_system");
	check(access("/usr/bin/env", X_OK) == 0 || access("/bin/sh", X_OK) == 0,
	      "a_program_of_the_system");
	check(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode), "the_null_device");
}

static void special(void)
{
	char bytes[8] = "";
	int status;
	int fd;

	unlink("fifo");
	check(mkfifo("fifo", 0600) == 0, "mkfifo");
	if (fork() == 0) {
		fd = open("fifo", O_WRONLY | O_CLOEXEC);
		_exit(write(fd, "fifo", 4) != 4);
	}
	fd = open("fifo", O_RDONLY | O_CLOEXEC);
	check(read(fd, bytes, 8) == 4 && memcmp(bytes, "fifo", 4) == 0, "a_fifo_carries");
	check(wait(&status) > 0 && status == 0, "and_both_met");
	close(fd);
	check_fails(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO, "nobody_reads");
	check(read(open("/dev/zero", O_RDONLY | O_CLOEXEC), bytes, 8) == 8 && bytes[0] == 0,
	      "dev_zero");
	check_fails(write(open("/dev/full", O_WRONLY | O_CLOEXEC), "x", 1), ENOSPC, "dev_full");
	check(read(open("/dev/urandom", O_RDONLY | O_CLOEXEC), bytes, 8) == 8, "dev_urandom");
}

int main(void)
{
	if (mkdtemp(folder) == NULL || chdir(folder) < 0) {
		printf("1..0 # SKIP no folder to work in\n");
		return 77;
	}
	sizes();
	sizes_by_name();
	vectors();
	copies();
	mappings();
	locks();
	properties();
	attributes();
	extended();
	special();
	check(chdir("..") == 0, "back");
	return done();
}
