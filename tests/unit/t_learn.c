/* SPDX-License-Identifier: Apache-2.0 */
#include "base/own.h"
#include "policy/learn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct policy_context context = {.home = "/home/user", .cwd = "/home/user/work"};

struct fixture {
	struct learned learned;
	struct learned_rules rules;
};

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return *state != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	learned_rules_done(&fixture->rules);
	learned_done(&fixture->learned);
	free(fixture);
	return 0;
}

static void file(struct fixture *fixture, const char *path, unsigned uses)
{
	assert_int_equal(learned_add_path(&fixture->learned, path, uses, false), 0);
}

static void directory(struct fixture *fixture, const char *path, unsigned uses)
{
	assert_int_equal(learned_add_path(&fixture->learned, path, uses, true), 0);
}

/* Files "PATH0" to "PATHn-1". */
static void files(struct fixture *fixture, const char *path, int n)
{
	char text[256];

	for (int i = 0; i < n; i++) {
		(void)snprintf(text, sizeof(text), "%s%d", path, i);
		file(fixture, text, USE_READ);
	}
}

/* "read /a, copy /b" */
static void folds_to(struct fixture *fixture, const char *expected)
{
	char text[4096] = "";
	size_t used = 0;

	learned_rules_done(&fixture->rules);
	assert_int_equal(learned_fold(&fixture->learned, &context, &fixture->rules), 0);
	for (size_t i = 0; i < fixture->rules.count; i++) {
		const struct learned_rule *rule = &fixture->rules.list[i];

		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %s",
					 i > 0 ? ", " : "", path_class_name(rule->class),
					 rule->name != NULL ? rule->name : rule->path);
		assert_true(used < sizeof(text));
	}
	assert_string_equal(text, expected);
}

static void nothing_used_is_nothing_shown(void **state)
{
	folds_to(*state, "");
}

static void a_file_that_was_read_is_that_file(void **state)
{
	file(*state, "/etc/hostname", USE_READ);
	file(*state, "/etc/hostname", USE_SEEN);
	folds_to(*state, "read /etc/hostname");
}

static void many_libraries_are_their_directory(void **state)
{
	files(*state, "/usr/lib/x86_64-linux-gnu/lib", 4);
	file(*state, "/usr/lib/x86_64-linux-gnu/gconv/UTF-16.so", USE_READ);
	folds_to(*state, "read /usr/lib/x86_64-linux-gnu");
}

static void few_libraries_are_themselves(void **state)
{
	files(*state, "/usr/lib/x86_64-linux-gnu/lib", 2);
	folds_to(*state, "read /usr/lib/x86_64-linux-gnu/lib0, "
			 "read /usr/lib/x86_64-linux-gnu/lib1");
}

static void programs_and_settings_stay_single(void **state)
{
	files(*state, "/usr/bin/p", 6);
	files(*state, "/etc/c", 5);
	folds_to(*state, "read /etc/c0, read /etc/c1, read /etc/c2, read /etc/c3, read /etc/c4, "
			 "read /usr/bin/p0, read /usr/bin/p1, read /usr/bin/p2, read /usr/bin/p3, "
			 "read /usr/bin/p4, read /usr/bin/p5");
}

static void a_users_directory_needs_more_of_its_names(void **state)
{
	files(*state, "/srv/data/a", 7);
	files(*state, "/srv/more/b", 8);
	folds_to(*state, "read /srv/data/a0, read /srv/data/a1, read /srv/data/a2, "
			 "read /srv/data/a3, read /srv/data/a4, read /srv/data/a5, "
			 "read /srv/data/a6, read /srv/more");
}

static void the_home_is_never_shown_as_a_whole(void **state)
{
	files(*state, "/home/user/f", 9);
	directory(*state, "/home/user", USE_LISTED);
	directory(*state, "/", USE_LISTED);
	folds_to(*state, "read /home/user/f0, read /home/user/f1, read /home/user/f2, "
			 "read /home/user/f3, read /home/user/f4, read /home/user/f5, "
			 "read /home/user/f6, read /home/user/f7, read /home/user/f8");
}

