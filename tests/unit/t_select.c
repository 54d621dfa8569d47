/* SPDX-License-Identifier: Apache-2.0
 *
 * The expressions of cloche trace -e.
 */
#include "base/own.h"
#include "calls/select.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool selected[SC_COUNT];

static size_t select_calls(const char *expression)
{
	struct cloche_err err = {0};
	size_t count = 0;

	memset(selected, 0, sizeof(selected));
	if (call_select(expression, selected, &err) < 0)
		fail_msg("%s: %s", expression, err.text);
	for (size_t i = 0; i < SC_COUNT; i++)
		count += selected[i];
	return count;
}

static void fails(const char *expression, const char *text)
{
	struct cloche_err err = {0};

	memset(selected, 0x55, sizeof(selected));
	assert_int_equal(call_select(expression, selected, &err), -EINVAL);
	if (strstr(err.text, text) == NULL)
		fail_msg("%s: '%s' is not in '%s'", expression, text, err.text);
	for (size_t i = 0; i < sizeof(selected); i++)
		assert_int_equal(((unsigned char *)selected)[i], 0x55);
}

static void names(void **state)
{
	(void)state;
	assert_int_equal(select_calls("openat"), 1);
	assert_true(selected[SC_openat]);
	assert_int_equal(select_calls("openat,connect"), 2);
	assert_int_equal(select_calls("trace=openat,openat"), 1);
	assert_int_equal(select_calls("t=openat"), 1);
	assert_int_equal(select_calls("signal"), 1);
	assert_int_equal(select_calls("ipc"), 1);
}

static void all_and_none(void **state)
{
	(void)state;
	assert_int_equal(select_calls("all"), SC_COUNT);
	assert_int_equal(select_calls("none"), 0);
	assert_int_equal(select_calls("!none"), SC_COUNT);
	assert_int_equal(select_calls("!all"), 0);
	assert_int_equal(select_calls("!openat"), SC_COUNT - 1);
	assert_false(selected[SC_openat]);
	assert_int_equal(select_calls("trace=!openat,close"), SC_COUNT - 2);
}

static void families(void **state)
{
	(void)state;
	assert_true(select_calls("%file") > 60);
	assert_true(selected[SC_openat] && selected[SC_execve] && selected[SC_stat]);
	assert_false(selected[SC_read]);
	assert_true(select_calls("%desc") > 60);
	assert_true(selected[SC_read] && selected[SC_openat] && selected[SC_socket]);
	assert_false(selected[SC_getpid]);
	size_t network = select_calls("%network");
	assert_true(selected[SC_connect]);
	assert_int_equal(select_calls("network"), network);
	assert_int_equal(select_calls("%net"), network);
	assert_true(select_calls("%signal") > 10);
	assert_true(selected[SC_rt_sigaction] && selected[SC_kill]);
	size_t memory = select_calls("%mem");
	assert_true(selected[SC_mmap] && selected[SC_brk]);
	assert_int_equal(select_calls("!%memory"), SC_COUNT - memory);
	assert_int_equal(select_calls("%stat"), 3);
	assert_true(select_calls("%%stat") > 8);
	assert_true(select_calls("%pure") > 7);
	for (int i = 0; i < FAMILY_COUNT; i++) {
		char text[64];

		(void)snprintf(text, sizeof(text), "%%%s", call_family_name((uint8_t)i));
		assert_true(select_calls(text) > 0);
		for (size_t sc = 0; sc < SC_COUNT; sc++)
			assert_true(calls_table[sc].family != i || selected[sc]);
	}
}

static void patterns(void **state)
{
	(void)state;
	assert_int_equal(select_calls("/^openat$"), 1);
	assert_true(select_calls("/^sched_") > 8);
	assert_int_equal(select_calls("close,/^(openat|read)$"), 3);
	assert_int_equal(select_calls("/^r(ea){1,2}d$"), 1);
	assert_int_equal(select_calls("/nothing_is_called_so"), 0);
}

static void missing_is_fine_where_asked(void **state)
{
	(void)state;
	assert_int_equal(select_calls("?no_such_call"), 0);
	assert_int_equal(select_calls("?no_such_call,?openat"), 1);
	assert_int_equal(select_calls("?%no_such_family"), 0);
}

static void wrong_is_told(void **state)
{
	(void)state;
	fails("opnat", "is it 'openat'?");
	fails("openat,conect", "is it 'connect'?");
	fails("qqqqqqqqqqqq", "no call 'qqqqqqqqqqqq'");
	fails("%fil", "%file");
	fails("", "a name is missing");
	fails("openat,", "a name is missing");
	fails("!", "a name is missing");
	fails("trace=", "a name is missing");
	fails("signal=SIGTERM", "trace=");
	fails("inject=openat:error=EPERM", "trace=");
	fails("/(", "/(");
	fails("open\x1b[0mat", "open?[0mat");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),	 cmocka_unit_test(all_and_none),
		cmocka_unit_test(families),	 cmocka_unit_test(patterns),
		cmocka_unit_test(wrong_is_told), cmocka_unit_test(missing_is_fine_where_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
