/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_fixture.h"

#include "base/own.h"

#include <errno.h>
#include <string.h>

/* ---- the model ---- */

static void an_empty_policy_hides_everything(void **state)
{
	class_is(*state, "/", "none");
	class_is(*state, "/usr/bin", "none");
}

static int add(struct fixture *fixture, enum path_class class, const char *text)
{
	return policy_add_path(fixture->policy, class, text, "--flag", &context, &fixture->err);
}

static void the_longest_match_wins(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f, PATH_WRITE, "/a/b/c"), 0);
	assert_int_equal(add(f, PATH_READ, "/"), 0);
	assert_int_equal(add(f, PATH_HIDE, "/a/b"), 0);
	class_is(f, "/a", "read");
	class_is(f, "/a/b", "hide");
	class_is(f, "/a/bc", "read");
	class_is(f, "/a/b/x", "hide");
	class_is(f, "/a/b/c", "write");
	class_is(f, "/a/b/c/d", "write");
}

static void of_equals_the_later_wins(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f, PATH_WRITE, "/a"), 0);
	assert_int_equal(add(f, PATH_HIDE, "/a/"), 0);
	class_is(f, "/a/x", "hide");
}

static void a_pattern_matches_one_name(void **state)
{
	struct fixture *f = *state;
	char path[] = "/etc/key*";
	char origin[] = "test";
	struct path_rule rule = {
		.class = PATH_HIDE, .host = path, .guest = path, .origin = origin, .pattern = true};

	assert_int_equal(add(f, PATH_READ, "/"), 0);
	assert_int_equal(policy_add_rule(f->policy, &rule, &f->err), 0);
	class_is(f, "/etc/key", "hide");
	class_is(f, "/etc/key-old", "hide");
	class_is(f, "/etc/key.d/x", "hide");
	class_is(f, "/etc/ke", "read");
	class_is(f, "/etc", "read");
	class_is(f, "/etc/x/key", "read");
	assert_int_equal(add(f, PATH_READ, "/etc/key.pub"), 0);
	class_is(f, "/etc/key.pub", "read");
}

static void a_flag_names_host_and_guest(void **state)
{
	struct fixture *f = *state;
	const struct path_rule *rule;

	assert_int_equal(add(f, PATH_READ, "~/in:/input"), 0);
	rule = policy_path_find(f->policy, "/input");
	assert_string_equal(rule->host, "/home/user/in");
	assert_string_equal(rule->guest, "/input");
	assert_string_equal(rule->origin, "--flag");
	assert_int_equal(add(f, PATH_READ, "/a\\:b"), 0);
	class_is(f, "/a:b", "read");
	assert_int_equal(add(f, PATH_READ, "x:y"), 0);
	class_is(f, "/home/user/work/y", "read");
	assert_int_equal(add(f, PATH_READ, "/a:/b:/c"), -EINVAL);
	assert_int_equal(add(f, PATH_READ, ":/b"), -EINVAL);
	assert_int_equal(add(f, PATH_READ, "/b:"), -EINVAL);
	assert_int_equal(add(f, PATH_HIDE, "/a:/b"), -EINVAL);
	assert_int_equal(add(f, PATH_HIDE, "/a\\:b"), 0);
	assert_int_equal(add(f, PATH_READ, ""), -EINVAL);
	assert_int_equal(add(f, PATH_READ, "~root/x"), -EINVAL);
}

static void own_places_cannot_be_named(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f, PATH_READ, "/proc"), -EINVAL);
	assert_int_equal(add(f, PATH_HIDE, "/sys/kernel"), -EINVAL);
	assert_int_equal(add(f, PATH_WRITE, "/dev/kvm"), -EINVAL);
	assert_int_equal(add(f, PATH_READ, "/proc:/x"), -EINVAL);
	assert_int_equal(add(f, PATH_READ, "/x:/dev/null"), -EINVAL);
	assert_int_equal(add(f, PATH_READ, "/x/../proc/1"), -EINVAL);
	assert_int_equal(add(f, PATH_READ, "/devices"), 0);
	assert_string_equal(f->err.text, "--flag: '/proc/1': every box has a /proc of its own; "
					 "expected a path outside of it");
}

