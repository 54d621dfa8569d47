/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_fixture.h"

#include "base/own.h"
#include "policy/script.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static int set_up_folder(void **state)
{
	struct fixture *fixture;

	if (set_up(state) != 0)
		return -1;
	fixture = *state;
	(void)snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/t_policy.XXXXXX");
	return mkdtemp(fixture->folder) != NULL ? 0 : -1;
}

static int tear_down_folder(void **state)
{
	struct fixture *fixture = *state;
	char name[128];

	for (char c = 'a'; fixture->folder[0] != '\0' && c <= 'z'; c++) {
		(void)snprintf(name, sizeof(name), "%s/%c.lua", fixture->folder, c);
		(void)unlink(name);
	}
	if (fixture->folder[0] != '\0')
		(void)rmdir(fixture->folder);
	return tear_down(state);
}

static int load(struct fixture *fixture, const char *text)
{
	return policy_add_text(fixture->policy, "test.lua", text, strlen(text), &context,
			       &fixture->err);
}

/* The whole of an error is compared: it is what a person reads. */
static void fails(struct fixture *fixture, const char *text, const char *expected)
{
	if (load(fixture, text) >= 0)
		fail_msg("accepted: %s", text);
	if (strcmp(fixture->err.text, expected) != 0)
		fail_msg("\n  policy:   %s\n  expected: %s\n  got:      %s", text, expected,
			 fixture->err.text);
}

static void loads(struct fixture *fixture, const char *text)
{
	if (load(fixture, text) != 0)
		fail_msg("%s: %s", text, fixture->err.text);
}

static void again(struct fixture *fixture)
{
	policy_free(fixture->policy);
	fixture->policy = policy_new();
	assert_non_null(fixture->policy);
}

static void a_policy_says_everything(void **state)
{
	struct fixture *f = *state;

	loads(f, "#!/usr/bin/env cloche\n"
		 "extends \"default\"\n"
		 "files { write = { \"~/out\" }, hide = { \"~/work/key\" },\n"
		 "        read = { \"/data\", [\"/srv/in\"] = \"/input\" } }\n"
		 "limits { memory = \"512M\", tasks = 64, wall = 60, cpu = 1.5, disk = \"1G\" }\n"
		 "net 'none'\n"
		 "env { 'LANG', DEBUG = 1, MODE = 'x' }\n"
		 "calls { refuse = { 'ptrace', kcmp = 'EACCES' }, native = { 'modify_ldt' } }\n"
		 "user 'nobody' hostname 'judge' cwd '/input'\n");
	class_is(f, "/home/user/out", "write");
	class_is(f, "/home/user/work/key", "hide");
	class_is(f, "/home/user/work", "copy");
	assert_string_equal(policy_path_find(f->policy, "/input")->host, "/srv/in");
	assert_string_equal(policy_path_find(f->policy, "/input")->origin, "test.lua:3");
	assert_int_equal(f->policy->limits.memory_bytes, 512 << 20);
	assert_int_equal(f->policy->limits.tasks, 64);
	assert_int_equal(f->policy->limits.wall_ms, 60000);
	assert_int_equal(f->policy->limits.cpu_milli, 1500);
	assert_int_equal(f->policy->net, NET_NONE);
	assert_string_equal(f->policy->net_origin, "test.lua:6");
	assert_int_equal(f->policy->calls[SC_kcmp].answer.refuse, EACCES);
	assert_int_equal(f->policy->calls[SC_modify_ldt].answer.kind, ANSWER_NATIVE);
	assert_string_equal(f->policy->calls[SC_ptrace].origin, "test.lua:8");
	assert_string_equal(f->policy->user, "nobody");
	assert_string_equal(f->policy->hostname, "judge");
	assert_string_equal(f->policy->cwd, "/input");
}

static void a_policy_may_compute(void **state)
{
	struct fixture *f = *state;

	loads(f, "local list = {}\n"
		 "for i = 1, 3 do list[#list + 1] = ('/data/%d'):format(i) end\n"
		 "table.sort(list, function(a, b) return a > b end)\n"
		 "files { read = list }\n"
		 "limits { tasks = math.max(4, 8), memory = 16 * 1024 * 1024 }\n");
	class_is(f, "/data/2", "read");
	assert_int_equal(f->policy->limits.tasks, 8);
	assert_int_equal(f->policy->limits.memory_bytes, 16 << 20);
}

