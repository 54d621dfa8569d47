/* SPDX-License-Identifier: Apache-2.0
 *
 * Hooks of every kind, on calls of programs that know nothing of it.
 */
#include "boxed.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* ---- verdicts ---- */

static int deny(struct cloche_call *call, void *arg)
{
	return cloche_call_deny(call, *(int *)arg);
}

static int return_number(struct cloche_call *call, void *arg)
{
	(void)call;
	return *(int *)arg;
}

static int answer(struct cloche_call *call, void *arg)
{
	return cloche_call_answer(call, *(int64_t *)arg);
}

static void verdicts(void)
{
	struct boxed *boxed = boxed_new();
	int error = EILSEQ;
	int64_t value = 4711;
	int kind = CLOCHE_ALLOW;

	boxed_hook(boxed, "mkdir", CLOCHE_ON, deny, &error);
	boxed_hook(boxed, "geteuid", CLOCHE_ON, answer, &value);
	boxed_hook(boxed, "sethostname", CLOCHE_WATCH, return_number, &kind);
	boxed_hook(boxed, "symlinkat", CLOCHE_ON, return_number, &kind);
	boxed_shell(boxed, "mkdir /tmp/a; id -u; ln -s Linux /tmp/l; readlink /tmp/l");
	check(says(boxed, "Invalid or incomplete multibyte"), "deny_gives_the_errno");
	check(says(boxed, "4711"), "answer_gives_the_value");
	check(says(boxed, "Linux"), "allow_lets_it_be");
	kind = CLOCHE_DENY;
	boxed_shell(boxed, "ln -s a /tmp/b");
	check(says(boxed, "Operation not permitted"), "zero_denies_with_eperm");
	kind = 77;
	boxed_shell(boxed, "ln -s a /tmp/b");
	check(says(boxed, "Operation not permitted"), "nonsense_denies");
	kind = CLOCHE_ANSWER;
	boxed_shell(boxed, "ln -s a /tmp/b && test ! -L /tmp/b && echo answered");
	check(says(boxed, "answered"), "answer_without_a_value_is_0");
	kind = CLOCHE_KILL;
	boxed_shell(boxed, "ln -s a /tmp/b; echo status $?");
	check(says(boxed, "status 137"), "kill_ends_the_caller_and_nobody_else");
	boxed_free(boxed);
}

static void order(void)
{
	struct boxed *boxed = boxed_new();
	int allow = CLOCHE_ALLOW;
	int error = EXDEV;

	boxed_hook(boxed, "%file", CLOCHE_ON, return_number, &allow);
	boxed_hook(boxed, "mkdir", CLOCHE_ON, deny, &error);
	boxed_shell(boxed, "mkdir /tmp/a; rmdir /tmp; cat /etc/passwd >/dev/null && echo read");
	check(says(boxed, "Invalid cross-device"), "a_later_hook_may_deny_what_one_allows");
	check(says(boxed, "read"), "a_family_is_all_its_calls");
	boxed_free(boxed);
	boxed = boxed_new();
	boxed_hook(boxed, "*", CLOCHE_ON, return_number, &allow);
	boxed_shell(boxed, "echo a b | tr a-z A-Z; ls / >/dev/null && (exit 3); echo $?");
	check(says(boxed, "A B\n3\n"), "all_calls_at_once");
	boxed_free(boxed);
}

/* ---- looking ---- */

static int tell_path(struct cloche_call *call, void *arg)
{
	const char *path;

	(void)arg;
	if (cloche_call_path(call, 0, &path) == 0) {
		cloche_call_tell(call, path, strlen(path));
		cloche_call_tell(call, "\n", 1);
	}
	return CLOCHE_ALLOW;
}

static int tell_process(struct cloche_call *call, void *arg)
{
	char text[1024];

	(void)arg;
	snprintf(text, sizeof(text),
		 "[%s %d %d pid %d tid %d parent %d uid %u program %s cwd %s 0 %s 1 %s 2 %s]",
		 cloche_call_name(call), cloche_call_abi(call), cloche_call_number(call),
		 cloche_call_pid(call), cloche_call_tid(call), cloche_call_parent(call) > 0,
		 cloche_call_uid(call), cloche_call_program(call), cloche_call_cwd(call),
		 cloche_call_argument(call, 0), cloche_call_argument(call, 1),
		 cloche_call_argument(call, 2) == NULL ? "none" : "more");
	cloche_call_log(call, text);
	return CLOCHE_ALLOW;
}