static void settings_are_checked(void **state)
{
	static const struct {
		const char *name;
		const char *value;
		int result;
	} cases[] = {
		{"memory", "512M", 0},
		{"memory", "none", 0},
		{"memory", "0", -EINVAL},
		{"memory", "much", -EINVAL},
		{"memory", "99999999999T", -ERANGE},
		{"disk", "1G", 0},
		{"wall", "60s", 0},
		{"wall", "0", -EINVAL},
		{"wall", "0.0001s", -EINVAL},
		{"tasks", "64", 0},
		{"tasks", "1.5", -EINVAL},
		{"tasks", "0", -EINVAL},
		{"cpu", "1.5", 0},
		{"cpu", "0", -EINVAL},
		{"net", "own", 0},
		{"net", "none", 0},
		{"net", "host", 0},
		{"net", "Host", -EINVAL},
		{"net", "", -EINVAL},
		{"cwd", "/work", 0},
		{"cwd", "", -EINVAL},
		{"hostname", "judge-1.local", 0},
		{"hostname", "-x", -EINVAL},
		{"hostname", "a b", -EINVAL},
		{"hostname", "", -EINVAL},
		{"hostname", "a234567890123456789012345678901234567890123456789012345678901234", 0},
		{"hostname", "a2345678901234567890123456789012345678901234567890123456789012345",
		 -EINVAL},
		{"user", "nobody", 0},
		{"user", "_apt", 0},
		{"user", "1000", 0},
		{"user", "0", 0},
		{"user", "4294967294", 0},
		{"user", "4294967295", -EINVAL},
		{"user", "99999999999", -EINVAL},
		{"user", "12x", -EINVAL},
		{"user", "-1", -EINVAL},
		{"user", "a:b", -EINVAL},
		{"user", "", -EINVAL},
		{"colour", "red", -EINVAL},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		int r = policy_set(f->policy, cases[i].name, cases[i].value, "--flag", &context,
				   &f->err);

		if (r != cases[i].result)
			fail_msg("%s '%s': %d", cases[i].name, cases[i].value, r);
	}
	assert_int_equal(f->policy->limits.memory_bytes, 0); /* "none" took it back. */
	assert_int_equal(f->policy->limits.wall_ms, 60000);
	assert_int_equal(f->policy->limits.cpu_milli, 1500);
	assert_int_equal(f->policy->net, NET_HOST);
	assert_string_equal(f->policy->net_origin, "--flag");
	assert_string_equal(f->policy->user, "4294967294");
	(void)policy_set(f->policy, "memroy", "1", "--memroy", &context, &f->err);
	assert_string_equal(f->err.text,
			    "--memroy: there is no setting 'memroy', did you mean 'memory'?");
	(void)policy_set(f->policy, "wall", "soon", "--wall", &context, &f->err);
	assert_string_equal(f->err.text, "--wall: 'soon' is not understood; expected a time above "
					 "zero, such as 60s, 500ms or 2h, or 'none'");
}

static void environment_is(const struct fixture *fixture, char *const *caller,
			   const char *const *expected)
{
	char **environment = NULL;
	size_t i = 0;

	assert_int_equal(policy_environment(fixture->policy, caller, &environment), 0);
	for (; expected[i] != NULL && environment[i] != NULL; i++)
		assert_string_equal(environment[i], expected[i]);
	assert_null(expected[i]);
	assert_null(environment[i]);
	free(environment);
}

static void only_named_variables_are_passed_on(void **state)
{
	struct fixture *f = *state;
	char *const caller[] = {(char[]){"A=1"},    (char[]){"SECRET=x"}, (char[]){"LC_ALL=C"},
				(char[]){"LC_X=d"}, (char[]){"EMPTY="},	  (char[]){"odd"},
				(char[]){"A=2"},    (char[]){"=x"},	  NULL};
	const char *const nothing[] = {NULL};
	const char *const some[] = {"A=1", "B=2=3", "LC_X=d", "LC_ALL=own", "EMPTY=", NULL};

	environment_is(f, caller, nothing);
	assert_int_equal(policy_add_env(f->policy, "A", &f->err), 0);
	assert_int_equal(policy_add_env(f->policy, "B=1", &f->err), 0);
	assert_int_equal(policy_add_env(f->policy, "LC_*", &f->err), 0);
	assert_int_equal(policy_add_env(f->policy, "LC_ALL=own", &f->err), 0);
	assert_int_equal(policy_add_env(f->policy, "EMPTY", &f->err), 0);
	assert_int_equal(policy_add_env(f->policy, "MISSING", &f->err), 0);
	assert_int_equal(policy_add_env(f->policy, "B=2=3", &f->err), 0);
	environment_is(f, caller, some);
	assert_int_equal(policy_add_env(f->policy, "", &f->err), -EINVAL);
	assert_int_equal(policy_add_env(f->policy, "=x", &f->err), -EINVAL);
	assert_int_equal(policy_add_env(f->policy, "*", &f->err), -EINVAL);
	assert_int_equal(policy_add_env(f->policy, "LC_*=x", &f->err), -EINVAL);
}