static void a_path_may_be_missing_when_it_says_so(void **state)
{
	struct fixture *f = *state;

	loads(f, "files { hide = { optional '.env', '/a' }, read = { ['/in'] = optional '/b' } }");
	assert_true(policy_path_find(f->policy, "/home/user/work/.env")->optional);
	assert_true(policy_path_find(f->policy, "/b")->optional);
	assert_string_equal(policy_path_find(f->policy, "/b")->host, "/in");
	assert_false(policy_path_find(f->policy, "/a")->optional);
	fails(f, "files { hide = { optional(7) } }",
	      "test.lua:1: optional: got a number; expected a path");
	fails(f, "files { hide = { { '/a' } } }",
	      "test.lua:1: files.hide: got a table; expected a path");
	fails(f, "files { hide = { { optional = true } } }",
	      "test.lua:1: files.hide: got a table; expected a path");
}

static void a_name_is_an_exception_to_its_family(void **state)
{
	struct fixture *f = *state;

	loads(f, "calls { native = { 'fork' }, refuse = { '%proc' } }");
	assert_int_equal(f->policy->calls[SC_fork].answer.kind, ANSWER_NATIVE);
	assert_int_equal(f->policy->calls[SC_vfork].answer.kind, ANSWER_REFUSE);
}

static void errors_in_files_say_what_was_expected(void **state)
{
	struct fixture *f = *state;

	fails(f, "\nfiles { raed = {} }",
	      "test.lua:2: files: unknown key 'raed', did you mean 'read'?");
	fails(f, "files { xyzzy = {} }",
	      "test.lua:1: files: unknown key 'xyzzy'; expected read, write, copy, hide or "
	      "private");
	fails(f, "files { '/a' }",
	      "test.lua:1: files: got an entry without a name; expected read, write, copy, hide or "
	      "private");
	fails(f, "files '/a'",
	      "test.lua:1: files: got a string; expected a table, such as files { read = { "
	      "\"/data\" } }");
	fails(f, "files { read = '/a' }",
	      "test.lua:1: files.read: got a string; expected a list, such as { \"/data\" }");
	fails(f, "files { read = { 7 } }", "test.lua:1: files.read: got a number; expected a path");
	fails(f, "files { read = { [1.5] = '/a' } }",
	      "test.lua:1: expected names and lists, got a number as a name");
	fails(f, "files { read = { '/a\\0b' } }",
	      "test.lua:1: files.read: got a string with a NUL in it; expected a path");
	fails(f, "files { hide = { ['/a'] = '/b' } }",
	      "test.lua:1: files.hide: '/a': a path has no other place here; expected a list of "
	      "paths");
	fails(f, "files { read = { '/a' }, hide = { '/a/.' } }",
	      "test.lua:1: files: '/a' is both hide and read; expected one");
	fails(f, "files { read = { ['/b'] = '/x', ['/a'] = '/x' } }",
	      "test.lua:1: files.read: '/a' and '/b' are both shown at '/x'; expected one");
	fails(f, "files { read = { '' } }",
	      "test.lua:1: a path is empty; expected a file or directory");
	fails(f, "files { read = { '~root/x' } }",
	      "test.lua:1: '~root/x' speaks of another user's home; expected '~/...', or "
	      "'./~root/x' for a file of that name");
}

