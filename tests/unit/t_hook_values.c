/* SPDX-License-Identifier: Apache-2.0
 *
 * What Lua hooks see of a call and what they make of it: arguments decoded, assigned, and refused
 * where they do not fit.
 */
#include "hook_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

static void arguments_are_decoded(void **state)
{
	struct fixture *f = *state;

	load(f, "on.openat = function(call)\n"
		"  log(call.name, call.abi, call.dirfd, call.path, call.flags, #call.args)\n"
		"  log(call.flags.creat, call.flags.O_EXCL, call.flags.rdonly, call.flags.wronly)\n"
		"  log(call.flags.value, call.flags & 0xc0, call.args[2], call.args.path)\n"
		"  log(call.address, call.data, call.new_path)\n"
		"end");
	struct call call = open_call("/tmp/x", O_WRONLY | O_CREAT);
	assert_int_equal(f->hooks->decide(f->hooks, &call).kind, VERDICT_ALLOW);
	logs(f, "openat x86_64 -100 /tmp/x O_WRONLY|O_CREAT 4\n"
		"true false false true\n"
		"65 64 /tmp/x /tmp/x\n"
		"nil nil nil");
	assert_true(call_is_bound(&call));
	assert_int_equal(call.changed_args, 0);
	call_done(&call);
}

static void arguments_are_assigned(void **state)
{
	struct fixture *f = *state;
	size_t length;

	load(f, "on.openat = function(call)\n"
		"  call.path = '/other'\n"
		"  call.flags.creat = false\n"
		"  call.flags.rdwr = true\n"
		"  call.mode = 384\n"
		"  call.dirfd = -1\n"
		"  log(call.path, call.flags, call.mode)\n"
		"end");
	struct call call = open_call("/tmp/x", O_WRONLY | O_CREAT);
	assert_int_equal(f->hooks->decide(f->hooks, &call).kind, VERDICT_ALLOW);
	logs(f, "/other O_RDWR 384");
	assert_string_equal(call_look(&call, 1, &length, NULL), "/other");
	assert_int_equal(length, sizeof("/other"));
	assert_int_equal(call.args[2], O_RDWR);
	assert_int_equal(call.args[3], 0600);
	assert_int_equal((int)call.args[0], -1);
	call_done(&call);
	load(f, "on.openat = function(call) call.flags = 'O_RDONLY|cloexec' end");
	call = open_call("/tmp/x", O_WRONLY);
	assert_int_equal(f->hooks->decide(f->hooks, &call).kind, VERDICT_ALLOW);
	assert_int_equal(call.args[2], O_CLOEXEC);
	call_done(&call);
}

static void what_does_not_fit_denies(void **state)
{
	struct fixture *f = *state;

	denies(f, "call.path = ('x'):rep(5000)",
	       "test.lua:1: call.path: 5000 bytes do not fit: Argument list too long; openat is "
	       "denied");
	denies(f, "call.path = 'a\\0b'",
	       "test.lua:1: call.path: got a string with a NUL in it; openat is denied");
	denies(f, "call.path = 7",
	       "test.lua:1: call.path: got a number; expected a string; openat is denied");
	denies(f, "call.dirfd = 1 << 32",
	       "test.lua:1: dirfd: 4294967296 does not fit in 32 bits; openat is denied");
	denies(f, "call.dirfd = 1.5",
	       "test.lua:1: dirfd: got a number with a fraction; expected "
	       "a whole number; openat is denied");
	denies(f, "call.mode = 'x'",
	       "test.lua:1: mode: got a string; expected a whole number; openat is denied");
	denies(f, "call.flags.craet = true",
	       "test.lua:1: there is no flag 'craet' among those of 'open'; openat is denied");
	denies(f, "call.flags.creat = 1",
	       "test.lua:1: flag 'creat': got a number; expected true or false; openat is denied");
	denies(f, "call.flags = 'O_CREATE'",
	       "test.lua:1: there is no flag 'O_CREATE' among those of 'open'; openat is denied");
	denies(f, "call.pth = 'x'",
	       "test.lua:1: openat has no argument 'pth', did you mean 'path'?; openat is denied");
	denies(f, "log(call.xyzzy)",
	       "test.lua:1: openat has no argument 'xyzzy'; openat is denied");
	denies(f, "call.name = 'x'", "test.lua:1: call.name cannot be assigned; openat is denied");
	denies(f, "call.result = 1",
	       "test.lua:1: call.result can be assigned in 'after' hooks; "
	       "return answer() here; openat is denied");
	denies(f, "log(call.result)",
	       "test.lua:1: the result is not known yet; only 'after' "
	       "hooks see it; openat is denied");
	denies(f, "log(call.process.xyz)",
	       "test.lua:1: a process has no 'xyz'; expected pid, tid, parent, uid, gid, program, "
	       "cwd or argv; openat is denied");
	denies(f, "call:write(1 << 70, 5)",
	       "test.lua:1: call:write: got a number; expected a string; openat is denied");
	denies(f, "call:read(0, -1)",
	       "test.lua:1: call:read: expected up to 1048576 bytes; openat is denied");
}