/* ---- calls ---- */

static int call(struct fixture *fixture, enum answer_kind kind, const char *text)
{
	return policy_add_call(fixture->policy, kind, text, "--flag", &fixture->err);
}

static void a_refusal_has_an_errno(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(call(f, ANSWER_REFUSE, "ptrace"), 0);
	assert_int_equal(f->policy->calls[SC_ptrace].answer.refuse, EPERM);
	assert_int_equal(call(f, ANSWER_REFUSE, "ptrace=ENOSYS"), 0);
	assert_int_equal(f->policy->calls[SC_ptrace].answer.refuse, ENOSYS);
	assert_int_equal(call(f, ANSWER_REFUSE, "kcmp"), 0);
	assert_int_equal(f->policy->calls[SC_kcmp].answer.refuse,
			 calls_table[SC_kcmp].answer.refuse);
	assert_int_equal(call(f, ANSWER_REFUSE, "ptrace=EWHAT"), -EINVAL);
	assert_int_equal(call(f, ANSWER_REFUSE, "ptrace="), -EINVAL);
	assert_int_equal(call(f, ANSWER_NATIVE, "ptrace=EPERM"), -EINVAL);
	assert_int_equal(call(f, ANSWER_REFUSE, ""), -EINVAL);
	assert_int_equal(call(f, ANSWER_REFUSE, "%"), -EINVAL);
	assert_int_equal(call(f, ANSWER_REFUSE, "%nothing"), -EINVAL);
}

/* Whatever the table says: these stay closed. Named by hand, to catch a change of either list. */
static void nothing_opens_what_leads_out(void **state)
{
	static const char *const names[] = {
		"io_uring_setup",
		"io_uring_enter",
		"io_uring_register",
		"bpf",
		"init_module",
		"finit_module",
		"delete_module",
		"kexec_load",
		"kexec_file_load",
		"mount",
		"umount",
		"umount2",
		"pivot_root",
		"move_mount",
		"open_tree",
		"open_tree_attr",
		"fsopen",
		"fsconfig",
		"fsmount",
		"fspick",
		"mount_setattr",
		"setns",
		"clone3",
		"open_by_handle_at",
		"keyctl",
		"add_key",
		"request_key",
		"swapon",
		"swapoff",
		"reboot",
		"iopl",
		"ioperm",
		"acct",
		"syslog",
		"settimeofday",
		"clock_settime",
		"userfaultfd",
		"ioctl",
		"socket",
		"socketpair",
		"socketcall",
		"setxattr",
		"prctl",
		"personality",
		"perf_event_open",
		"%mount",
		"%system",
		"%file",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (call(f, ANSWER_NATIVE, names[i]) != -EPERM)
			fail_msg("%s: %s", names[i], f->err.text);
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (names[i][0] != '%' && call(f, ANSWER_REFUSE, names[i]) != 0)
			fail_msg("%s: %s", names[i], f->err.text);
}

static void a_program_can_always_start_and_end(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(call(f, ANSWER_REFUSE, "execve"), -EPERM);
	assert_int_equal(call(f, ANSWER_REFUSE, "exit_group"), -EPERM);
	assert_int_equal(call(f, ANSWER_REFUSE, "%proc"), 0);
	assert_false(f->policy->calls[SC_execve].set);
	assert_false(f->policy->calls[SC_exit_group].set);
	assert_true(f->policy->calls[SC_fork].set);
	assert_false(f->policy->calls[SC_read].set);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_empty_policy_hides_everything),
		CASE(the_longest_match_wins),
		CASE(of_equals_the_later_wins),
		CASE(a_pattern_matches_one_name),
		CASE(a_flag_names_host_and_guest),
		CASE(own_places_cannot_be_named),
		CASE(settings_are_checked),
		CASE(only_named_variables_are_passed_on),
		CASE(a_refusal_has_an_errno),
		CASE(nothing_opens_what_leads_out),
		CASE(a_program_can_always_start_and_end),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
