/* SPDX-License-Identifier: Apache-2.0
 *
 * Trees are removed whatever a guest has made of them: any depth, any modes, any names, and
 * nothing outside of them is touched. Extended attributes are read alike by every kernel.
 */
#include "base/own.h"
#include "sys/sys.h"

#include <limits.h>
#include <linux/filter.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <cmocka.h>

#define DEPTH 1500

static char folder[PATH_MAX];

static int make_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/var/tmp/cloche-t_sys.XXXXXX");
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int drop_folder(void **state)
{
	(void)state;
	return sys_remove_tree(AT_FDCWD, folder);
}

static void make_file(int dir_fd, const char *name)
{
	_own_(closep) int fd = sys_create(dir_fd, name, O_WRONLY, 0600);

	assert_true(fd >= 0);
}

static bool is_gone(const char *path)
{
	struct stat st;

	return sys_fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == -ENOENT;
}

/* A chain of directories below "tree", with a file in each. */
static void make_deep(const char *tree)
{
	assert_int_equal(sys_mkdirat(AT_FDCWD, tree, 0700), 0);
	int fd = sys_openat(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < DEPTH; i++) {
		assert_true(fd >= 0);
		make_file(fd, "file");
		assert_int_equal(sys_mkdirat(fd, "d", 0700), 0);
		int next = sys_openat(fd, "d", O_RDONLY | O_DIRECTORY);
		(void)close(fd);
		fd = next;
	}
	(void)close(fd);
}

static void a_tree_of_any_depth_is_removed(void **state)
{
	char tree[PATH_MAX + 8];
	struct rlimit few;

	(void)state;
	(void)snprintf(tree, sizeof(tree), "%s/tree", folder);
	make_deep(tree);
	/* Names that removal itself may want are taken. */
	for (int i = 0; i < 3; i++) {
		char name[PATH_MAX + 32];

		(void)snprintf(name, sizeof(name), "%s/.deep-%d", tree, i);
		assert_int_equal(sys_mkdirat(AT_FDCWD, name, 0700), 0);
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &few), 0);
	const struct rlimit before = few;
	few.rlim_cur = 256;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	int r = sys_remove_tree(AT_FDCWD, tree);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(r, 0);
	assert_true(is_gone(tree));
}

