/* SPDX-License-Identifier: Apache-2.0
 *
 * The promise of docs/ABI.md: sizes, offsets and numbers of what is public. A failure here is a
 * break of the ABI, and needs a new SONAME; a structure that grew needs its new size written here.
 */
#include "base/own.h"
#include "lib/lib.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define OFFSET(type, member, offset) assert_int_equal(offsetof(struct type, member), offset)

static void structures_are_what_they_were(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct cloche_err), 516);
	OFFSET(cloche_err, code, 0);
	OFFSET(cloche_err, text, 4);
	assert_int_equal(sizeof(struct cloche_box_options), 72);
	OFFSET(cloche_box_options, size, 0);
	OFFSET(cloche_box_options, policy, 8);
	OFFSET(cloche_box_options, name, 16);
	OFFSET(cloche_box_options, flags, 24);
	OFFSET(cloche_box_options, route, 32);
	OFFSET(cloche_box_options, reserved, 36);
	OFFSET(cloche_box_options, log, 40);
	OFFSET(cloche_box_options, told, 48);
	OFFSET(cloche_box_options, asked, 56);
	OFFSET(cloche_box_options, arg, 64);
	assert_int_equal(sizeof(struct cloche_run_options), 64);
	OFFSET(cloche_run_options, size, 0);
	OFFSET(cloche_run_options, flags, 8);
	OFFSET(cloche_run_options, in_fd, 16);
	OFFSET(cloche_run_options, out_fd, 20);
	OFFSET(cloche_run_options, err_fd, 24);
	OFFSET(cloche_run_options, reserved, 28);
	OFFSET(cloche_run_options, cwd, 32);
	OFFSET(cloche_run_options, environment, 40);
	OFFSET(cloche_run_options, kept_fds, 48);
	OFFSET(cloche_run_options, kept_count, 56);
	assert_int_equal(sizeof(struct cloche_refusal), 104);
	OFFSET(cloche_refusal, size, 0);
	OFFSET(cloche_refusal, program, 8);
	OFFSET(cloche_refusal, call, 16);
	OFFSET(cloche_refusal, rule, 24);
	OFFSET(cloche_refusal, number, 32);
	OFFSET(cloche_refusal, error, 36);
	OFFSET(cloche_refusal, pid, 40);
	OFFSET(cloche_refusal, abi, 44);
	OFFSET(cloche_refusal, args, 48);
	OFFSET(cloche_refusal, count, 96);
}

static void numbers_are_what_they_were(void **state)
{
	static const struct {
		long long is;
		long long was;
	} numbers[] = {
		{CLOCHE_PATH_HIDE, 0},
		{CLOCHE_PATH_READ, 1},
		{CLOCHE_PATH_COPY, 2},
		{CLOCHE_PATH_WRITE, 3},
		{CLOCHE_PATH_PRIVATE, 4},
		{CLOCHE_ROUTE_BEST, 0},
		{CLOCHE_ROUTE_NOTIFY, 1},
		{CLOCHE_ROUTE_STOP, 2},
		{CLOCHE_BOX_REPORT, 1},
		{CLOCHE_RUN_IN_PROCESS, 1},
		{CLOCHE_ENDED_UNKNOWN, 0},
		{CLOCHE_ENDED_EXITED, 1},
		{CLOCHE_ENDED_SIGNALLED, 2},
		{CLOCHE_ENDED_WALL, 3},
		{CLOCHE_ENDED_MEMORY, 4},
		{CLOCHE_ENDED_DISK, 5},
		{CLOCHE_ENDED_NOT_STARTED, 6},
		{CLOCHE_ENDED_KILLED, 7},
		{CLOCHE_ABI_X86_64, 0},
		{CLOCHE_ABI_I386, 1},
		{CLOCHE_ON, 1},
		{CLOCHE_WATCH, 2},
		{CLOCHE_AFTER, 4},
		{CLOCHE_DENY, 0},
		{CLOCHE_ALLOW, 1},
		{CLOCHE_ANSWER, 2},
		{CLOCHE_KILL, 3},
		{CLOCHE_HOLD, 4},
		{CLOCHE_TELL_MAX, 65536},
		{CLOCHE_ERR_TEXT_SIZE, 512},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++)
		assert_int_equal(numbers[i].is, numbers[i].was);
}

