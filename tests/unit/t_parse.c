/* SPDX-License-Identifier: Apache-2.0 */
#include "base/own.h"
#include "policy/model.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void size_is(const char *text, uint64_t expected)
{
	uint64_t bytes = 1;

	if (parse_size(text, &bytes) != 0 || bytes != expected)
		fail_msg("'%s': %llu", text, (unsigned long long)bytes);
}

static void sizes_are_powers_of_1024(void **state)
{
	(void)state;
	size_is("0", 0);
	size_is("4096", 4096);
	size_is("4096B", 4096);
	size_is("1k", 1024);
	size_is("512M", 512ULL << 20);
	size_is("512MB", 512ULL << 20);
	size_is("512mib", 512ULL << 20);
	size_is("2G", 2ULL << 30);
	size_is("1T", 1ULL << 40);
	size_is("1TiB", 1ULL << 40);
}

static void fractions_of_sizes_are_exact(void **state)
{
	(void)state;
	size_is("1.5G", 3ULL << 29);
	size_is("0.5K", 512);
	size_is(".5K", 512);
	size_is("2.K", 2048);
	size_is("0.25T", 1ULL << 38);
	size_is("1.9", 1);
	size_is("0.0000000001T", 0); /* The tenth digit has no weight. */
	size_is("0.999999999T", 1099511626676);
}

static void sizes_do_not_wrap(void **state)
{
	uint64_t bytes = 7;

	(void)state;
	size_is("18446744073709551615", UINT64_MAX);
	size_is("16777215T", 16777215ULL << 40);
	assert_int_equal(parse_size("18446744073709551616", &bytes), -ERANGE);
	assert_int_equal(parse_size("16777216T", &bytes), -ERANGE);
	assert_int_equal(parse_size("99999999999999999999999999", &bytes), -ERANGE);
	assert_int_equal(bytes, 7);
}

static void other_text_is_no_size(void **state)
{
	static const char *const texts[] = {"",	    " ",   "M",	  "-1",	   "+1", "1 M",
					    "1M ",  "1X",  "1MM", "1.5.5", ".",	 "1e3",
					    "0x10", "1iB", "1,5", "None"};
	uint64_t bytes = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
		if (parse_size(texts[i], &bytes) != -EINVAL)
			fail_msg("'%s' is accepted", texts[i]);
	assert_int_equal(bytes, 7);
}

static void durations_have_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} cases[] = {
		{"60s", 60000}, {"500ms", 500},	  {"2m", 120000},    {"1h", 3600000}, {"1.5", 1500},
		{"0.5ms", 0},	{"1d", 86400000}, {"1.5h", 5400000}, {"0.001", 1},    {"3", 3000},
	};
	uint64_t ms;

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		assert_int_equal(parse_duration_ms(cases[i].text, &ms), 0);
		assert_int_equal(ms, cases[i].ms);
	}
	assert_int_equal(parse_duration_ms("1w", &ms), -EINVAL);
	assert_int_equal(parse_duration_ms("1h30m", &ms), -EINVAL);
	assert_int_equal(parse_duration_ms("s", &ms), -EINVAL);
	assert_int_equal(parse_duration_ms("99999999999999999999d", &ms), -ERANGE);
}

static void counts_and_fractions_of_cores(void **state)
{
	uint32_t value;

	(void)state;
	assert_int_equal(parse_count("64", &value), 0);
	assert_int_equal(value, 64);
	assert_int_equal(parse_count("4294967295", &value), 0);
	assert_int_equal(parse_count("4294967296", &value), -ERANGE);
	assert_int_equal(parse_count("", &value), -EINVAL);
	assert_int_equal(parse_count("6 ", &value), -EINVAL);
	assert_int_equal(parse_count("1.0", &value), -EINVAL);
	assert_int_equal(parse_milli("1.5", &value), 0);
	assert_int_equal(value, 1500);
	assert_int_equal(parse_milli("0.25", &value), 0);
	assert_int_equal(value, 250);
	assert_int_equal(parse_milli("5000000", &value), -ERANGE);
	assert_int_equal(parse_milli("1c", &value), -EINVAL);
}