static void closed_directories_are_removed(void **state)
{
	char path[PATH_MAX + 32];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/closed/a", folder);
	assert_int_equal(sys_mkdir_all(AT_FDCWD, path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/closed/a/b", folder);
	assert_int_equal(sys_mkdirat(AT_FDCWD, path, 0), 0);
	(void)snprintf(path, sizeof(path), "%s/closed/a", folder);
	assert_int_equal(sys_fchmodat(AT_FDCWD, path, 0), 0);
	(void)snprintf(path, sizeof(path), "%s/closed", folder);
	assert_int_equal(sys_fchmodat(AT_FDCWD, path, 0), 0);
	assert_int_equal(sys_remove_tree(AT_FDCWD, path), 0);
	assert_true(is_gone(path));
}

static void symlinks_are_removed_and_not_followed(void **state)
{
	char path[PATH_MAX + 32];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/kept", folder);
	assert_int_equal(sys_mkdirat(AT_FDCWD, path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/kept/file", folder);
	make_file(AT_FDCWD, path);
	(void)snprintf(path, sizeof(path), "%s/links", folder);
	assert_int_equal(sys_mkdirat(AT_FDCWD, path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/links/one", folder);
	assert_int_equal(sys_symlinkat("../kept", AT_FDCWD, path), 0);
	(void)snprintf(path, sizeof(path), "%s/link", folder);
	assert_int_equal(sys_symlinkat("kept", AT_FDCWD, path), 0);
	assert_int_equal(sys_remove_tree(AT_FDCWD, path), 0);
	assert_true(is_gone(path));
	(void)snprintf(path, sizeof(path), "%s/links", folder);
	assert_int_equal(sys_remove_tree(AT_FDCWD, path), 0);
	(void)snprintf(path, sizeof(path), "%s/kept/file", folder);
	assert_false(is_gone(path));
}

static void a_missing_tree_is_no_error(void **state)
{
	char path[PATH_MAX + 32];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/nothing", folder);
	assert_int_equal(sys_remove_tree(AT_FDCWD, path), 0);
}

static void check_list(int dir_fd, const char *name)
{
	char names[64];
	char few[4];

	assert_int_equal(sys_listxattr_at(dir_fd, name, names, sizeof(names)), sizeof("user.it"));
	assert_string_equal(names, "user.it");
	assert_int_equal(sys_listxattr_at(dir_fd, name, few, sizeof(few)), -ERANGE);
}

static void check_value(int dir_fd, const char *name)
{
	char value[8];

	assert_int_equal(sys_getxattr_at(dir_fd, name, "user.it", value, sizeof(value)), 3);
	assert_memory_equal(value, "yes", 3);
	assert_int_equal(sys_getxattr_at(dir_fd, name, "user.it", value, 1), -ERANGE);
	assert_int_equal(sys_getxattr_at(dir_fd, name, "user.other", value, sizeof(value)),
			 -ENODATA);
}

/* By name, open, as a place only; a link to it has none. */
static void check_attributes(void)
{
	char names[64];
	char value[8];
	_own_(closep) int dir_fd = sys_openat(AT_FDCWD, folder, O_PATH | O_DIRECTORY);
	_own_(closep) int open_fd = sys_openat(dir_fd, "marked", O_RDONLY);
	_own_(closep) int place_fd = sys_openat(dir_fd, "marked", O_PATH);

	check_list(dir_fd, "marked");
	check_list(open_fd, "");
	check_list(place_fd, "");
	check_value(dir_fd, "marked");
	check_value(open_fd, "");
	check_value(place_fd, "");
	assert_int_equal(sys_listxattr_at(dir_fd, "to-marked", names, sizeof(names)), 0);
	assert_true(sys_getxattr_at(dir_fd, "to-marked", "user.it", value, sizeof(value)) < 0);
	assert_int_equal(sys_listxattr_at(dir_fd, "nothing", names, sizeof(names)), -ENOENT);
}

static void make_marked(void)
{
	_own_(closep) int dir_fd = sys_openat(AT_FDCWD, folder, O_PATH | O_DIRECTORY);
	_own_(closep) int fd = sys_create(dir_fd, "marked", O_WRONLY, 0600);

	if (SYS_RESULT(fsetxattr(fd, "user.it", "yes", 3, 0)) < 0)
		skip();
	assert_int_equal(sys_symlinkat("marked", dir_fd, "to-marked"), 0);
}

static void attributes_are_read_by_name(void **state)
{
	(void)state;
	make_marked();
	check_attributes();
}

/* As a kernel before 6.13 does, or an old filter around us. */
static void refuse_calls_at(unsigned error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 463, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 466, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {ARRAY_LENGTH(filter), filter};

	assert_int_equal(SYS_RESULT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)), 0);
	assert_int_equal(sys_seccomp(SECCOMP_SET_MODE_FILTER, 0, &program), 0);
}

static void attributes_are_read_where_names_have_no_calls(void **state)
{
	(void)state;
	const unsigned errors[] = {ENOSYS, EPERM};

	for (size_t i = 0; i < ARRAY_LENGTH(errors); i++) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0) {
			refuse_calls_at(errors[i]);
			check_attributes();
			_exit(0);
		}
		assert_int_equal(SYS_RESULT(waitpid(pid, &status, 0)), pid);
		assert_int_equal(status, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_of_any_depth_is_removed),
		cmocka_unit_test(closed_directories_are_removed),
		cmocka_unit_test(symlinks_are_removed_and_not_followed),
		cmocka_unit_test(a_missing_tree_is_no_error),
		cmocka_unit_test(attributes_are_read_by_name),
		cmocka_unit_test(attributes_are_read_where_names_have_no_calls),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
