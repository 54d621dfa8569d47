/* SPDX-License-Identifier: Apache-2.0
 *
 * What Lua hooks say, and what becomes of those that go wrong. What becomes of a verdict is for the
 * cli suite.
 */
#include "hook_fixture.h"

#include <errno.h>
#include <time.h>

static void verdicts_are_what_hooks_say(void **state)
{
	struct fixture *f = *state;

	load(f, "on.openat = function(call)\n"
		"  local say = { ['/nil'] = nil, ['/allow'] = allow(), ['/deny'] = deny(),\n"
		"    ['/name'] = deny 'EACCES', ['/number'] = deny(2), ['/answer'] = answer(7),\n"
		"    ['/zero'] = answer(), ['/kill'] = kill(), ['/hold'] = hold(),\n"
		"    ['/ask'] = hold('may it?', 1.5) }\n"
		"  return say[call.path]\n"
		"end");
	assert_int_equal(verdict_on(f, "/nil").kind, VERDICT_ALLOW);
	assert_int_equal(verdict_on(f, "/allow").kind, VERDICT_ALLOW);
	assert_int_equal(verdict_on(f, "/deny").value, EPERM);
	assert_int_equal(verdict_on(f, "/name").value, EACCES);
	assert_int_equal(verdict_on(f, "/number").value, ENOENT);
	assert_int_equal(verdict_on(f, "/answer").kind, VERDICT_ANSWER);
	assert_int_equal(verdict_on(f, "/answer").value, 7);
	assert_int_equal(verdict_on(f, "/zero").value, 0);
	assert_int_equal(verdict_on(f, "/kill").kind, VERDICT_KILL);
	assert_int_equal(verdict_on(f, "/hold").kind, VERDICT_HOLD);
	assert_string_equal(verdict_on(f, "/hold").question, "openat");
	assert_int_equal(verdict_on(f, "/ask").value, 1500);
	assert_string_equal(verdict_on(f, "/ask").question, "may it?");
	logs(f, "");
}

static void rubbish_denies(void **state)
{
	struct fixture *f = *state;
	static const char rest[] = "; expected nothing, or deny(), answer(), allow(), kill() or "
				   "hold(); openat is denied";
	static const struct {
		const char *body;
		const char *what;
	} rows[] = {
		{"return true", "a boolean"},	     {"return 1", "a number"},
		{"return 'EACCES'", "a string"},     {"return {}", "a table"},
		{"return deny", "a function"},	     {"return call", "something else"},
		{"return nil, 1", "several values"},
	};
	char expected[256];

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		(void)snprintf(expected, sizeof(expected), "test.lua:1: the hook returned %s%s",
			       rows[i].what, rest);
		denies(f, rows[i].body, expected);
	}
	denies(f, "error('bad')", "test.lua:1: bad; openat is denied");
	denies(f, "error({})", "test.lua:1: the hook gave up without a word; openat is denied");
	denies(f, "error('no place', 0)", "test.lua:1: no place; openat is denied");
	denies(f, "local x = nil; x()",
	       "test.lua:1: attempt to call a nil value (local 'x'); openat is denied");
	denies(f, "return deny('EFOO')",
	       "test.lua:1: deny: 'EFOO' is no errno; expected a name such as \"EACCES\"; openat "
	       "is denied");
	denies(f, "return answer(-13)",
	       "test.lua:1: answer: -13 would be a failure; expected deny(13); openat is denied");
	denies(f, "return hold(1)",
	       "test.lua:1: hold: got a number; expected a question; openat "
	       "is denied");
	denies(f, "net 'host'",
	       "test.lua:1: settings are for the policy itself; a hook cannot "
	       "change them; openat is denied");
	denies(f, "on.read = function() end",
	       "test.lua:1: settings are for the policy itself; a hook cannot change them; openat "
	       "is denied");
	denies(f, "io.open('/etc/passwd')",
	       "test.lua:1: 'io' is not available in policy files; openat is denied");
}

