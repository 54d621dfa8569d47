/* SPDX-License-Identifier: Apache-2.0
 *
 * What Linux promises about files: making, opening, linking, renaming, removing and reading them,
 * in a fresh folder below the working directory.
 */
#include "../tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char folder[] = "g_files.XXXXXX";

static int make(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, 0644);

	if (fd >= 0 && write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool holds(const char *path, const char *text)
{
	char bytes[256] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes) - 1);

	if (fd >= 0)
		close(fd);
	return length == (ssize_t)strlen(text) && strcmp(bytes, text) == 0;
}

static ino_t inode(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_ino : 0;
}

static void opening(void)
{
	int fd;

	check_fails(open("none", O_RDONLY), ENOENT, "missing_is_enoent");
	check_fails(open("none/below", O_RDONLY | O_CREAT, 0600), ENOENT,
		    "below_missing_is_enoent");
	close(make("plain", "text"));
	check_fails(open("plain/below", O_RDONLY), ENOTDIR, "below_a_file_is_enotdir");
	check_fails(open("plain", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST, "excl_finds_the_file");
	check_fails(open("plain", O_RDONLY | O_DIRECTORY), ENOTDIR, "a_file_is_no_directory");
	check_fails(open(".", O_RDWR), EISDIR, "a_directory_cannot_be_written");
	fd = open("plain", O_WRONLY | O_APPEND | O_CLOEXEC);
	check(fd >= 0 && lseek(fd, 0, SEEK_SET) == 0 && write(fd, "more", 4) == 4 &&
		      holds("plain", "textmore"),
	      "append_writes_at_the_end");
	check_fails(read(fd, folder, 1), EBADF, "a_write_descriptor_cannot_read");
	close(fd);
	fd = open("plain", O_RDWR | O_TRUNC | O_CLOEXEC);
	check(fd >= 0 && holds("plain", ""), "trunc_empties");
	close(fd);
	fd = open("plain", O_PATH | O_CLOEXEC);
	check(fd >= 0, "o_path_opens");
	check_fails(write(fd, "x", 1), EBADF, "o_path_cannot_write");
	close(fd);
	fd = open("plain", O_RDONLY | O_CLOEXEC);
	check(fcntl(fd, F_GETFD) == FD_CLOEXEC, "cloexec_is_kept");
	check((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY, "getfl_tells_the_mode");
	close(fd);
	fd = (int)syscall(SYS_creat, "made", 0640);
	check(fd >= 0 && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY, "creat_is_write_only");
	close(fd);
}

static void anonymous(void)
{
	int fd = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char link[64];
	struct stat st;

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
		skip("tmpfile_has_no_name", "the filesystem has no O_TMPFILE");
	} else {
		check(fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink == 0, "tmpfile_has_no_name");
		(void)!write(fd, "anonymous", 9);
		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		check(linkat(AT_FDCWD, link, AT_FDCWD, "named", AT_SYMLINK_FOLLOW) == 0 &&
			      holds("named", "anonymous"),
		      "tmpfile_gets_a_name_by_linkat");
		close(fd);
	}
	fd = make("unlinked", "still here");
	check(unlink("unlinked") == 0 && access("unlinked", F_OK) < 0, "unlink_removes_the_name");
	check(lseek(fd, 0, SEEK_SET) == 0 && read(fd, link, sizeof(link)) == 10 &&
		      memcmp(link, "still here", 10) == 0,
	      "an_unlinked_file_can_be_read");
	check(fstat(fd, &st) == 0 && st.st_nlink == 0, "an_unlinked_file_has_no_links");
	close(fd);
}

static void links(void)
{
	char text[64] = "";
	struct stat st;

	close(make("original", "linked"));
	check(link("original", "hard") == 0 && inode("original") == inode("hard"),
	      "hard_link_is_the_same_inode");
	check(stat("original", &st) == 0 && st.st_nlink == 2, "hard_link_counts");
	close(make("hard", "changed"));
	check(holds("original", "changed"), "hard_links_share_the_content");
	check_fails(link("original", "hard"), EEXIST, "link_over_a_name_is_eexist");
	check(symlink("original", "soft") == 0 && holds("soft", "changed"), "symlink_is_followed");
	check(readlink("soft", text, sizeof(text)) == 8 && strcmp(text, "original") == 0,
	      "readlink_reads");
	check(readlink("soft", text, 3) == 3, "readlink_cuts_off");
	check_fails(readlink("original", text, sizeof(text)), EINVAL, "readlink_of_a_file");
	check_fails(open("soft", O_RDONLY | O_NOFOLLOW), ELOOP, "nofollow_is_eloop");
	check(lstat("soft", &st) == 0 && S_ISLNK(st.st_mode) && st.st_size == 8, "lstat_of_a_link");
	check(symlink("loop-b", "loop-a") == 0 && symlink("loop-a", "loop-b") == 0, "two_links");
	check_fails(open("loop-a", O_RDONLY), ELOOP, "a_loop_is_eloop");
	check(symlink("nowhere", "dangling") == 0, "dangling_link");
	check_fails(open("dangling", O_RDONLY), ENOENT, "dangling_is_enoent");
	check_fails(open("dangling", O_CREAT | O_EXCL | O_WRONLY, 0600), EEXIST,
		    "excl_does_not_follow");
	check(close(open("dangling", O_CREAT | O_WRONLY, 0600)) == 0 &&
		      access("nowhere", F_OK) == 0,
	      "creating_through_a_dangling_link");
	check_fails(symlink("", "empty"), ENOENT, "empty_target_is_enoent");
}

static void renames(void)
{
	int at = AT_FDCWD;

	close(make("a", "A"));
	close(make("b", "B"));
	check(rename("a", "b") == 0 && holds("b", "A") && access("a", F_OK) < 0, "rename_replaces");
	close(make("a", "A2"));
	check_fails(syscall(SYS_renameat2, at, "a", at, "b", 1), EEXIST, "noreplace_is_eexist");
	check(syscall(SYS_renameat2, at, "a", at, "c", 1) == 0 && holds("c", "A2"),
	      "noreplace_renames");
	if (syscall(SYS_renameat2, at, "b", at, "c", 2) == 0)
		check(holds("b", "A2") && holds("c", "A"), "exchange_exchanges");
	else if (errno == EINVAL)
		skip("exchange_exchanges", "the filesystem has no RENAME_EXCHANGE");
	else
		check(false, "exchange_exchanges");
	check_fails(syscall(SYS_renameat2, at, "b", at, "c", 3), EINVAL, "both_flags_are_einval");
	check(mkdir("d", 0755) == 0 && mkdir("d/inner", 0755) == 0, "mkdir");
	check_fails(mkdir("d", 0755), EEXIST, "mkdir_again_is_eexist");
	check_fails(rename("d", "d/inner/d"), EINVAL, "into_itself_is_einval");
	check_fails(rename("b", "d"), EISDIR, "a_file_over_a_directory");
	check_fails(rename("d", "b"), ENOTDIR, "a_directory_over_a_file");
	check_fails(rmdir("d"), ENOTEMPTY, "rmdir_of_a_full_one");
	check_fails(unlink("d"), EISDIR, "unlink_of_a_directory");
	check(mkdir("e", 0755) == 0 && rename("d", "e") == 0 && access("e/inner", F_OK) == 0,
	      "a_directory_over_an_empty_one");
	check(rmdir("e/inner") == 0 && rmdir("e") == 0, "rmdir");
	check_fails(rmdir("."), EINVAL, "rmdir_of_dot");
	check_fails(rename("none", "x"), ENOENT, "rename_of_nothing");
}

/* A directory that is made anew does not show what the old one had. */
static void again(void)
{
	struct dirent *entry;
	int count = 0;
	DIR *dir;

	mkdir("anew", 0755);
	close(make("anew/old", "old"));
	unlink("anew/old");
	check(rmdir("anew") == 0 && mkdir("anew", 0755) == 0, "made_anew");
	check_fails(open("anew/old", O_RDONLY), ENOENT, "what_was_in_it_is_gone");
	close(make("anew/new", "new"));
	dir = opendir("anew");
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		count += entry->d_name[0] != '.';
	check(count == 1, "only_the_new_file_is_in_it");
	if (dir != NULL)
		closedir(dir);
}

static void listing(void)
{
	bool seen[300] = {false};
	char name[32];
	struct dirent *entry;
	int count = 0;
	int special = 0;
	long place;
	DIR *dir;

	mkdir("many", 0755);
	for (int i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "many/%d", i);
		close(make(name, ""));
	}
	dir = opendir("many");
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		int number = atoi(entry->d_name);

		if (entry->d_name[0] == '.') {
			special++;
			continue;
		}
		count += number >= 0 && number < 300 && !seen[number];
		seen[number % 300] = true;
		if (entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN)
			count = -1000;
	}
	check(count == 300 && special == 2, "readdir_shows_each_once");
	rewinddir(dir);
	(void)readdir(dir);
	place = telldir(dir);
	entry = readdir(dir);
	(void)snprintf(name, sizeof(name), "%.20s", entry->d_name);
	seekdir(dir, place);
	entry = readdir(dir);
	check(entry != NULL && strcmp(entry->d_name, name) == 0, "seekdir_comes_back");
	closedir(dir);
	for (int i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "many/%d", i);
		unlink(name);
	}
	check(rmdir("many") == 0, "an_emptied_directory_can_be_removed");
}