static void what_was_only_listed_there_is_not_shown(void **state)
{
	directory(*state, "/home/user", USE_LISTED);
	file(*state, "/home/user/secret", USE_SEEN);
	directory(*state, "/home/user/Documents", USE_SEEN);
	folds_to(*state, "private /home/user");
}

static void a_directory_with_secrets_is_never_shown_as_a_whole(void **state)
{
	files(*state, "/home/user/.ssh/key", 9);
	files(*state, "/home/user/.cargo/c", 8);
	directory(*state, "/etc/ssl", USE_LISTED);
	directory(*state, "/home/user/.local/share", USE_LISTED);
	learned_rules_done(&((struct fixture *)*state)->rules);
	assert_int_equal(learned_fold(&((struct fixture *)*state)->learned, &context,
				      &((struct fixture *)*state)->rules),
			 0);
	for (size_t i = 0; i < ((struct fixture *)*state)->rules.count; i++) {
		const struct learned_rule *rule = &((struct fixture *)*state)->rules.list[i];

		assert_true(rule->class == PATH_PRIVATE || rule->count == 1);
	}
	assert_int_equal(((struct fixture *)*state)->rules.count, 9 + 8 + 2);
}

static void a_listed_directory_is_shown(void **state)
{
	directory(*state, "/home/user/work", USE_LISTED);
	file(*state, "/home/user/work/a", USE_READ);
	folds_to(*state, "read /home/user/work");
}

static void where_files_are_made_is_a_copy(void **state)
{
	directory(*state, "/home/user/work", USE_SEEN);
	directory(*state, "/home/user/work/out", USE_FILLED);
	file(*state, "/home/user/work/out/old", USE_READ);
	file(*state, "/home/user/work/x.c", USE_READ);
	folds_to(*state, "read /home/user/work/x.c, copy /home/user/work/out");
}

static void in_the_home_and_in_tmp_files_are_made_in_private(void **state)
{
	directory(*state, "/home/user", USE_FILLED);
	file(*state, "/home/user/.profile", USE_READ);
	directory(*state, "/tmp", USE_FILLED);
	folds_to(*state, "read /home/user/.profile, private /home/user, private /tmp");
}

static void a_changed_file_is_a_copy_of_the_file(void **state)
{
	file(*state, "/home/user/.cache/state", USE_CHANGED | USE_READ);
	folds_to(*state, "copy /home/user/.cache/state");
}

static void a_changed_file_in_what_is_read_is_a_copy_in_it(void **state)
{
	directory(*state, "/home/user/work", USE_LISTED);
	file(*state, "/home/user/work/db", USE_CHANGED);
	directory(*state, "/home/user/work/cache", USE_FILLED);
	folds_to(*state, "read /home/user/work, copy /home/user/work/cache, "
			 "copy /home/user/work/db");
}

static void a_place_that_was_passed_has_to_be_there(void **state)
{
	directory(*state, "/home/user/work", USE_SEEN);
	folds_to(*state, "private /home/user/work");
}

static void names_that_begin_alike_are_not_in_each_other(void **state)
{
	directory(*state, "/srv/a", USE_LISTED);
	file(*state, "/srv/a.txt", USE_READ);
	file(*state, "/srv/a/b", USE_READ);
	file(*state, "/srv/ab", USE_READ);
	folds_to(*state, "read /srv/a, read /srv/a.txt, read /srv/ab");
}

static void the_order_of_facts_does_not_matter(void **state)
{
	struct fixture other = {0};
	static const char *const paths[] = {"/etc/b", "/usr/bin/x", "/etc/a", "/etc/b", "/opt/c"};

	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
		file(*state, paths[i], USE_READ);
		file(&other, paths[ARRAY_LENGTH(paths) - 1 - i], USE_READ);
	}
	folds_to(*state, "read /etc/a, read /etc/b, read /opt/c, read /usr/bin/x");
	folds_to(&other, "read /etc/a, read /etc/b, read /opt/c, read /usr/bin/x");
	learned_rules_done(&other.rules);
	learned_done(&other.learned);
}