static void looking(void)
{
	struct boxed *boxed = boxed_new();

	boxed_hook(boxed, "unlinkat", CLOCHE_WATCH, tell_path, NULL);
	boxed_hook(boxed, "mkdir", CLOCHE_ON, tell_process, NULL);
	boxed_shell(boxed, "cd /usr; rm -f /tmp/not-there; mkdir /tmp/here");
	check(strstr(boxed->told, "/tmp/not-there\n") != NULL, "watching_shows_the_path");
	note("%s", boxed->logged);
	check(strstr(boxed->logged, "[mkdir 0 83 ") != NULL, "name_abi_and_number");
	check(strstr(boxed->logged, "parent 1 ") != NULL, "the_parent");
	check(strstr(boxed->logged, "bin/mkdir cwd /usr 0 mkdir 1 /tmp/here 2 none]") != NULL,
	      "program_cwd_and_argv");
	boxed_free(boxed);
}

static int tell_args(struct cloche_call *call, void *arg)
{
	char text[256];

	(void)arg;
	snprintf(text, sizeof(text), "%u %s %s %d %d %d", cloche_call_arg_count(call),
		 cloche_call_arg_name(call, 0), cloche_call_arg_name(call, 1),
		 cloche_call_arg_find(call, "mode"), cloche_call_arg_find(call, "nothing"),
		 cloche_call_arg_name(call, 6) == NULL && cloche_call_arg(call, 6) == 0 &&
			 cloche_call_set_arg(call, 6, 0) == -EINVAL);
	cloche_call_log(call, text);
	return CLOCHE_ALLOW;
}

static void arguments(void)
{
	struct boxed *boxed = boxed_new();

	boxed_hook(boxed, "mkdir", CLOCHE_ON, tell_args, NULL);
	boxed_shell(boxed, "mkdir /tmp/a");
	note("%s", boxed->logged);
	check(strcmp(boxed->logged, "2 path mode 1 -2 1") == 0, "arguments_have_names");
	boxed_free(boxed);
}

/* ---- changing ---- */

static int another_path(struct cloche_call *call, void *arg)
{
	const char *path;

	if (cloche_call_path(call, 0, &path) == 0 && strcmp(path, "/etc/hostname") == 0 &&
	    cloche_call_set_path(call, 0, arg) < 0)
		return CLOCHE_DENY;
	return CLOCHE_ALLOW;
}

static int louder(struct cloche_call *call, void *arg)
{
	const void *bytes;
	size_t length;
	char copy[256];

	(void)arg;
	if (cloche_call_data(call, &bytes, &length) < 0 || length > sizeof(copy))
		return CLOCHE_ALLOW;
	for (size_t i = 0; i < length; i++) {
		char c = ((const char *)bytes)[i];

		copy[i] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
	}
	return cloche_call_set_data(call, copy, length) < 0 ? CLOCHE_DENY : CLOCHE_ALLOW;
}

static int exit_7(struct cloche_call *call, void *arg)
{
	(void)arg;
	cloche_call_set_arg(call, 0, 7);
	return CLOCHE_ALLOW;
}

static int other_arguments(struct cloche_call *call, void *arg)
{
	static const char *const texts[] = {"echo", "from the hook"};
	const char *text;
	int argv = cloche_call_arg_find(call, "argv");

	(void)arg;
	if (argv >= 0 && cloche_call_string(call, (unsigned)argv, 1, &text) == 0 &&
	    strcmp(text, "from the shell") == 0 &&
	    cloche_call_set_strings(call, (unsigned)argv, texts, 2) < 0)
		return CLOCHE_DENY;
	return CLOCHE_ALLOW;
}

static int address(struct cloche_call *call, void *arg)
{
	struct sockaddr_in in;
	const void *bytes;
	size_t length;

	if (cloche_call_address(call, &bytes, &length) < 0 || length < sizeof(in))
		return CLOCHE_ALLOW;
	memcpy(&in, bytes, sizeof(in));
	if (in.sin_family != AF_INET || in.sin_port != htons(4711))
		return CLOCHE_ALLOW;
	in.sin_port = htons(*(uint16_t *)arg);
	return cloche_call_set_address(call, &in, sizeof(in)) < 0 ? CLOCHE_DENY : CLOCHE_ALLOW;
}