static void errors_in_settings_say_what_was_expected(void **state)
{
	struct fixture *f = *state;

	fails(f, "limits { memroy = '1M' }",
	      "test.lua:1: limits: unknown key 'memroy', did you mean 'memory'?");
	fails(f, "limits { memory = true }",
	      "test.lua:1: limits.memory: got a boolean; expected a string or a number");
	fails(f, "limits { memory = 'big' }",
	      "test.lua:1: memory: 'big' is not understood; expected a size above zero, such as "
	      "512M or 1.5G, or 'none'");
	fails(f, "limits { tasks = 1e12 }",
	      "test.lua:1: tasks: '1000000000000' is too large; expected how many processes and "
	      "threads, such as 64, or 'none'");
	fails(f, "net 'outside'",
	      "test.lua:1: net: 'outside' is not understood; expected 'own', 'none' or 'host'");
	fails(f, "net {}", "test.lua:1: net: got a table; expected a string");
	fails(f, "net('own', 'host')", "test.lua:1: net: expected one value, got 2");
	fails(f, "env { 'A=B' }", "test.lua:1: env: got 'A=B'; expected NAME, or NAME = \"VALUE\"");
	fails(f, "env { A = false }", "test.lua:1: env: got a boolean for A; expected a value");
	fails(f, "env { [''] = 'x' }",
	      "test.lua:1: env: '' is no name of a variable; expected NAME, NAME=VALUE or PREFIX*");
	fails(f, "calls { refuse = { 'ptrac' } }",
	      "test.lua:1: there is no system call 'ptrac', did you mean 'ptrace'?");
	fails(f, "calls { refuse = { '%net', '%nett' } }",
	      "test.lua:1: there is no family of calls '%nett', did you mean '%net'?");
	fails(f, "calls { refuse = { ptrace = 'EFOO' } }",
	      "test.lua:1: 'EFOO' is no errno; expected a name such as EPERM, or a number");
	fails(f, "calls { refuse = { 'kcmp' }, native = { 'kcmp' } }",
	      "test.lua:1: calls: 'kcmp' is both in refuse and in native; expected one");
	fails(f, "calls { native = { 'bpf' } }",
	      "test.lua:1: no policy can open bpf: it is about the machine as a whole");
	fails(f, "calls { ask = {} }",
	      "test.lua:1: calls: unknown key 'ask'; expected refuse or native");
}

static void windows_is_a_table_of_names_and_keys(void **state)
{
	struct fixture *f = *state;

	loads(f, "windows { computer = 'PC-1', version = '7', registry = {\n"
		 "  ['HKCU\\\\Software\\\\V'] = { b = 5, a = 'x', [''] = false },\n"
		 "  ['HKEY_LOCAL_MACHINE\\\\S'] = false } }\n"
		 "windows { computer = 'PC-2' }\n");
	const struct windows_policy *windows = &f->policy->windows;
	assert_string_equal(windows->names[WINDOWS_COMPUTER_NAME], "PC-2");
	assert_string_equal(windows->names[WINDOWS_VERSION], "7");
	assert_null(windows->names[WINDOWS_GUID]);
	assert_int_equal(windows->registry_count, 4);
	assert_string_equal(windows->registry[0].name, "");
	assert_int_equal(windows->registry[0].kind, REGISTRY_ABSENT);
	assert_string_equal(windows->registry[1].text, "x");
	assert_int_equal(windows->registry[2].number, 5);
	assert_string_equal(windows->registry[3].key, "HKLM\\S");
	assert_null(windows->registry[3].name);
	assert_int_equal(windows_policy_parts(windows), 0);
	loads(f, "windows { mode = 'services,desktop' }");
	assert_int_equal(windows_policy_parts(&f->policy->windows),
			 WINDOWS_SERVICES | WINDOWS_DESKTOP);
	loads(f, "windows { mode = 'desktop' } windows { mode = 'light' }");
	assert_int_equal(windows_policy_parts(&f->policy->windows), 0);
	fails(f, "windows { mode = 'services,' }",
	      "test.lua:1: windows.mode: 'services,' is not understood; expected 'light', "
	      "'services', "
	      "'desktop' or 'services,desktop'");
	fails(f, "windows { comput = 'x' }",
	      "test.lua:1: windows: unknown key 'comput', did you mean 'computer'?");
	fails(f, "windows { guid = '12' }",
	      "test.lua:1: windows.guid: '12' is not understood; expected 32 hexadecimal digits as "
	      "8-4-4-4-12");
	fails(f, "windows { registry = { ['Software'] = false } }",
	      "test.lua:1: windows.registry: 'Software' is no key; expected such as "
	      "'HKCU\\Software\\Name' (HKLM, HKCU or HKU\\.Default)");
	fails(f, "windows { registry = { ['HKLM\\\\A'] = { x = 1.5 } } }",
	      "test.lua:1: windows.registry: 'HKLM\\A': 'x': got a number; expected a text, a "
	      "whole "
	      "number, or false: there is none");
	fails(f, "windows { registry = { ['HKLM\\\\A'] = { x = -1 } } }",
	      "test.lua:1: windows.registry: 'HKLM\\A': 'x': expected a number of 32 bits");
	fails(f, "windows { registry = { ['HKLM\\\\A'] = { ['x\\n'] = 1 } } }",
	      "test.lua:1: windows.registry: 'HKLM\\A': 'x?' cannot be a value's name");
	fails(f, "windows { registry = 'x' }",
	      "test.lua:1: windows.registry: got a string; expected a table, such as { "
	      "[\"HKCU\\\\Software\\\\Name\"] = { Value = \"text\" } }");
}