static const struct policy_context context = {.home = "/home/user", .cwd = "/proj/here"};

static void clean_is(const char *path, const char *expected)
{
	_own_(freep) char *clean = NULL;
	int r = path_clean(path, &context, &clean);

	if (r != 0 || strcmp(clean, expected) != 0)
		fail_msg("'%s': %d, '%s'", path, r, clean != NULL ? clean : "");
}

static void paths_are_made_clean(void **state)
{
	(void)state;
	clean_is("/", "/");
	clean_is("//", "/");
	clean_is("/a//b/./c/", "/a/b/c");
	clean_is("/a/../b", "/b");
	clean_is("/../../b", "/b");
	clean_is("/a/..", "/");
	clean_is("/a/b/../..", "/");
	clean_is("/a/...", "/a/...");
	clean_is("/a/..b", "/a/..b");
	clean_is(".", "/proj/here");
	clean_is("./x", "/proj/here/x");
	clean_is("..", "/proj");
	clean_is("../../../..", "/");
	clean_is("x y", "/proj/here/x y");
	clean_is("~", "/home/user");
	clean_is("~/", "/home/user");
	clean_is("~/x", "/home/user/x");
	clean_is("/~", "/~");
	clean_is("./~x", "/proj/here/~x");
}

static void odd_paths_are_refused(void **state)
{
	const struct policy_context nothing = {0};
	char *clean = NULL;
	char name[300];
	char path[5000];

	(void)state;
	assert_int_equal(path_clean("", &context, &clean), -EINVAL);
	assert_int_equal(path_clean("~root", &context, &clean), -EINVAL);
	assert_int_equal(path_clean("~", &nothing, &clean), -EINVAL);
	assert_int_equal(path_clean("x", &nothing, &clean), -EINVAL);
	memset(name, 'n', sizeof(name));
	name[0] = '/';
	name[257] = '\0';
	assert_int_equal(path_clean(name, &context, &clean), -ENAMETOOLONG);
	name[256] = '\0';
	assert_int_equal(path_clean(name, &context, &clean), 0);
	free(clean);
	for (size_t i = 0; i < sizeof(path); i += 2)
		memcpy(path + i, "/x", 2);
	path[4095] = '\0';
	assert_int_equal(path_clean(path, &context, &clean), 0);
	free(clean);
	path[4095] = 'x';
	path[4096] = '\0';
	assert_int_equal(path_clean(path, &context, &clean), -ENAMETOOLONG);
	path[0] = '.'; /* Fits alone but not below the current directory. */
	path[4095] = '\0';
	assert_int_equal(path_clean(path, &context, &clean), -ENAMETOOLONG);
}

static void below_means_whole_names(void **state)
{
	(void)state;
	assert_true(path_below("/a", "/a"));
	assert_true(path_below("/a/b", "/a"));
	assert_true(path_below("/a", "/"));
	assert_true(path_below("/", "/"));
	assert_false(path_below("/ab", "/a"));
	assert_false(path_below("/a", "/a/b"));
	assert_false(path_below("/", "/a"));
}

static void suggestions_are_near(void **state)
{
	static const char *const words[] = {"memory", "tasks", "wall", "cpu", NULL};

	(void)state;
	assert_string_equal(suggest("memroy", words), "memory");
	assert_string_equal(suggest("Memory", words), "memory");
	assert_string_equal(suggest("task", words), "tasks");
	assert_string_equal(suggest("cpus", words), "cpu");
	assert_null(suggest("network", words));
	assert_null(suggest("x", words));
	assert_null(suggest("", words));
	assert_null(suggest("memorymemorymemorymemorymemorymemory", words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_powers_of_1024),
		cmocka_unit_test(fractions_of_sizes_are_exact),
		cmocka_unit_test(sizes_do_not_wrap),
		cmocka_unit_test(other_text_is_no_size),
		cmocka_unit_test(durations_have_units),
		cmocka_unit_test(counts_and_fractions_of_cores),
		cmocka_unit_test(paths_are_made_clean),
		cmocka_unit_test(odd_paths_are_refused),
		cmocka_unit_test(below_means_whole_names),
		cmocka_unit_test(suggestions_are_near),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