static void changing(void)
{
	struct boxed *boxed = boxed_new();
	uint16_t port = 4712;

	boxed_hook(boxed, "openat", CLOCHE_ON, another_path, (void *)"/etc/shells");
	boxed_shell(boxed, "cat /etc/hostname");
	check(says(boxed, "/bin/sh"), "another_path");
	boxed_free(boxed);
	boxed = boxed_new();
	boxed_hook(boxed, "write", CLOCHE_ON, louder, NULL);
	boxed_hook(boxed, "writev", CLOCHE_ON, louder, NULL);
	boxed_guest(boxed, "write");
	check(says(boxed, "ONE TWO THREE"), "other_data_wherever_it_lies");
	boxed_free(boxed);
	boxed = boxed_new();
	boxed_hook(boxed, "exit_group", CLOCHE_ON, exit_7, NULL);
	boxed_shell(boxed, "true");
	check(ended(boxed, 7), "another_number_even_in_a_call_that_is_never_notified");
	boxed_free(boxed);
	boxed = boxed_new();
	boxed_hook(boxed, "execve", CLOCHE_ON, other_arguments, NULL);
	boxed_shell(boxed, "/bin/echo 'from the shell'");
	check(says(boxed, "from the hook"), "other_arguments_of_a_program");
	boxed_free(boxed);
	boxed = boxed_new();
	boxed_hook(boxed, "connect", CLOCHE_ON, address, &port);
	boxed_guest(boxed, "connect");
	check(says(boxed, "connected"), "another_address");
	boxed_free(boxed);
}

static int after(struct cloche_call *call, void *arg)
{
	char text[128];

	(void)arg;
	snprintf(text, sizeof(text), "%s=%lld when %u;", cloche_call_name(call),
		 (long long)cloche_call_result(call), cloche_call_when(call));
	cloche_call_tell(call, text, strlen(text));
	if (strcmp(cloche_call_name(call), "getuid") == 0)
		cloche_call_set_result(call, 777);
	return 0;
}

static int not_before(struct cloche_call *call, void *arg)
{
	(void)arg;
	return cloche_call_result(call) == 0 && cloche_call_set_result(call, 1) == -EINVAL
		       ? CLOCHE_ALLOW
		       : CLOCHE_DENY;
}

static void results(void)
{
	struct boxed *boxed = boxed_new();

	boxed_hook(boxed, "getuid", CLOCHE_AFTER, after, NULL);
	boxed_hook(boxed, "rmdir", CLOCHE_AFTER, after, NULL);
	boxed_hook(boxed, "rmdir", CLOCHE_ON, not_before, NULL);
	boxed_guest(boxed, "results");
	note("%s", boxed->told);
	check(strstr(boxed->told, "rmdir=-2 when 4;") != NULL, "after_sees_the_result");
	check(says(boxed, "uid 777"), "after_changes_the_result");
	check(says(boxed, "No such file"), "before_there_is_none");
	boxed_free(boxed);
}

/* ---- holding ---- */

static int hold(struct cloche_call *call, void *arg)
{
	return cloche_call_hold(call, *(uint32_t *)arg, "may it?");
}

static void holding(void)
{
	struct boxed *boxed = boxed_new();
	uint32_t wait_ms = 0;
	int error = EXDEV;

	boxed_hook(boxed, "mkdir", CLOCHE_ON, hold, &wait_ms);
	boxed->answer = 0;
	boxed_shell(boxed, "mkdir /tmp/a && echo made");
	check(says(boxed, "made"), "held_and_allowed");
	check(strcmp(boxed->asked, "may it?") == 0, "the_question_comes_over");
	boxed->answer = ENOSPC;
	boxed_shell(boxed, "mkdir /tmp/a");
	check(says(boxed, "No space left"), "held_and_denied");
	wait_ms = 50;
	boxed->answer = -1;
	boxed_shell(boxed, "mkdir /tmp/a || echo not made");
	check(says(boxed, "not made"), "who_does_not_answer_in_time_denies");
	check(cloche_box_answer(boxed->box, boxed->question, 0) == 0 ||
		      cloche_box_answer(boxed->box, boxed->question, 0) == -ESRCH,
	      "an_answer_that_comes_too_late_is_lost");
	wait_ms = 0;
	boxed->answer = 0;
	boxed_hook(boxed, "mkdir", CLOCHE_ON, deny, &error);
	boxed_shell(boxed, "mkdir /tmp/a");
	check(says(boxed, "cross-device"), "the_next_hook_is_asked_after_the_answer");
	boxed_free(boxed);
	boxed = boxed_new();
	boxed->options.asked = NULL;
	boxed_hook(boxed, "mkdir", CLOCHE_ON, hold, &wait_ms);
	boxed_shell(boxed, "mkdir /tmp/a || echo not made");
	check(says(boxed, "not made"), "without_anybody_to_ask_it_is_denied");
	boxed_free(boxed);
}