static void a_call_that_is_over_is_not_shown(void **state)
{
	struct fixture *f = *state;

	load(f, "local kept\n"
		"on.openat = function(call)\n"
		"  if kept then log(kept.path) end\n"
		"  kept = call\n"
		"end");
	assert_int_equal(verdict_on(f, "/a").kind, VERDICT_ALLOW);
	assert_int_equal(verdict_on(f, "/b").kind, VERDICT_DENY);
	logs(f, "test.lua:3: this call belongs to a call that is over; keep what it says, not "
		"itself; openat is denied");
}

static void wild_pointers_are_the_guest_s_mistake(void **state)
{
	struct fixture *f = *state;
	struct call call;
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(page, MAP_FAILED);
	assert_int_equal(munmap(page + 4096, 4096), 0);
	memset(page, 'x', 4096);
	load(f, "on.openat = function(call) local x = call.path return deny 'EACCES' end\n"
		"watch.openat = function(call) log(call.path) end");
	const uint64_t wild[] = {8, AT(page + 4096), AT(page + 4090), UINT64_MAX};
	for (size_t i = 0; i < ARRAY_LENGTH(wild); i++) {
		call = begin(ABI_X86_64, SC_openat, ARGS((uint64_t)AT_FDCWD, wild[i], 0));
		assert_int_equal(f->hooks->decide(f->hooks, &call).value, EFAULT);
		f->hooks->watch(f->hooks, &call);
		logs(f, "nil");
		call_done(&call);
	}
	/* A null pointer is one that leads nowhere. */
	call = begin(ABI_X86_64, SC_openat, ARGS((uint64_t)AT_FDCWD, 0, 0));
	assert_int_equal(f->hooks->decide(f->hooks, &call).value, EACCES);
	call_done(&call);
	assert_int_equal(munmap(page, 4096), 0);
}

static void data_is_read_and_replaced(void **state)
{
	struct fixture *f = *state;
	size_t length = 0;
	static const char secret[] = "my secret";

	load(f, "on['%desc'] = function(call)\n"
		"  log(call.data, call:string(call:pointer('buf')), call:read(call:pointer('buf'), "
		"2))\n"
		"  call.data = call.data:gsub('secret', '***')\n"
		"end");
	struct call call = begin(ABI_X86_64, SC_write, ARGS(1, AT(secret), sizeof(secret) - 1));
	assert_int_equal(f->hooks->decide(f->hooks, &call).kind, VERDICT_ALLOW);
	logs(f, "my secret my secret my");
	assert_memory_equal(call_look(&call, 1, &length, NULL), "my ***", 6);
	assert_int_equal(length, 6);
	assert_int_equal(call.args[2], 6);
	call_done(&call);
}

static void memory_is_written_where_hooks_decide(void **state)
{
	struct fixture *f = *state;
	char buffer[8] = "-------";
	struct call call = begin(ABI_X86_64, SC_getrandom, ARGS(AT(buffer), 4, 0));

	load(f, "on.getrandom = function(call)\n"
		"  log(call:write(call.buf, 'abcd'), call:write(16, 'x'))\n"
		"  return answer(4)\n"
		"end\n"
		"watch.getrandom = function(call) call:write(call.buf, 'abcd') end\n"
		"after.getrandom = function(call)\n"
		"  log(call.result, call.error, call.buf)\n"
		"  call.buf = 'wxyz'\n"
		"  call.result = 3\n"
		"end");
	assert_int_equal(f->hooks->decide(f->hooks, &call).kind, VERDICT_ANSWER);
	logs(f, "true nil EFAULT");
	assert_string_equal(buffer, "abcd---");
	f->hooks->watch(f->hooks, &call);
	logs(f, "test.lua:5: call:write: a 'watch' hook changes nothing");
	call.result = 4;
	f->hooks->after(f->hooks, &call);
	logs(f, "4 nil abcd");
	assert_string_equal(buffer, "wxyz---");
	assert_true(call.result_changed);
	assert_int_equal(call.result, 3);
	call_done(&call);
}

