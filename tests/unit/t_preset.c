/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_fixture.h"

#include "base/own.h"

#include <errno.h>
#include <string.h>

static void preset(struct fixture *fixture, const char *name, const char *home, const char *cwd)
{
	const struct policy_context where = {.home = home, .cwd = cwd};

	if (policy_add_preset(fixture->policy, name, &where, &fixture->err) != 0)
		fail_msg("%s: %s", name, fixture->err.text);
}

static void again(struct fixture *fixture)
{
	policy_free(fixture->policy);
	fixture->policy = policy_new();
	assert_non_null(fixture->policy);
}

static void default_keeps_the_home_private_but_for_the_work(void **state)
{
	struct fixture *f = *state;

	preset(f, "default", "/home/user", "/home/user/work");
	class_is(f, "/usr/bin/ls", "copy");
	class_is(f, "/home/user", "private");
	class_is(f, "/home/user/.ssh/id_rsa", "hide");
	class_is(f, "/home/alice", "private");
	class_is(f, "/root", "private");
	class_is(f, "/home/user/work", "copy");
	class_is(f, "/home/user/work/.git/config", "copy");
	class_is(f, "/tmp/x", "private");
	class_is(f, "/run/docker.sock", "private");
	class_is(f, "/etc/passwd", "copy");
	class_is(f, "/etc/shadow", "hide");
	class_is(f, "/etc/shadow-", "hide");
	class_is(f, "/etc/gshadow", "hide");
	class_is(f, "/etc/ssh/ssh_host_ed25519_key", "hide");
	class_is(f, "/etc/ssh/ssh_host_ed25519_key.pub", "copy");
	class_is(f, "/etc/ssh/ssh_config", "copy");
	class_is(f, "/var/lib/docker/overlay2", "hide");
	class_is(f, "/etc/NetworkManager/system-connections/wifi", "hide");
	assert_int_equal(f->policy->net, NET_OWN);
}

static void in_the_home_secrets_are_hidden(void **state)
{
	static const char *const hidden[] = {".ssh/id_rsa",
					     ".gnupg",
					     ".aws/credentials",
					     ".config/gh/hosts.yml",
					     ".netrc",
					     ".docker",
					     ".kube",
					     ".mozilla/firefox",
					     ".bash_history",
					     ".npmrc",
					     ".python_history",
					     ".cargo/credentials.toml",
					     ".git-credentials",
					     ".local/share/keyrings"};
	struct fixture *f = *state;
	char path[128];

	preset(f, "default", "/home/user", "/home/user");
	class_is(f, "/home/user/notes.txt", "copy");
	class_is(f, "/home/user/.bashrc", "copy");
	class_is(f, "/home/user/.cargo/registry", "copy");
	for (size_t i = 0; i < ARRAY_LENGTH(hidden); i++) {
		(void)snprintf(path, sizeof(path), "/home/user/%s", hidden[i]);
		class_is(f, path, "hide");
	}
}

static void a_directory_that_shows_too_much_is_not_added(void **state)
{
	struct fixture *f = *state;

	preset(f, "default", "/home/user", "/");
	class_is(f, "/home/user", "private");
	again(f);
	preset(f, "default", "/home/user", "/home");
	class_is(f, "/home/user", "private");
	class_is(f, "/home/alice", "private");
	again(f);
	preset(f, "default", "/home/user", "/home/user/.ssh");
	class_is(f, "/home/user/.ssh", "hide");
	again(f);
	preset(f, "default", "/home/user", "/home/user/.config/app");
	class_is(f, "/home/user/.config/app", "hide");
	again(f);
	preset(f, "default", "/home/user", "/home/user/.cargo");
	class_is(f, "/home/user/.cargo/config.toml", "copy");
	class_is(f, "/home/user/.cargo/credentials.toml", "hide");
	again(f);
	preset(f, "default", "/home/user", "/etc/ssl/private");
	class_is(f, "/etc/ssl/private", "hide");
	again(f);
	preset(f, "default", "/home/user", "/run/user/1000");
	class_is(f, "/run/user/1000", "copy");
	again(f);
	preset(f, "default", "/home/user", "/run");
	class_is(f, "/run", "private");
	again(f);
	preset(f, "default", "/home/user", "/proc/1");
	class_is(f, "/home/user", "private");
}