/* ---- memory ---- */

static int wild(struct cloche_call *call, void *arg)
{
	static const uint64_t addresses[] = {
		0,
		1,
		0x10,
		0xfff,
		0x7fffffffe000,
		0x7fffffffffff,
		0x800000000000,
		0xffff800000000000,
		0xffffffff81000000,
		UINT64_MAX,
		UINT64_MAX - 7,
	};
	char bytes[16] = {0};
	char answers[256] = "";
	int bad = 0;

	(void)arg;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		bad += cloche_call_read(call, addresses[i], bytes, sizeof(bytes)) != -EFAULT;
		bad += cloche_call_write(call, addresses[i], bytes, sizeof(bytes)) != -EFAULT;
		bad += cloche_call_read_string(call, addresses[i], bytes, sizeof(bytes)) != -EFAULT;
	}
	bad += cloche_call_read_string(call, cloche_call_arg(call, 0), bytes, 4) != -ENAMETOOLONG;
	bad += cloche_call_read_string(call, cloche_call_arg(call, 0), bytes, 0) != -EINVAL;
	snprintf(answers, sizeof(answers), "bad %d, long %d, string %d %s", bad,
		 cloche_call_read(call, cloche_call_arg(call, 0), answers, 0),
		 cloche_call_read_string(call, cloche_call_arg(call, 0), bytes, sizeof(bytes)),
		 bytes);
	cloche_call_log(call, answers);
	cloche_call_write(call, cloche_call_arg(call, 0), "/tmp/b", 7);
	return CLOCHE_ALLOW;
}

static int tell_error(struct cloche_call *call, void *arg)
{
	const char *path;
	const void *bytes;
	size_t length;
	char text[64];

	(void)arg;
	snprintf(text, sizeof(text), "%d %d %d;", cloche_call_path(call, 0, &path),
		 cloche_call_bytes(call, 0, &bytes, &length), cloche_call_text(call, 1, &path));
	cloche_call_tell(call, text, strlen(text));
	return CLOCHE_ALLOW;
}

static void memory(void)
{
	struct boxed *boxed = boxed_new();

	boxed_hook(boxed, "chdir", CLOCHE_WATCH, wild, NULL);
	boxed_guest(boxed, "chdir");
	note("%s", boxed->logged);
	check(strcmp(boxed->logged, "bad 0, long 0, string 6 /tmp/a") == 0,
	      "wild_addresses_are_efault");
	check(says(boxed, "path /tmp/b"), "guest_memory_can_be_written");
	boxed_free(boxed);
	boxed = boxed_new();
	boxed_hook(boxed, "mkdir", CLOCHE_ON, tell_error, NULL);
	boxed_guest(boxed, "wild");
	note("%s", boxed->told);
	check(says(boxed, "14 14 36 14"), "a_guest_with_wild_pointers_gets_what_linux_gives");
	check(strcmp(boxed->told, "-14 -14 -2;-14 -14 -2;-36 -36 -2;-2 -2 -2;") == 0,
	      "and_the_hook_is_told");
	boxed_free(boxed);
}

static int too_much(struct cloche_call *call, void *arg)
{
	static char bytes[CLOCHE_TELL_MAX + 1];
	char text[64];
	int most = cloche_call_tell(call, bytes, CLOCHE_TELL_MAX);
	int more = cloche_call_tell(call, bytes, CLOCHE_TELL_MAX + 1);

	(void)arg;
	snprintf(text, sizeof(text), "%d %d %d", most, more, cloche_call_tell(call, NULL, 1));
	cloche_call_log(call, text);
	return CLOCHE_ALLOW;
}

static void telling(void)
{
	struct boxed *boxed = boxed_new();

	boxed_hook(boxed, "mkdir", CLOCHE_ON, too_much, NULL);
	boxed_shell(boxed, "mkdir /tmp/a");
	check(strcmp(boxed->logged, "0 -7 -22") == 0, "what_is_too_long_is_not_told");
	check(boxed->told_length == sizeof(boxed->told) - 1, "what_is_not_comes_whole");
	boxed_free(boxed);
}