static void a_symlink_is_shown_by_its_name(void **state)
{
	struct fixture *fixture = *state;

	file(fixture, "/usr/bin/mawk", USE_RUN);
	assert_int_equal(learned_add_link(&fixture->learned, "/usr/bin/awk", "/usr/bin/awk",
					  "/usr/bin/mawk"),
			 0);
	assert_int_equal(learned_add_link(&fixture->learned, "/etc/alternatives/awk",
					  "/usr/bin/awk", "/usr/bin/mawk"),
			 0);
	folds_to(fixture, "read /usr/bin/awk");
}

static void a_symlink_to_what_is_folded_keeps_its_class(void **state)
{
	struct fixture *fixture = *state;

	directory(fixture, "/srv/real", USE_FILLED);
	file(fixture, "/srv/real/x", USE_READ);
	assert_int_equal(
		learned_add_link(&fixture->learned, "/srv/link", "/srv/link/x", "/srv/real/x"), 0);
	folds_to(fixture, "copy /srv/link/x, copy /srv/real");
}

static void secrets_are_known(void **state)
{
	(void)state;
	assert_true(learn_is_secret("/home/user/.ssh/id_rsa", &context));
	assert_true(learn_is_secret("/root/.ssh", &context));
	assert_true(learn_is_secret("/etc/shadow-", &context));
	assert_false(learn_is_secret("/home/user/.sshrc", &context));
	assert_false(learn_is_secret("/home/user/work", &context));
	assert_true(learn_holds_secret("/", &context));
	assert_true(learn_holds_secret("/home", &context));
	assert_true(learn_holds_secret("/home/user", &context));
	assert_true(learn_holds_secret("/home/user/.local", &context));
	assert_true(learn_holds_secret("/etc/ssl", &context));
	assert_false(learn_holds_secret("/usr/lib", &context));
	assert_false(learn_holds_secret("/home/user/work", &context));
}

/* ---- calls ---- */

static bool refuses(const struct learned *learned, enum sc sc)
{
	bool family;

	return learned_refuses(learned, sc, &family);
}

static void unused_calls_are_refused(void **state)
{
	struct fixture *fixture = *state;
	bool family = false;

	assert_true(refuses(&fixture->learned, SC_ptrace));
	assert_true(learned_refuses(&fixture->learned, SC_socket, &family));
	assert_true(family);
	fixture->learned.used[SC_socket] = true;
	assert_false(refuses(&fixture->learned, SC_socket));
	assert_true(learned_refuses(&fixture->learned, SC_bind, &family));
	assert_false(family);
}

static void what_every_program_needs_is_never_refused(void **state)
{
	struct fixture *fixture = *state;
	static const enum sc needed[] = {
		SC_execve, SC_exit_group, SC_rt_sigreturn, SC_restart_syscall,
		SC_mmap,   SC_munmap,	  SC_brk,	   SC_futex,
		SC_clone,  SC_read,	  SC_write,	   SC_close};

	for (size_t i = 0; i < ARRAY_LENGTH(needed); i++)
		assert_false(refuses(&fixture->learned, needed[i]));
}

static void another_spelling_of_a_used_call_is_used(void **state)
{
	struct fixture *fixture = *state;

	fixture->learned.used[SC_openat] = true;
	assert_false(refuses(&fixture->learned, SC_open));
	fixture->learned.used[SC_rename] = true;
	assert_false(refuses(&fixture->learned, SC_renameat2));
	assert_true(refuses(&fixture->learned, SC_unlink));
}

static void what_the_table_refuses_needs_no_word(void **state)
{
	struct fixture *fixture = *state;

	assert_false(refuses(&fixture->learned, SC_mount));
	assert_false(refuses(&fixture->learned, SC_io_uring_setup));
}

/* ---- text ---- */

