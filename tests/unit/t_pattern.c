/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns match as those of Lua's own library do: both are asked about made-up subjects and
 * patterns, thousands of them, and must say the same, errors included. And they end.
 */
#include "base/own.h"
#include "policy/pattern.h"
#include "policy/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <lualib.h>

/* Compares ours, in `own`, with the library's, in `string`. */
static const char compare[] =
	"local own, subject, pattern, how = ...\n"
	"local function both(name, ...)\n"
	"  local ours = table.pack(pcall(own[name], ...))\n"
	"  local theirs = table.pack(pcall(string[name], ...))\n"
	"  local what = name .. ' of ' .. ('%q'):format(pattern) .. ' in ' .. "
	"('%q'):format(subject)\n"
	"  assert(ours.n == theirs.n, what .. ': number of results')\n"
	"  assert(ours[1] == theirs[1], what .. ': ' .. tostring(ours[2]) .. ' and ' .. "
	"tostring(theirs[2]))\n"
	"  for i = 2, ours[1] and ours.n or 0 do\n"
	"    assert(ours[i] == theirs[i], what .. ': ' .. tostring(ours[i]) .. ' and ' .. "
	"tostring(theirs[i]))\n"
	"  end\n"
	"end\n"
	"local function all(from)\n"
	"  local list = {}\n"
	"  for a, b, c in from.gmatch(subject, pattern) do\n"
	"    list[#list + 1] = tostring(a) .. ',' .. tostring(b) .. ',' .. tostring(c)\n"
	"  end\n"
	"  return table.concat(list, ';')\n"
	"end\n"
	"both('find', subject, pattern)\n"
	"both('find', subject, pattern, how)\n"
	"both('find', subject, pattern, how, true)\n"
	"both('match', subject, pattern, -how)\n"
	"both('gsub', subject, pattern, '<%0%1>')\n"
	"both('gsub', subject, pattern, '', how)\n"
	"both('gsub', subject, pattern, { a = 'A', b = false })\n"
	"both('gsub', subject, pattern, function(a, b) return b end)\n"
	"both('gsub', subject, pattern, 7)\n"
	"local good, ours = pcall(all, own)\n"
	"local theirs_good, theirs = pcall(all, string)\n"
	"assert(good == theirs_good and (not good or ours == theirs), 'gmatch of ' .. pattern)\n";

struct lua {
	struct script *script;
};

static int set_up(void **state)
{
	static struct lua lua;

	lua.script = script_new();
	if (lua.script == NULL)
		return -1;
	luaL_openlibs(lua.script->lua);
	*state = &lua;
	return 0;
}

static int tear_down(void **state)
{
	struct lua *lua = *state;

	lua->script = script_free(lua->script);
	return 0;
}

static void check(const struct lua *lua, const char *subject, size_t length, const char *pattern,
		  int how)
{
	lua_State *state = lua->script->lua;

	script_begin_load(lua->script, NULL);
	lua_settop(state, 0);
	assert_int_equal(luaL_loadbuffer(state, compare, sizeof(compare) - 1, "=compare"), LUA_OK);
	lua_newtable(state);
	script_add_patterns(state);
	lua_pushlstring(state, subject, length);
	lua_pushstring(state, pattern);
	lua_pushinteger(state, how);
	if (lua_pcall(state, 4, 0, 0) != LUA_OK)
		fail_msg("%s", lua_tostring(state, -1));
}

static void known_patterns_are_lua_s(void **state)
{
	static const char *const patterns[] = {
		"",	     "%.key$",	    "^/etc/",
		"[^/]+",     "(%w+)=(%w+)", "%b()",
		"%f[%a]%a+", "()a()",	    "(a*(.)%w(%s*))",
		"[]]",	     "[^]]",	    "[a-]",
		"[%a-z]",    "%",	    "[",
		"(",	     ")",	    "%1",
		"(.)%1",     "%b",	    "%f",
		"a-b",	     "^-",	    ".-$",
		"a?b?c?$",   "[%z]",	    "\\",
		"$",	     "^$",	    "%$",
		"(()())",    "((a)(b))",    "x*",
		"%d+%.?%d*", "[^%s/]*$",    "-",
	};
	static const char *const subjects[] = {
		"",
		"a",
		"/etc/server.key",
		"name=value other=1",
		"(a(b)c)",
		"THE (quick) fox",
		"aabbcc",
		"]",
		"x^y-z",
		"  spaced  out ",
		"3.14 and 2.71",
		"-",
		"aaa",
		"\\$%",
	};

	for (size_t i = 0; i < ARRAY_LENGTH(patterns); i++)
		for (size_t j = 0; j < ARRAY_LENGTH(subjects); j++)
			check(*state, subjects[j], strlen(subjects[j]), patterns[i], (int)j % 4);
}

static unsigned next_random(unsigned *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 16;
}

static void made_up_patterns_are_lua_s(void **state)
{
	static const char letters[] = "ab(.)*+-?%[]^$1dfw%%bx()";
	unsigned seed = 20240601;

	for (int round = 0; round < 20000; round++) {
		char pattern[12] = "";
		char subject[12] = "";
		unsigned length = next_random(&seed) % sizeof(subject);

		for (unsigned i = next_random(&seed) % sizeof(pattern); i > 0; i--)
			pattern[i - 1] = letters[next_random(&seed) % (sizeof(letters) - 1)];
		for (unsigned i = 0; i < length; i++)
			subject[i] = "aab(b)1 \0x]"[next_random(&seed) % 11];
		check(*state, subject, length, pattern, (int)(next_random(&seed) % 5));
	}
}

static void a_match_that_takes_for_ever_ends(void **state)
{
	char subject[5000];
	struct pattern pattern = {
		.subject = subject,
		.subject_length = sizeof(subject),
		.text = ".-.-.-.-.-.-b",
		.length = strlen(".-.-.-.-.-.-b"),
		.steps = 1000000,
	};

	(void)state;
	memset(subject, 'a', sizeof(subject));
	assert_int_equal(pattern_match(&pattern, 0), -1);
	assert_string_equal(pattern.error, "");
	assert_int_equal(pattern.steps, 0);
}

static void depth_is_bounded(void **state)
{
	char text[2000];
	struct pattern pattern = {
		.subject = "", .text = text, .length = sizeof(text), .steps = UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 2 == 0 ? 'x' : '?';
	assert_int_equal(pattern_match(&pattern, 0), 0); /* Nothing is deep about this. */
	pattern.subject = text;
	pattern.subject_length = sizeof(text);
	memset(text, '(', sizeof(text));
	assert_int_equal(pattern_match(&pattern, 0), -1);
	assert_string_equal(pattern.error, "too many captures");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(known_patterns_are_lua_s, set_up, tear_down),
		cmocka_unit_test_setup_teardown(made_up_patterns_are_lua_s, set_up, tear_down),
		cmocka_unit_test(a_match_that_takes_for_ever_ends),
		cmocka_unit_test(depth_is_bounded),
	};

	return cmocka_run_group_tests_name("pattern", tests, NULL, NULL);
}