/* ---- a policy's own functions ---- */

static void lua_hooks(void)
{
	static const char text[] = "on.mkdir = function(call) return deny \"EXDEV\" end\n";
	struct boxed *boxed = boxed_new();
	char path[] = "/tmp/cloche-lib-XXXXXX.lua";
	int64_t value = 4711;
	int fd = mkstemps(path, 4);

	if (fd < 0 || write(fd, text, sizeof(text) - 1) < 0 || close(fd) < 0 ||
	    cloche_policy_add(boxed->policy, path, &boxed->err) < 0)
		note("%s", boxed->err.text);
	unlink(path);
	boxed_hook(boxed, "geteuid", CLOCHE_ON, answer, &value);
	for (int i = 0; i < 2; i++) {
		boxed_shell(boxed, "mkdir /tmp/a; id -u");
		check(says(boxed, "cross-device") && says(boxed, "4711"),
		      i == 0 ? "functions_of_a_policy_beside_those_of_the_program"
			     : "and_in_a_second_run");
	}
	boxed_free(boxed);
}

/* ---- hooks that are broken ---- */

static int fork_here(struct cloche_call *call, void *arg)
{
	(void)call;
	(void)arg;
	return fork() == 0 ? CLOCHE_DENY : CLOCHE_ALLOW;
}

static int crash(struct cloche_call *call, void *arg)
{
	(void)call;
	abort();
	return arg != NULL;
}

static int loop(struct cloche_call *call, void *arg)
{
	static volatile unsigned long count;

	(void)call;
	(void)arg;
	for (;;)
		count++;
	return CLOCHE_ALLOW;
}

static void broken(void)
{
	static const struct {
		cloche_hook hook;
		int status;
		const char *name;
	} cases[] = {
		{fork_here, 125, "a_hook_that_does_what_the_monitor_may_not_ends_the_box"},
		{crash, 125, "a_hook_that_crashes_ends_the_box"},
		{loop, 124, "a_hook_that_never_returns_is_ended_by_the_limit_of_time"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
#ifdef CLOCHE_SANITIZED
		if (cases[i].hook == fork_here) {
			skip(cases[i].name, "the monitor of a build with sanitizers has no filter");
			continue;
		}
#endif
		struct boxed *boxed = boxed_new();

		cloche_policy_set(boxed->policy, "wall", cases[i].status == 124 ? "300ms" : "60s",
				  &boxed->err);
		boxed_hook(boxed, "mkdir", CLOCHE_ON, cases[i].hook, NULL);
		boxed_shell(boxed, "mkdir /tmp/a; echo passed");
		check(ended(boxed, cases[i].status) && strstr(boxed->output, "passed") == NULL,
		      cases[i].name);
		boxed_free(boxed);
	}
}

/* ---- i386 ---- */

static int tell_abi(struct cloche_call *call, void *arg)
{
	const char *path;

	(void)arg;
	if (cloche_call_abi(call) == CLOCHE_ABI_I386 && cloche_call_path(call, 0, &path) == 0)
		cloche_call_tell(call, "32 ", 3);
	return CLOCHE_ALLOW;
}

static void other_abi(void)
{
	struct boxed *boxed = boxed_new();
	const char *directory = getenv("GUEST_DIR");
	char program[PATH_MAX];
	char *argv[] = {program, NULL};

	snprintf(program, sizeof(program), "%s/g_files_32", directory != NULL ? directory : "");
	if (access(program, X_OK) < 0) {
		skip("i386_is_shown_the_same", "no program for i386 here");
		return;
	}
	cloche_policy_add_path(boxed->policy, CLOCHE_PATH_READ, directory, NULL);
	boxed_hook(boxed, "%file", CLOCHE_ON, tell_abi, NULL);
	boxed_run(boxed, argv);
	check(strncmp(boxed->told, "32 32 ", 6) == 0 && says(boxed, "ok 1 "),
	      "i386_is_shown_the_same");
	boxed_free(boxed);
}

int main(void)
{
	find_guest();
	verdicts();
	order();
	looking();
	arguments();
	changing();
	results();
	holding();
	memory();
	telling();
	lua_hooks();
	broken();
	other_abi();
	return done();
}