static void the_text_is_a_policy(void **state)
{
	struct fixture *fixture = *state;
	_own_(freep) char *program = strdup("odd\n\"name\"");
	char *argv[] = {program, NULL};
	_own_(freep) char *path = strdup("PATH=/bin");
	_own_(freep) char *other = strdup("OTHER=1");
	char *environment[] = {path, other, NULL};
	struct policy *watched = policy_new();
	struct policy *policy = policy_new();
	struct cloche_err err = {0};
	struct buf text;
	const struct learned_about about = {
		.argv = argv, .policy = watched, .environment = environment, .context = &context};

	assert_non_null(watched);
	assert_non_null(policy);
	assert_int_equal(policy_add_env(watched, "PATH", &err), 0);
	assert_int_equal(policy_add_env(watched, "A-B=x\ty", &err), 0);
	assert_int_equal(policy_set(watched, "memory", "512M", "test", &context, &err), 0);
	file(fixture, "/srv/a\"b\\c\nd\xff", USE_READ);
	file(fixture, "/home/user/notes", USE_CHANGED);
	const struct learned_address address = {.host = "192.0.2.1", .port = 443};
	assert_int_equal(policy_set(watched, "net", "host", "test", &context, &err), 0);
	assert_int_equal(learned_add_address(&fixture->learned, &address), 0);
	assert_int_equal(learned_add_address(&fixture->learned, &address), 0);
	assert_int_equal(fixture->learned.address_count, 1);
	fixture->learned.network = true;
	assert_int_equal(learned_text(&fixture->learned, &about, &text), 0);
	char name[] = "/tmp/t_learn.XXXXXX.lua";
	int fd = mkstemps(name, 4);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text.data, text.length), (ssize_t)text.length);
	(void)close(fd);
	int r = policy_add_file(policy, name, &context, &err);
	(void)unlink(name);
	if (r < 0)
		fail_msg("%s\n%s", err.text, text.data);
	assert_int_equal(policy->path_count, 2);
	const struct path_rule *odd = policy_path_find(policy, "/srv/a\"b\\c\nd\xff");
	const struct path_rule *notes = policy_path_find(policy, "/home/user/notes");
	assert_non_null(odd);
	assert_int_equal(odd->class, PATH_READ);
	assert_non_null(notes);
	assert_int_equal(notes->class, PATH_COPY);
	assert_int_equal(policy->limits.memory_bytes, 512U << 20);
	assert_int_equal(policy->env_count, 2);
	assert_true(policy->calls[SC_ptrace].set);
	assert_int_equal(policy->net, NET_HOST);
	assert_non_null(strstr(text.data, "[\"192.0.2.1 port 443\"] = true"));
	assert_null(strstr(text.data, "OTHER"));
	for (const char *p = text.data; *p != '\0'; p++)
		assert_true((*p >= ' ' && *p < 0x7f) || *p == '\n' || *p == '\t');
	buf_done(&text);
	policy_free(policy);
	policy_free(watched);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(nothing_used_is_nothing_shown),
		CASE(a_file_that_was_read_is_that_file),
		CASE(many_libraries_are_their_directory),
		CASE(few_libraries_are_themselves),
		CASE(programs_and_settings_stay_single),
		CASE(a_users_directory_needs_more_of_its_names),
		CASE(the_home_is_never_shown_as_a_whole),
		CASE(what_was_only_listed_there_is_not_shown),
		CASE(a_directory_with_secrets_is_never_shown_as_a_whole),
		CASE(a_listed_directory_is_shown),
		CASE(where_files_are_made_is_a_copy),
		CASE(in_the_home_and_in_tmp_files_are_made_in_private),
		CASE(a_changed_file_is_a_copy_of_the_file),
		CASE(a_changed_file_in_what_is_read_is_a_copy_in_it),
		CASE(a_place_that_was_passed_has_to_be_there),
		CASE(names_that_begin_alike_are_not_in_each_other),
		CASE(the_order_of_facts_does_not_matter),
		CASE(a_symlink_is_shown_by_its_name),
		CASE(a_symlink_to_what_is_folded_keeps_its_class),
		CASE(secrets_are_known),
		CASE(unused_calls_are_refused),
		CASE(what_every_program_needs_is_never_refused),
		CASE(another_spelling_of_a_used_call_is_used),
		CASE(what_the_table_refuses_needs_no_word),
		CASE(the_text_is_a_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