static void init_macros_are_the_default(void **state)
{
	const struct cloche_box_options box = CLOCHE_BOX_OPTIONS_INIT;
	const struct cloche_run_options run = CLOCHE_RUN_OPTIONS_INIT;
	const struct cloche_refusal refusal = CLOCHE_REFUSAL_INIT;
	static const char zero[sizeof(refusal)];

	(void)state;
	assert_int_equal(box.size, sizeof(box));
	assert_memory_equal(&box.policy, zero, sizeof(box) - sizeof(box.size));
	assert_int_equal(run.size, sizeof(run));
	assert_memory_equal(&run.flags, zero, sizeof(run) - sizeof(run.size));
	assert_int_equal(refusal.size, sizeof(refusal));
	assert_memory_equal(&refusal.program, zero, sizeof(refusal) - sizeof(refusal.size));
}

/* Whatever goes wrong, the code is one of those in the page, and each of those is its own. */
static void codes_are_those_of_the_page(void **state)
{
	const char *source = getenv("CLOCHE_SOURCE");
	_own_(freep) char *path = NULL;
	static char page[32768];

	(void)state;
	assert_true(asprintf(&path, "%s/docs/ABI.md", source != NULL ? source : ".") > 0);
	if (sys_read_file(AT_FDCWD, path, page, sizeof(page)) < 0)
		skip();
	for (int code = 1; code < 4096; code++) {
		char row[64];
		int public_code = -lib_result(-code, NULL);

		assert_in_range(public_code, 1, 4095);
		(void)snprintf(row, sizeof(row), "\n| %s |",
			       public_code == ENOTSUP ? "ENOTSUP" : errno_name(public_code));
		assert_non_null(strstr(page, row));
		assert_int_equal(lib_result(-public_code, NULL), -public_code);
	}
	for (const char *row = strstr(page, "\n| E"); row != NULL; row = strstr(row + 1, "\n| E")) {
		char name[32];
		size_t length = strcspn(row + 3, " ");

		assert_in_range(length, 1, sizeof(name) - 1);
		(void)snprintf(name, sizeof(name), "%.*s", (int)length, row + 3);
		int code = strcmp(name, "ENOTSUP") == 0 ? ENOTSUP : errno_parse(name);
		assert_in_range(code, 1, 4095);
		assert_int_equal(lib_result(-code, NULL), -code);
	}
}

static void results_that_are_none_pass(void **state)
{
	struct cloche_err err = {0};

	(void)state;
	assert_int_equal(lib_result(0, &err), 0);
	assert_int_equal(lib_result(7, &err), 7);
	assert_int_equal(err.code, 0);
	assert_int_equal(lib_result(-ELOOP, &err), -ENOENT);
	assert_int_equal(err.code, -ENOENT);
	assert_string_equal(err.text, errno_text(ELOOP));
}

struct known {
	size_t size;
	int first;
	int second;
};

static void option_structures_grow(void **state)
{
	struct {
		struct known known;
		char more[16];
	} given = {.known = {.size = sizeof(given), .first = 1, .second = 2}};
	struct known taken;

	(void)state;
	assert_int_equal(lib_take_options(&taken, sizeof(taken), &given), 0);
	assert_int_equal(taken.second, 2);
	given.more[15] = 1;
	assert_int_equal(lib_take_options(&taken, sizeof(taken), &given), -E2BIG);
	given.known.size = offsetof(struct known, second);
	assert_int_equal(lib_take_options(&taken, sizeof(taken), &given), 0);
	assert_int_equal(taken.first, 1);
	assert_int_equal(taken.second, 0);
	given.known.size = 3;
	assert_int_equal(lib_take_options(&taken, sizeof(taken), &given), -EINVAL);
	assert_int_equal(lib_take_options(&taken, sizeof(taken), NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(structures_are_what_they_were),
		cmocka_unit_test(numbers_are_what_they_were),
		cmocka_unit_test(init_macros_are_the_default),
		cmocka_unit_test(codes_are_those_of_the_page),
		cmocka_unit_test(results_that_are_none_pass),
		cmocka_unit_test(option_structures_grow),
	};

	return cmocka_run_group_tests_name("abi", tests, NULL, NULL);
}
