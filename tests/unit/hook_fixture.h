/* SPDX-License-Identifier: Apache-2.0
 *
 * A policy's hooks without a box: the caller is the test itself, its calls are made up, and what
 * is logged is kept.
 */
#ifndef CLOCHE_TESTS_HOOK_FIXTURE_H
#define CLOCHE_TESTS_HOOK_FIXTURE_H

#include "base/own.h"
#include "hooks/hooks.h"
#include "policy/model.h"
#include "policy/script.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct policy_context context = {.home = "/home/user", .cwd = "/home/user/work"};

struct fixture {
	struct policy *policy;
	struct hooks *hooks;
	struct stream stream;
	int log_fd;
	char log[8192];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	int fds[2];

	if (fixture == NULL || pipe2(fds, O_NONBLOCK | O_CLOEXEC) != 0)
		return -1;
	fixture->log_fd = fds[0];
	*state = fixture;
	return stream_init(&fixture->stream, fds[1]);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	(void)policy_free(fixture->policy);
	hooks_lua_free(fixture->hooks);
	(void)close(fixture->stream.fd);
	(void)close(fixture->log_fd);
	stream_done(&fixture->stream);
	free(fixture);
	return 0;
}

/* A policy anew. */
static void load(struct fixture *f, const char *text)
{
	struct cloche_err err = {0};

	(void)policy_free(f->policy);
	hooks_lua_free(f->hooks);
	f->policy = policy_new();
	if (policy_add_text(f->policy, "test.lua", text, strlen(text), &context, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	f->hooks = hooks_lua(f->policy);
	assert_non_null(f->hooks);
	f->hooks->stream = &f->stream;
	assert_int_equal(f->hooks->start(f->hooks), 0);
}

/* What was logged since the last time, a line for each. */
static const char *logged(struct fixture *f)
{
	char bytes[sizeof(f->log)];
	ssize_t length = read(f->log_fd, bytes, sizeof(bytes) - 1);
	size_t used = 0;

	f->log[0] = '\0';
	for (ssize_t at = 0; at + (ssize_t)sizeof(struct stream_frame) <= length;) {
		struct stream_frame frame;

		memcpy(&frame, bytes + at, sizeof(frame));
		at += (ssize_t)sizeof(frame);
		used += (size_t)snprintf(f->log + used, sizeof(f->log) - used, "%s%.*s",
					 used > 0 ? "\n" : "", (int)frame.length, bytes + at);
		at += (ssize_t)frame.length;
	}
	return f->log;
}

static void logs(struct fixture *f, const char *expected)
{
	const char *got = logged(f);

	if (strcmp(got, expected) != 0)
		fail_msg("\n  expected: %s\n  got:      %s", expected, got);
}

/* A call of this process; released by call_done. */
static struct call begin(enum abi abi, enum sc sc, const uint64_t args[CALL_ARGS_MAX])
{
	struct call call = {.task = {.tid = getpid(), .listener_fd = -1, .proc = {-1}}};

	call_begin(&call, abi, (uint32_t)calls_table[sc].number[abi], args);
	return call;
}

#define ARGS(...)   ((const uint64_t[CALL_ARGS_MAX]){__VA_ARGS__})
#define AT(pointer) ((uint64_t)(uintptr_t)(pointer))

static struct call open_call(const char *path, int flags)
{
	return begin(ABI_X86_64, SC_openat, ARGS((uint64_t)AT_FDCWD, AT(path), (uint64_t)flags));
}

/* The verdict of a hook on openat of this path; the log is left. */
static struct verdict verdict_on(struct fixture *f, const char *path)
{
	struct call call = open_call(path, O_RDONLY);
	struct verdict verdict = f->hooks->decide(f->hooks, &call);

	call_done(&call);
	return verdict;
}

static void denies(struct fixture *f, const char *body, const char *expected)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), "on.openat = function(call) %s end", body);
	load(f, text);
	struct verdict verdict = verdict_on(f, "/etc/passwd");
	assert_int_equal(verdict.kind, VERDICT_DENY);
	assert_int_equal(verdict.value, EPERM);
	logs(f, expected);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif
