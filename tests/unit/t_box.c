/* SPDX-License-Identifier: Apache-2.0
 *
 * Where boxes are kept on disk: temporary directories are made and swept by many commands at once.
 */
#include "base/own.h"
#include "box/store.h"
#include "sys/sys.h"

#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <cmocka.h>

static char folder[PATH_MAX];

static int make_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/var/tmp/cloche-t_box.XXXXXX");
	return mkdtemp(folder) == NULL || setenv("XDG_DATA_HOME", folder, 1) < 0 ? -1 : 0;
}

static int drop_folder(void **state)
{
	(void)state;
	return sys_remove_tree(AT_FDCWD, folder);
}

static void a_sweep_takes_nothing_that_is_being_made(void **state)
{
	struct cloche_err err = {0};
	pid_t sweepers[2];

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(sweepers); i++) {
		sweepers[i] = fork();
		assert_true(sweepers[i] >= 0);
		if (sweepers[i] == 0)
			(void)sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0,
					0); /* A failed test ends it. */
		while (sweepers[i] == 0)
			store_sweep(folder, false);
	}
	for (int i = 0; i < 200; i++) {
		_own_(freep) char *path = NULL;
		_own_(closep) int lock_fd = -1;
		_own_(closep) int files_fd = -1;
		int r = store_make_temporary(folder, false, &path, &lock_fd, &files_fd, &err);

		if (r < 0)
			print_message("round %d: %s\n", i, err.text);
		assert_int_equal(r, 0);
		assert_int_equal(sys_mkdirat(files_fd, "x", 0700), 0);
		store_remove_temporary(path);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(sweepers); i++) {
		(void)kill(sweepers[i], SIGKILL);
		(void)sys_wait4(sweepers[i], NULL, 0, NULL);
	}
}

static void a_sweep_takes_what_nobody_holds(void **state)
{
	struct cloche_err err = {0};
	_own_(freep) char *path = NULL;
	_own_(closep) int lock_fd = -1;
	_own_(closep) int files_fd = -1;
	struct stat st;

	(void)state;
	assert_int_equal(store_make_temporary(folder, false, &path, &lock_fd, &files_fd, &err), 0);
	store_sweep(folder, false);
	assert_int_equal(sys_fstatat(AT_FDCWD, path, &st, 0), 0);
	close_fd(&lock_fd);
	store_sweep(folder, false);
	assert_int_equal(sys_fstatat(AT_FDCWD, path, &st, 0), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sweep_takes_nothing_that_is_being_made),
		cmocka_unit_test(a_sweep_takes_what_nobody_holds),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