/* As under sudo. */
static void somebody_elses_home_has_secrets_too(void **state)
{
	struct fixture *f = *state;

	preset(f, "default", "/root", "/home/user");
	class_is(f, "/home/user/x", "copy");
	class_is(f, "/home/user/.ssh", "hide");
	class_is(f, "/home/user/.config/gh", "hide");
	class_is(f, "/home/alice", "private");
	again(f);
	preset(f, "default", "/root", "/home/user/.ssh");
	class_is(f, "/home/user/.ssh", "hide");
	again(f);
	preset(f, "build", "/root", "/home/user");
	class_is(f, "/home/user/x", "copy");
	again(f);
	preset(f, "build", "/root", "/home/user/work");
	class_is(f, "/home/user/work", "write");
	again(f);
	preset(f, "default", "/home/user", "/root");
	class_is(f, "/root/x", "copy");
	class_is(f, "/root/.ssh", "hide");
	again(f);
	preset(f, "open", "/root", "/home/user/work");
	class_is(f, "/home/user/.ssh", "hide");
	class_is(f, "/root/.ssh", "hide");
}

static void a_build_does_not_write_the_system(void **state)
{
	struct fixture *f = *state;

	preset(f, "build", "/root", "/etc");
	class_is(f, "/etc/passwd", "copy");
	again(f);
	preset(f, "build", "/root", "/var");
	class_is(f, "/var/x", "copy");
	again(f);
	preset(f, "build", "/home/user", NULL);
	class_is(f, "/usr", "copy");
}

static void odd_names_of_places_are_taken_as_they_are(void **state)
{
	struct fixture *f = *state;

	preset(f, "default", "/home/user/", "/home/./user//");
	class_is(f, "/home/user/x", "copy");
	class_is(f, "/home/user/.ssh", "hide");
	again(f);
	preset(f, "default", "/home/user", "/home/user/a*");
	class_is(f, "/home/user/a*/x", "copy");
	class_is(f, "/home/user/ab", "private");
	again(f);
	preset(f, "default", "/srv/u*", "/srv/u*");
	class_is(f, "/srv/u*/.bash_history", "hide");
	class_is(f, "/srv/ux/.bash_history", "copy");
	again(f);
	preset(f, "default", "relative", "relative");
	class_is(f, "/etc", "copy");
}

static void the_system_is_nobodys_home(void **state)
{
	static const char *const homes[] = {"/",    "/usr/sbin", "/dev/null", "/var",
					    "/etc", "/bin",	 ""};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LENGTH(homes); i++) {
		again(f);
		preset(f, "default", homes[i], "/srv/x");
		class_is(f, "/usr/sbin/x", "copy");
		class_is(f, "/var/x", "copy");
		class_is(f, "/etc/passwd", "copy");
		class_is(f, "/bin/sh", "copy");
	}
	again(f);
	preset(f, "default", "/nonexistent", "/srv/x");
	class_is(f, "/nonexistent", "private");
	again(f);
	preset(f, "default", NULL, NULL);
	class_is(f, "/usr", "copy");
}

static void scratch_space_shows_no_sockets(void **state)
{
	struct fixture *f = *state;

	preset(f, "default", "/home/user", "/tmp");
	class_is(f, "/tmp/a.out", "copy");
	class_is(f, "/tmp/.X11-unix/X0", "hide");
	class_is(f, "/tmp/ssh-abc/agent.1", "hide");
	again(f);
	preset(f, "default", "/home/user", "/tmp/job");
	class_is(f, "/tmp/a.out", "private");
	class_is(f, "/tmp/job/a.out", "copy");
}