static void relative(void)
{
	char path[PATH_MAX];
	char here[PATH_MAX];
	int fd;

	mkdir("rel", 0755);
	fd = open("rel", O_PATH | O_DIRECTORY | O_CLOEXEC);
	check(close(openat(fd, "x", O_CREAT | O_RDWR | O_CLOEXEC, 0600)) == 0, "openat");
	check(faccessat(fd, "x", R_OK, 0) == 0, "faccessat");
	check(mkdirat(fd, "y", 0700) == 0 && unlinkat(fd, "y", AT_REMOVEDIR) == 0, "mkdirat");
	check(renameat(fd, "x", fd, "z") == 0 && access("rel/z", F_OK) == 0, "renameat");
	check(getcwd(here, sizeof(here)) != NULL && fchdir(fd) == 0 &&
		      getcwd(path, sizeof(path)) != NULL && strlen(path) == strlen(here) + 4 &&
		      strcmp(path + strlen(here), "/rel") == 0,
	      "fchdir_and_getcwd");
	check(access("../rel/z", F_OK) == 0 && chdir("..") == 0, "dotdot");
	check(unlinkat(fd, "z", 0) == 0 && rmdir("rel") == 0, "unlinkat");
	check_fails(openat(fd, "z", O_CREAT | O_RDWR, 0600), ENOENT, "in_a_removed_directory");
	close(fd);
	check_fails(openat(fd, "z", O_RDONLY), EBADF, "relative_to_a_closed_one");
	memset(path, 'n', sizeof(path));
	path[300] = '\0';
	check_fails(open(path, O_RDONLY), ENAMETOOLONG, "a_name_of_300");
	check_fails(open((const char *)16, O_RDONLY), EFAULT, "a_bad_pointer");
	check_fails(open("", O_RDONLY), ENOENT, "no_name");
}

/* Removes the folder: everything in it lies flat but for empty directories. */
static void clean(void)
{
	struct dirent *entry;
	DIR *dir = opendir(".");

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (unlinkat(AT_FDCWD, entry->d_name, 0) < 0 && entry->d_name[0] != '.') {
			char inner[300];

			(void)snprintf(inner, sizeof(inner), "%.250s/new", entry->d_name);
			unlink(inner);
			rmdir(entry->d_name);
		}
	}
	if (dir != NULL)
		closedir(dir);
	check(chdir("..") == 0 && rmdir(folder) == 0, "nothing_is_left");
}

int main(void)
{
	if (mkdtemp(folder) == NULL || chdir(folder) < 0) {
		printf("1..0 # SKIP no folder to work in\n");
		return 77;
	}
	umask(022);
	opening();
	anonymous();
	links();
	renames();
	again();
	listing();
	relative();
	clean();
	return done();
}