static void errors_in_names_suggest(void **state)
{
	struct fixture *f = *state;

	fails(f, "limit { }", "test.lua:1: unknown name 'limit', did you mean 'limits'?");
	fails(f, "net = 'own'",
	      "test.lua:1: 'net' cannot be assigned; a setting is written without '=': net "
	      "\"own\", "
	      "files { ... }");
	fails(f, "fliles = {}", "test.lua:1: unknown name 'fliles', did you mean 'files'?");
	fails(f, "xyzzy = {}",
	      "test.lua:1: unknown setting 'xyzzy'; expected extends, files, limits, net, env, "
	      "calls, user, hostname, cwd or windows (a variable begins with 'local')");
	fails(f, "watch['libc.so.6:getenv'] = print",
	      "test.lua:1: 'print' is not available in policy files");
	fails(f, "files {", "test.lua:1: unexpected symbol near <eof>");
	fails(f, "error('my own words')", "test.lua:1: my own words");
	fails(f, "error({})", "test.lua:1: the policy gave up without a word");
	fails(f, "\x1bLua", "test.lua: is compiled code; expected the text of a policy");
}

static void hooks_are_kept(void **state)
{
	struct fixture *f = *state;
	const struct script *script;

	loads(f, "net 'own'");
	assert_null(f->policy->script); /* No function: no Lua stays. */
	loads(f, "local n = 0\n"
		 "on.openat = function(call)\n"
		 "end\n"
		 "watch['%net'] = function(call) end\n"
		 "after['*'] = on.openat\n"
		 "assert(on.open == nil)");
	script = f->policy->script;
	assert_non_null(script);
	assert_int_equal(script->hook_count, 3);
	assert_string_equal(script->hooks[0].name, "openat");
	assert_string_equal(script->hooks[0].origin, "test.lua:2");
	assert_string_equal(script->hooks[1].origin, "test.lua:4");
	assert_string_equal(script->hooks[2].origin, "test.lua:2");
	assert_int_equal(f->policy->hooks[SC_openat], HOOK_ON | HOOK_AFTER);
	assert_int_equal(f->policy->hooks[SC_connect], HOOK_WATCH | HOOK_AFTER);
	assert_int_equal(f->policy->hooks[SC_getpid], HOOK_AFTER);
	/* Another file has its own. */
	loads(f, "on.openat = function() end");
	assert_int_equal(f->policy->script->hook_count, 4);
	loads(f, "limits { tasks = 3 }");
	assert_int_equal(f->policy->script->hook_count, 4);
}

static void errors_in_hooks_say_what_was_expected(void **state)
{
	struct fixture *f = *state;

	fails(f, "\non.opneat = function() end",
	      "test.lua:2: there is no system call 'opneat', did you mean 'openat'?");
	fails(f, "on['%nett'] = function() end",
	      "test.lua:1: there is no family of calls '%nett', did you mean '%net'?");
	fails(f, "on.openat = 'deny'", "test.lua:1: on.openat: got a string; expected a function");
	fails(f, "after.read = nil", "test.lua:1: after.read: got nil; expected a function");
	fails(f, "on[1] = function() end",
	      "test.lua:1: on: got a number as a name; expected a system call, a family such as "
	      "\"%file\", or \"*\"");
	fails(f, "on.read = function() end\non.read = function() end",
	      "test.lua:2: on.read is set at test.lua:1 already; expected one function");
	fails(f, "watch['libc.so.6:getenv'] = function() end",
	      "test.lua:1: watch[\"libc.so.6:getenv\"]: hooks on functions are not available in "
	      "this version; expected the name of a system call");
	fails(f, "on.socketcall = function() end",
	      "test.lua:1: on.socketcall: socketcall is seen as the calls that it means; "
	      "expected these, such as 'socket'");
	fails(f, "local f = on.opneat",
	      "test.lua:1: there is no system call 'opneat', did you mean 'openat'?");
	fails(f, "log('x')", "test.lua:1: log: nobody hears it yet; it is for hooks");
	fails(f, "deny = 1",
	      "test.lua:1: 'deny' cannot be assigned; a setting is written without '=': net "
	      "\"own\", files { ... }");
	fails(f, "local x = deny 'EFOO'",
	      "test.lua:1: deny: 'EFOO' is no errno; expected a name such as \"EACCES\"");
}

