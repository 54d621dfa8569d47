/* SPDX-License-Identifier: Apache-2.0
 *
 * A policy for each case, empty at first, as somebody in /home/user/work would make it.
 */
#ifndef CLOCHE_TESTS_POLICY_FIXTURE_H
#define CLOCHE_TESTS_POLICY_FIXTURE_H

#include "policy/model.h"
#include "policy/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct policy_context context = {.home = "/home/user", .cwd = "/home/user/work"};

struct fixture {
	struct policy *policy;
	struct cloche_err err;
	struct plan plan; /* where a case makes one */
	char folder[64];  /* "" unless a case wants files */
};

static inline int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (fixture == NULL)
		return -1;
	fixture->policy = policy_new();
	*state = fixture;
	return fixture->policy != NULL ? 0 : -1;
}

static inline int tear_down(void **state)
{
	struct fixture *fixture = *state;

	policy_free(fixture->policy);
	free(fixture);
	return 0;
}

static inline const char *class_of(const struct fixture *fixture, const char *path)
{
	const struct path_rule *rule = policy_path_find(fixture->policy, path);

	return rule != NULL ? path_class_name(rule->class) : "none";
}

static inline void class_is(const struct fixture *fixture, const char *path, const char *expected)
{
	const char *class = class_of(fixture, path);

	if (strcmp(class, expected) != 0)
		fail_msg("%s is %s, expected %s", path, class, expected);
}

#endif