static void addresses_are_read_and_replaced(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80)};
	struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/run/x"};
	size_t length = 0;
	struct call call = begin(ABI_X86_64, SC_connect, ARGS(3, AT(&address), sizeof(address)));

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	load(f, "on.connect = function(call)\n"
		"  local a = call.address\n"
		"  log(a, a.family, a.host, a.port, a.path, #a.bytes)\n"
		"  if a.port == 80 then a.port = 81 a.host = '10.0.0.1' end\n"
		"  if a.path then a.path = '/run/other' end\n"
		"end");
	assert_int_equal(f->hooks->decide(f->hooks, &call).kind, VERDICT_ALLOW);
	logs(f, "127.0.0.1:80 AF_INET 127.0.0.1 80 nil 16");
	const char *bytes = call_look(&call, 1, &length, NULL);
	assert_int_equal(length, sizeof(address));
	memcpy(&address, bytes, sizeof(address));
	assert_int_equal(ntohs(address.sin_port), 81);
	assert_int_equal(ntohl(address.sin_addr.s_addr), 0x0a000001);
	call_done(&call);
	call = begin(ABI_X86_64, SC_connect, ARGS(3, AT(&local), sizeof(local)));
	assert_int_equal(f->hooks->decide(f->hooks, &call).kind, VERDICT_ALLOW);
	logs(f, "/run/x AF_UNIX nil nil /run/x 110");
	bytes = call_look(&call, 1, &length, NULL);
	assert_string_equal(bytes + offsetof(struct sockaddr_un, sun_path), "/run/other");
	call_done(&call);
}

static void an_address_that_does_not_fit_denies(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80)};
	static const struct {
		const char *body;
		const char *expected;
	} rows[] = {
		{"call.address.host = '::1'",
		 "call.address.host: '::1' does not fit; expected an address in digits of the "
		 "same family"},
		{"call.address.port = 65536", "call.address.port: expected a number up to 65535"},
		{"call.address.port = '80'", "call.address.port: expected a number up to 65535"},
		{"call.address.path = '/x'",
		 "call.address.path: an address of this family has none"},
		{"call.address.prot = 1",
		 "call.address: 'prot' cannot be set; expected host, port, path or abstract"},
		{"log(call.address.prot)",
		 "an address has no 'prot'; expected family, host, port, path, abstract or bytes"},
		{"call.address = 5", "call.address: got a number; expected a table or bytes"},
		{"call.address = { host = '::1' }",
		 "call.address.family: expected \"AF_INET\", \"AF_INET6\" or \"AF_UNIX\""},
		{"call.address = ('x'):rep(129)", "call.address: 129 bytes do not fit"},
	};
	char text[512];

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct call call =
			begin(ABI_X86_64, SC_connect, ARGS(3, AT(&address), sizeof(address)));

		(void)snprintf(text, sizeof(text), "on.connect = function(call) %s end",
			       rows[i].body);
		load(f, text);
		assert_int_equal(f->hooks->decide(f->hooks, &call).kind, VERDICT_DENY);
		(void)snprintf(text, sizeof(text), "test.lua:1: %s; connect is denied",
			       rows[i].expected);
		logs(f, text);
		call_done(&call);
	}
}

static void argv_is_a_list(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = {"ls", "-l", "", NULL};
	size_t length = 0;
	struct call call = begin(ABI_X86_64, SC_execve, ARGS(AT("/bin/ls"), AT(argv), 0));

	load(f, "on.execve = function(call)\n"
		"  log(call.argv, #call.argv, call.envp)\n"
		"  local argv = call.argv\n"
		"  argv[2] = '-a'\n"
		"  argv[4] = 'x'\n"
		"  call.argv = argv\n"
		"end");
	assert_int_equal(f->hooks->decide(f->hooks, &call).kind, VERDICT_ALLOW);
	logs(f, "[ls -l ] 3 nil");
	assert_string_equal(call_text(&call, 1, 1, &length), "-a");
	assert_string_equal(call_text(&call, 1, 3, &length), "x");
	assert_null(call_text(&call, 1, 4, &length));
	call_done(&call);
	load(f, "on.execve = function(call) call.argv = { 'ls', 7 } end");
	call = begin(ABI_X86_64, SC_execve, ARGS(AT("/bin/ls"), AT(argv), 0));
	assert_int_equal(f->hooks->decide(f->hooks, &call).kind, VERDICT_DENY);
	logs(f, "test.lua:1: call.argv: got a number; expected a string; execve is denied");
	call_done(&call);
}

static void structures_have_members(void **state)
{
	struct fixture *f = *state;
	uint64_t how[3] = {O_RDWR, 0600, 0};
	size_t length = 0;
	struct call call = begin(ABI_X86_64, SC_openat2,
				 ARGS((uint64_t)AT_FDCWD, AT("/x"), AT(how), sizeof(how)));

	load(f, "on.openat2 = function(call)\n"
		"  log(call.how, call.how.flags, call.how.mode, call.how.flags.rdwr, "
		"#call.how.bytes)\n"
		"  call.how.flags.creat = true\n"
		"  call.how.mode = 384 | 7\n"
		"end");
	assert_int_equal(f->hooks->decide(f->hooks, &call).kind, VERDICT_ALLOW);
	logs(f, "open_how O_RDWR 384 true 24");
	memcpy(how, call_look(&call, 2, &length, NULL), sizeof(how));
	assert_int_equal(how[0], O_RDWR | O_CREAT);
	assert_int_equal(how[1], 0607);
	call_done(&call);
	load(f, "on.openat2 = function(call) call.how.mdoe = 1 end");
	call = begin(ABI_X86_64, SC_openat2,
		     ARGS((uint64_t)AT_FDCWD, AT("/x"), AT(how), sizeof(how)));
	assert_int_equal(f->hooks->decide(f->hooks, &call).kind, VERDICT_DENY);
	logs(f, "test.lua:1: open_how has no member 'mdoe'; openat2 is denied");
	call_done(&call);
}

static void numbers_of_i386_are_whole(void **state)
{
	struct fixture *f = *state;
	uint64_t args[CALL_ARGS_MAX] = {3, 0xffffffff00001000ULL, 8, 0x80000000, 1};
	struct call call = begin(ABI_I386, SC_pread64, args);

	load(f, "on.pread64 = function(call)\n"
		"  log(call.abi, call.fd, call.buf, call.size, call.offset)\n"
		"  call.offset = 5 << 32 | 6\n"
		"  call.size = 16\n"
		"end");
	assert_int_equal(f->hooks->decide(f->hooks, &call).kind, VERDICT_ALLOW);
	logs(f, "i386 3 4096 8 6442450944");
	assert_int_equal(call.args[3], 6);
	assert_int_equal(call.args[4], 5);
	call_done(&call);
	load(f, "on.pread64 = function(call) return answer(1 << 40) end");
	call = begin(ABI_I386, SC_pread64, args);
	assert_int_equal(f->hooks->decide(f->hooks, &call).kind, VERDICT_DENY);
	call_done(&call);
}

static void watchers_decide_nothing(void **state)
{
	struct fixture *f = *state;
	struct call call = open_call("/x", 0);

	load(f, "watch.openat = function(call) log(call.path) call.path = '/y' end");
	f->hooks->watch(f->hooks, &call);
	logs(f, "/x\ntest.lua:1: path cannot be changed here; only 'on' hooks change calls");
	assert_false(call_is_bound(&call));
	load(f, "watch.openat = function(call) return deny() end");
	f->hooks->watch(f->hooks, &call);
	logs(f, "test.lua:1: the hook returned something, which decides nothing here; only 'on' "
		"hooks decide");
	load(f, "after.openat = function(call) log(call.error) call.error = 'EACCES' end");
	call.result = -ENOENT;
	f->hooks->after(f->hooks, &call);
	logs(f, "ENOENT");
	assert_int_equal(call.result, -EACCES);
	call_done(&call);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(arguments_are_decoded),
		CASE(arguments_are_assigned),
		CASE(what_does_not_fit_denies),
		CASE(a_call_that_is_over_is_not_shown),
		CASE(wild_pointers_are_the_guest_s_mistake),
		CASE(data_is_read_and_replaced),
		CASE(memory_is_written_where_hooks_decide),
		CASE(addresses_are_read_and_replaced),
		CASE(an_address_that_does_not_fit_denies),
		CASE(argv_is_a_list),
		CASE(structures_have_members),
		CASE(numbers_of_i386_are_whole),
		CASE(watchers_decide_nothing),
	};

	return cmocka_run_group_tests_name("hook_values", tests, NULL, NULL);
}