static void nothing_reaches_out(void **state)
{
	static const char *const names[] = {
		"io",		"os",		"require",   "load",   "loadfile", "dofile",
		"debug",	"package",	"coroutine", "pcall",  "xpcall",   "print",
		"setmetatable", "getmetatable", "rawset",    "rawget", "_G",	   "collectgarbage",
		"string.dump",	"math.random",	"table.move"};
	struct fixture *f = *state;
	char text[64];

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		(void)snprintf(text, sizeof(text), "%s('x')", names[i]);
		if (load(f, text) == 0)
			fail_msg("%s is there", names[i]);
	}
	fails(f, "io.open('/etc/passwd')", "test.lua:1: 'io' is not available in policy files");
	fails(f, "local x = ('x'):dump()",
	      "test.lua:1: attempt to call a nil value (method 'dump')");
}

/* On a slow machine the time may be over before anything else is. */
static void ends(struct fixture *fixture, const char *text, const char *message)
{
	assert_true(load(fixture, text) < 0);
	if (strstr(fixture->err.text, "the policy runs for too long") == NULL)
		assert_string_equal(fixture->err.text, message);
}

static void runaway_policies_end(void **state)
{
	struct fixture *f = *state;

	fails(f, "\nwhile true do end",
	      "test.lua:2: the policy runs for too long; expected less than 10 million "
	      "instructions and 2 seconds");
	ends(f, "local t = {}\nwhile true do t[#t + 1] = ('x'):rep(1000) .. #t end",
	     "test.lua:2: the policy needs too much memory; expected less than 16 MiB");
	ends(f, "local s = ('x'):rep(1 << 24 - 1, 'yyyyyyyy')",
	     "test.lua:1: the policy needs too much memory; expected less than 16 MiB");
	ends(f, "local s = (''):rep(1 << 60)", "test.lua:1: string.rep: too often");
	ends(f, "local s = ('a'):rep(3000):find('.-.-.-.-.-b')",
	     "test.lua:1: the policy runs for too long; expected less than 10 million "
	     "instructions and 2 seconds");
	ends(f, "local s = ('x'):rep(1 << 19) table.sort({ s .. 'a', s .. 'b', s .. 'c' })",
	     "test.lua:1: table.sort: the texts are too long for this");
	ends(f, "local t = {}\nfor i = 1, 10001 do t[i] = i end\ntable.sort(t)",
	     "test.lua:3: the table is too long for this");
	assert_true(load(f, "local function f() return 1 + f() end f()") < 0);
	assert_true(load(f, "local s = ('('):rep(5000) .. '1'\nfiles(s)") < 0);
	assert_true(load(f, "return table.unpack({}, 1, 1 << 30)") < 0);
	assert_true(load(f, "table.concat({}, '', 1, 1 << 60)") < 0);
}

/* ---- files that extend files ---- */

static void put_file(const struct fixture *fixture, char name, const char *text)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%c.lua", fixture->folder, name);
	_own_(fclosep) FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
}

static int add_file(struct fixture *fixture, char name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%c.lua", fixture->folder, name);
	return policy_add(fixture->policy, path, &context, &fixture->err);
}

static void a_file_extends_files_next_to_it(void **state)
{
	struct fixture *f = *state;

	put_file(f, 'a', "extends './b.lua'\nextends 'c.lua'\nfiles { hide = { '/x/c' } }");
	put_file(f, 'b', "extends 'c.lua'\nfiles { read = { '/x/b' } }");
	put_file(f, 'c', "extends 'strict'\nfiles { write = { '/x/c' }, copy = { '/x' } }");
	assert_int_equal(add_file(f, 'a'), 0);
	class_is(f, "/x", "copy");
	class_is(f, "/x/b", "read");
	class_is(f, "/x/c", "hide");
	assert_int_equal(f->policy->source_count, 3);
}

static void what_was_extended_is_not_added_again(void **state)
{
	struct fixture *f = *state;

	put_file(f, 'a', "extends 'default'\nfiles { copy = { '~' } }");
	put_file(f, 'b', "extends 'default'\nextends 'a.lua'\n");
	assert_int_equal(add_file(f, 'a'), 0);
	assert_int_equal(add_file(f, 'b'), 0);
	class_is(f, "/home/user", "copy");
	assert_int_equal(add_file(f, 'a'), 0); /* But who asks for it by name gets it. */
}