static void runaways_deny(void **state)
{
	struct fixture *f = *state;
	static const char late[] = "test.lua:1: the hook runs for too long; expected less than 10 "
				   "million instructions and 2 seconds; openat is denied";
	static const char large[] = "test.lua:1: the hook needs too much memory; expected less "
				    "than 64 MiB for all that is kept; openat is denied";

	denies(f, "while true do end", late);
	denies(f, "local function f() return f() end f()", late);
	denies(f, "for i = 1, 1e9 do local s = ('x'):rep(1 << 20) end", late);
	denies(f, "local x = ('a'):rep(4000):match('.-.-.-.-.-.-b')", late);
	denies(f, "for s in ('a'):rep(4000):gmatch('.-.-.-b') do end", late);
	denies(f, "local x = ('a'):rep(4000):gsub('.-.-.-.-b', 'c')", late);
	denies(f, "while true do local s = (''):rep(1 << 24) end", late);
	denies(f, "local t = {} while true do t[#t + 1] = ('x'):rep(1 << 20) .. #t end", large);
	/* The next call finds everything in order. */
	load(f,
	     "on.openat = function(call) if call.path == '/loop' then while true do end end end");
	assert_int_equal(verdict_on(f, "/loop").kind, VERDICT_DENY);
	assert_int_equal(verdict_on(f, "/other").kind, VERDICT_ALLOW);
	logs(f, late);
}

/* A monitor that has served for long has used more time than any hook may. */
static void time_is_counted_for_each_call(void **state)
{
	struct fixture *f = *state;

	while (clock() < 3 * CLOCKS_PER_SEC)
		continue;
	load(f, "on.openat = function(call) for i = 1, 10000 do end end");
	assert_int_equal(verdict_on(f, "/x").kind, VERDICT_ALLOW);
	logs(f, "");
}

static void memory_is_for_all_calls_together(void **state)
{
	struct fixture *f = *state;
	bool denied = false;

	load(f, "local kept = {}\n"
		"on.openat = function(call) kept[#kept + 1] = ('x'):rep(4 << 20) .. #kept end");
	for (int i = 0; i < 20; i++)
		denied |= verdict_on(f, "/x").kind == VERDICT_DENY;
	assert_true(denied);
	assert_int_equal(verdict_on(f, "/x").kind, VERDICT_DENY);
}

static void errors_are_not_told_for_ever(void **state)
{
	struct fixture *f = *state;
	size_t lines = 0;

	load(f, "on.openat = function(call) error('bad') end");
	for (int i = 0; i < 300; i++) {
		assert_int_equal(verdict_on(f, "/x").kind, VERDICT_DENY);
		lines += logged(f)[0] != '\0';
	}
	assert_int_equal(lines, 100);
}

static void files_are_asked_in_order(void **state)
{
	struct fixture *f = *state;
	struct cloche_err err = {0};
	static const char second[] = "on['%file'] = function(call) log('second') end";

	load(f, "on['*'] = function(call) log('all') if call.path == '/no' then return deny() end "
		"end\n"
		"on.openat = function(call) log('first') return hold() end");
	assert_int_equal(
		policy_add_text(f->policy, "b.lua", second, strlen(second), &context, &err), 0);
	hooks_lua_free(f->hooks);
	f->hooks = hooks_lua(f->policy);
	f->hooks->stream = &f->stream;
	assert_int_equal(f->hooks->start(f->hooks), 0);
	struct call call = open_call("/yes", 0);
	assert_int_equal(f->hooks->decide(f->hooks, &call).kind, VERDICT_HOLD);
	logs(f, "all\nfirst");
	/* Who was held goes on behind the hook that held it. */
	const struct stream_answer yes = {.word = WORD_ALLOW};
	const struct stream_answer no = {.word = WORD_DENY, .error = ETIMEDOUT};
	assert_int_equal(f->hooks->decided(f->hooks, &call, &yes).kind, VERDICT_ALLOW);
	logs(f, "second");
	assert_int_equal(f->hooks->decided(f->hooks, &call, &no).value, ETIMEDOUT);
	logs(f, "");
	call_done(&call);
	assert_int_equal(verdict_on(f, "/no").kind, VERDICT_DENY);
	logs(f, "all");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(verdicts_are_what_hooks_say),
		CASE(rubbish_denies),
		CASE(runaways_deny),
		CASE(time_is_counted_for_each_call),
		CASE(memory_is_for_all_calls_together),
		CASE(errors_are_not_told_for_ever),
		CASE(files_are_asked_in_order),
	};

	return cmocka_run_group_tests_name("hooks", tests, NULL, NULL);
}
