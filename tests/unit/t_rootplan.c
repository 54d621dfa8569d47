/* SPDX-License-Identifier: Apache-2.0
 *
 * The root plan of directories with mounts below them, which a user namespace puts together from
 * parts. What is mounted is only said, so no rights are needed.
 */
#include "world/rootplan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	char folder[64]; /* has a/b/mount, a/c, and the file a/file */
	struct host_mounts mounts;
	struct policy *policy;
	struct root_plan plan;
};

static void make(const struct fixture *f, const char *name, bool is_dir)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", f->folder, name);
	if (is_dir) {
		assert_int_equal(mkdir(path, 0755), 0);
		return;
	}
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
}

static void say_mounts(struct fixture *f, const char *type)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
		       "20 1 8:1 / / rw - ext4 /dev/x rw\n"
		       "21 20 0:30 / %s/a/b/mount rw - %s none rw\n",
		       f->folder, type);
	assert_int_equal(host_mounts_parse(text, &f->mounts, NULL), 0);
}

static int set_up(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){.folder = "/tmp/cloche-rootplan.XXXXXX"};
	assert_non_null(mkdtemp(fixture.folder));
	make(&fixture, "a", true);
	make(&fixture, "a/b", true);
	make(&fixture, "a/b/mount", true);
	make(&fixture, "a/c", true);
	make(&fixture, "a/file", false);
	say_mounts(&fixture, "tmpfs");
	fixture.policy = policy_new();
	assert_non_null(fixture.policy);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {"a/file", "a/c", "a/b/mount", "a/b", "a", ""};
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/a/b/mount/inner", f->folder);
	(void)rmdir(path); /* In one test. */
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", f->folder, names[i]);
		assert_int_equal(remove(path), 0);
	}
	root_plan_done(&f->plan);
	host_mounts_done(&f->mounts);
	f->policy = policy_free(f->policy);
	return 0;
}

static void add(struct fixture *f, enum path_class class, const char *name)
{
	const struct policy_context context = {.home = "/", .cwd = "/"};
	char path[128];

	(void)snprintf(path, sizeof(path), "%s%s%s", f->folder, *name == '\0' ? "" : "/", name);
	assert_int_equal(policy_add_path(f->policy, class, path, "test", &context, NULL), 0);
}

static void plan(struct fixture *f, bool rooted)
{
	const struct root_options options = {.rooted = rooted};
	struct cloche_err err = {0};

	if (root_plan_make(&f->plan, f->policy, &f->mounts, &options, &err) != 0)
		fail_msg("%s", err.text);
	/* What can be mounted in no place ends the start of a box. */
	for (size_t i = 0; i < f->plan.piece_count; i++) {
		for (size_t k = 0; k < f->plan.pieces[i].stub_count; k++)
			assert_string_not_equal(f->plan.pieces[i].stubs[k].path, "");
		/* One layer in two mounts at once is what overlayfs warns of. */
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(f->plan.pieces[k].guest, f->plan.pieces[i].guest);
	}
}

/* The kind of the last piece at the path, which is the one that is seen; "none". */
static const char *kind(const struct fixture *f, const char *name)
{
	const char *found = "none";
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", f->folder, name);
	for (size_t i = 0; i < f->plan.piece_count; i++) {
		if (strcmp(f->plan.pieces[i].guest, path) == 0)
			found = piece_kind_name(f->plan.pieces[i].kind);
	}
	return found;
}

/* In a box whose root shows nothing else the place of the parts is the root's mask. */
static void a_directory_with_mounts_is_put_together(void **state)
{
	struct fixture *f = *state;

	add(f, PATH_READ, "a");
	plan(f, false);
	assert_string_equal(kind(f, "a"), "none");
	assert_string_equal(kind(f, "a/c"), "read-only");
	assert_string_equal(kind(f, "a/file"), "read-only");
	assert_string_equal(kind(f, "a/b/mount"), "read-only");
}

static void one_that_is_named_within_is_too(void **state)
{
	struct fixture *f = *state;

	add(f, PATH_READ, "a");
	add(f, PATH_READ, "a/b");
	plan(f, false);
	assert_string_equal(kind(f, "a/b/mount"), "read-only");
	assert_string_equal(kind(f, "a/c"), "read-only");
}

static void read_within_what_hides_is_the_hosts_own(void **state)
{
	struct fixture *f = *state;

	add(f, PATH_READ, "a");
	add(f, PATH_READ, "a/c");
	add(f, PATH_HIDE, "a/file");
	plan(f, true);
	assert_string_equal(kind(f, "a"), "overlay, read-only");
	assert_string_equal(kind(f, "a/c"), "read-only");
	assert_string_equal(kind(f, "a/b/mount"), "read-only");
}

static void a_copy_within_a_copy_is_one_overlay(void **state)
{
	struct fixture *f = *state;

	add(f, PATH_COPY, "a/c");
	add(f, PATH_COPY, "a");
	plan(f, true);
	assert_string_equal(kind(f, "a"), "overlay");
	assert_string_equal(kind(f, "a/c"), "none");
	assert_string_equal(kind(f, "a/b/mount"), "overlay");
}

/* The mount is shown by the copy that it lies in, whose place is there only after what is private
 * around it. */
static void a_mount_is_shown_once(void **state)
{
	struct fixture *f = *state;

	add(f, PATH_COPY, "");
	add(f, PATH_PRIVATE, "a");
	add(f, PATH_COPY, "a/b");
	plan(f, true);
	assert_string_equal(kind(f, "a/b"), "overlay");
	assert_string_equal(kind(f, "a/b/mount"), "overlay");
}

static void a_mount_that_is_named_is_shown_once(void **state)
{
	struct fixture *f = *state;

	add(f, PATH_COPY, "");
	add(f, PATH_PRIVATE, "a");
	add(f, PATH_COPY, "a/b/mount");
	plan(f, true);
	assert_string_equal(kind(f, "a/b/mount"), "overlay");
}

/* The kernel's own is not shown, and what the host's path leads to is not in what is. */
static void a_place_behind_a_mount_is_made(void **state)
{
	struct fixture *f = *state;
	bool found = false;

	host_mounts_done(&f->mounts);
	say_mounts(f, "devtmpfs");
	make(f, "a/b/mount/inner", true);
	add(f, PATH_COPY, "a");
	add(f, PATH_WRITE, "a/b/mount/inner");
	plan(f, true);
	assert_string_equal(kind(f, "a/b/mount"), "none");
	assert_string_equal(kind(f, "a/b/mount/inner"), "host's own");
	for (size_t i = 0; i < f->plan.piece_count; i++) {
		for (size_t k = 0; k < f->plan.pieces[i].stub_count; k++)
			found |= strcmp(f->plan.pieces[i].stubs[k].path, "b/mount/inner") == 0;
	}
	assert_true(found);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_directory_with_mounts_is_put_together),
		CASE(one_that_is_named_within_is_too),
		CASE(read_within_what_hides_is_the_hosts_own),
		CASE(a_copy_within_a_copy_is_one_overlay),
		CASE(a_mount_is_shown_once),
		CASE(a_mount_that_is_named_is_shown_once),
		CASE(a_place_behind_a_mount_is_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