static void circles_are_errors(void **state)
{
	struct fixture *f = *state;

	put_file(f, 'a', "extends 'b.lua'");
	put_file(f, 'b', "\nextends './../' .. ''");
	assert_true(add_file(f, 'a') < 0);
	again(f);
	put_file(f, 'b', "\nextends 'a.lua'");
	assert_int_equal(add_file(f, 'a'), -ELOOP);
	assert_non_null(strstr(f->err.text, "a.lua extends itself"));
	assert_non_null(strstr(f->err.text, "b.lua:2: extends"));
}

static void depth_is_bounded(void **state)
{
	struct fixture *f = *state;
	char text[64];

	for (int c = 'a'; c < 'l'; c++) {
		(void)snprintf(text, sizeof(text), "extends '%c.lua'", c + 1);
		put_file(f, (char)c, text);
	}
	put_file(f, 'l', "");
	assert_int_equal(add_file(f, 'd'), 0);
	again(f);
	assert_int_equal(add_file(f, 'c'), -EINVAL);
	assert_non_null(strstr(f->err.text, "more than 8 files deep"));
}

static void extends_comes_first(void **state)
{
	struct fixture *f = *state;

	fails(f, "net 'own'\nextends 'default'",
	      "test.lua:2: extends: expected before everything else, because what comes later "
	      "wins");
	fails(f, "extends 'b.lua'", "test.lua:1: extends: got 'b.lua'; expected a preset here");
	fails(f, "extends 'opne'",
	      "test.lua:1: extends: there is no preset 'opne', did you mean 'open'? expected "
	      "default, strict, build, open, windows or the path of a policy file");
}

static void only_regular_files_are_policies(void **state)
{
	struct fixture *f = *state;
	char path[128];

	assert_int_equal(policy_add(f->policy, "/tmp/", &context, &f->err), -EISDIR);
	assert_string_equal(f->err.text, "/tmp/: is a directory; expected a policy file");
	assert_int_equal(policy_add(f->policy, "/dev/null", &context, &f->err), -EINVAL);
	assert_string_equal(f->err.text, "/dev/null: is a device; expected a policy file");
	assert_int_equal(add_file(f, 'm'), -ENOENT);
	assert_non_null(strstr(f->err.text, "m.lua: cannot be read: No such file"));
	(void)snprintf(path, sizeof(path), "%s/p.lua", f->folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(add_file(f, 'p'), -EINVAL);
	assert_non_null(strstr(f->err.text, "p.lua: is a FIFO; expected a policy file"));
	put_file(f, 's', "");
	(void)snprintf(path, sizeof(path), "%s/s.lua", f->folder);
	assert_int_equal(truncate(path, 1 << 20), 0);
	assert_int_equal(add_file(f, 's'), -EINVAL); /* Read, but NULs are no policy. */
	assert_int_equal(truncate(path, (1 << 20) + 1), 0);
	assert_int_equal(add_file(f, 's'), -EFBIG);
	assert_non_null(strstr(f->err.text, "is larger than 1 MiB"));
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down_folder)
#define FOLDER_CASE(function)                                                                      \
	cmocka_unit_test_setup_teardown(function, set_up_folder, tear_down_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_policy_says_everything),
		CASE(a_policy_may_compute),
		CASE(a_path_may_be_missing_when_it_says_so),
		CASE(a_name_is_an_exception_to_its_family),
		CASE(errors_in_files_say_what_was_expected),
		CASE(errors_in_settings_say_what_was_expected),
		CASE(windows_is_a_table_of_names_and_keys),
		CASE(errors_in_names_suggest),
		CASE(hooks_are_kept),
		CASE(errors_in_hooks_say_what_was_expected),
		CASE(nothing_reaches_out),
		CASE(runaway_policies_end),
		FOLDER_CASE(a_file_extends_files_next_to_it),
		FOLDER_CASE(what_was_extended_is_not_added_again),
		FOLDER_CASE(circles_are_errors),
		FOLDER_CASE(depth_is_bounded),
		CASE(extends_comes_first),
		FOLDER_CASE(only_regular_files_are_policies),
	};

	return cmocka_run_group_tests_name("loader", tests, NULL, NULL);
}