static void strict_shows_programs_and_the_work_read_only(void **state)
{
	struct fixture *f = *state;

	preset(f, "strict", "/home/user", "/home/user/work");
	class_is(f, "/", "none");
	class_is(f, "/etc/shadow", "none");
	class_is(f, "/etc/hostname", "none");
	class_is(f, "/var/lib", "none");
	class_is(f, "/home/user", "none");
	class_is(f, "/home/user/work/x", "read");
	class_is(f, "/usr/lib/x", "read");
	class_is(f, "/etc/ld.so.cache", "read");
	class_is(f, "/tmp", "private");
	assert_int_equal(f->policy->net, NET_NONE);
	again(f);
	preset(f, "strict", "/home/user", "/home/user");
	class_is(f, "/home/user/x", "read");
	class_is(f, "/home/user/.ssh", "hide");
}

static void build_writes_the_work_but_not_its_history(void **state)
{
	struct fixture *f = *state;

	preset(f, "build", "/home/user", "/home/user/work");
	class_is(f, "/home/user/work/a.o", "write");
	class_is(f, "/home/user/work/.git/hooks", "read");
	class_is(f, "/home/user/.ccache", "copy");
	class_is(f, "/home/user/.cargo/registry", "copy");
	class_is(f, "/home/user/.cargo/credentials", "hide");
	class_is(f, "/home/user/.bashrc", "private");
	class_is(f, "/usr/include", "copy");
	again(f);
	preset(f, "build", "/home/user", "/home/user");
	class_is(f, "/home/user/x", "copy");
	again(f);
	preset(f, "build", "/home/user", "/");
	class_is(f, "/usr", "copy");
	again(f);
	preset(f, "build", "/home/user", "/srv/project");
	class_is(f, "/srv/project", "write");
}

static void open_shows_the_host_but_for_secrets(void **state)
{
	struct fixture *f = *state;

	preset(f, "open", "/home/user", "/home/user/work");
	class_is(f, "/home/user/x", "copy");
	class_is(f, "/home/alice", "copy");
	class_is(f, "/home/user/.ssh", "hide");
	class_is(f, "/etc/shadow", "hide");
	class_is(f, "/run/docker.sock", "private");
	class_is(f, "/tmp/x", "copy");
	class_is(f, "/tmp/.X11-unix", "hide");
}

static void every_rule_of_a_preset_is_optional_but_the_root(void **state)
{
	struct fixture *f = *state;
	const char *name;

	for (size_t p = 0; (name = preset_name(p)) != NULL; p++) {
		again(f);
		preset(f, name, "/home/user", "/home/user/work");
		for (size_t i = 0; i < f->policy->path_count; i++) {
			const struct path_rule *rule = &f->policy->paths[i];

			assert_int_equal(rule->optional, strcmp(rule->guest, "/") != 0);
			assert_string_equal(rule->host, rule->guest);
		}
	}
	assert_int_equal(policy_add(f->policy, "strickt", &context, &f->err), -EINVAL);
	assert_non_null(strstr(f->err.text, "did you mean 'strict'?"));
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(default_keeps_the_home_private_but_for_the_work),
		CASE(in_the_home_secrets_are_hidden),
		CASE(a_directory_that_shows_too_much_is_not_added),
		CASE(somebody_elses_home_has_secrets_too),
		CASE(a_build_does_not_write_the_system),
		CASE(odd_names_of_places_are_taken_as_they_are),
		CASE(the_system_is_nobodys_home),
		CASE(scratch_space_shows_no_sockets),
		CASE(strict_shows_programs_and_the_work_read_only),
		CASE(build_writes_the_work_but_not_its_history),
		CASE(open_shows_the_host_but_for_secrets),
		CASE(every_rule_of_a_preset_is_optional_but_the_root),
	};

	return cmocka_run_group_tests_name("preset", tests, NULL, NULL);
}
