/* SPDX-License-Identifier: Apache-2.0 */
#include "base/own.h"
#include "launch/program.h"
#include "lib/lib.h"
#include "policy/model.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

/* Where "~" and "." are for the calling process, now. */
struct here {
	struct policy_context context;
	char *home; /* owned */
	char *cwd;  /* owned */
};

static int here_init(struct here *here, struct cloche_err *err)
{
	struct identity caller;
	int r = identity_resolve(&caller, NULL, err);

	if (r < 0)
		return r;
	/* Rules are about real paths: a home behind a symlink would be seen through the other name.
	 */
	here->home = realpath(caller.caller_home, NULL);
	if (here->home == NULL)
		here->home = strdup(caller.caller_home);
	here->cwd = getcwd(NULL, 0);
	if (here->home == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	here->context.home = here->home;
	here->context.cwd = here->cwd != NULL && here->cwd[0] == '/' ? here->cwd : "/";
	return 0;
}

static void here_done(struct here *here)
{
	free(here->home);
	free(here->cwd);
}

/* What all that change a policy begin with. */
static int begin(struct cloche_policy *policy, const void *text, struct cloche_err *err)
{
	if (err != NULL)
		*err = (struct cloche_err){0};
	if (policy == NULL || text == NULL)
		return err_set(err, -EINVAL, "a policy and a text are needed");
	if (atomic_load(&policy->refs) > 1)
		return err_set(err, -EBUSY, "a box was made with this policy already");
	return 0;
}

struct cloche_policy *cloche_policy_new(void)
{
	return lib_policy_adopt(policy_new());
}

struct cloche_policy *lib_policy_adopt(struct policy *take_policy)
{
	struct cloche_policy *policy = calloc(1, sizeof(*policy));

	if (policy == NULL || take_policy == NULL) {
		(void)policy_free(take_policy);
		free(policy);
		return NULL;
	}
	policy->policy = take_policy;
	atomic_init(&policy->refs, 1);
	return policy;
}

struct policy *lib_policy_release(struct cloche_policy *take_policy)
{
	struct policy *policy = NULL;

	if (take_policy != NULL) {
		assert(atomic_load(&take_policy->refs) == 1);
		policy = take_policy->policy;
	}
	free(take_policy);
	return policy;
}

struct cloche_policy *lib_policy_ref(struct cloche_policy *policy)
{
	unsigned before = atomic_fetch_add(&policy->refs, 1);

	assert(before > 0);
	return policy;
}

struct cloche_policy *cloche_policy_free(struct cloche_policy *policy)
{
	if (policy == NULL || atomic_fetch_sub(&policy->refs, 1) > 1)
		return NULL;
	(void)policy_free(policy->policy);
	free(policy);
	return NULL;
}

int cloche_policy_add(struct cloche_policy *policy, const char *preset_or_file,
		      struct cloche_err *err)
{
	struct here here = {0};
	int r = begin(policy, preset_or_file, err);

	if (r == 0)
		r = here_init(&here, err);
	if (r == 0)
		r = policy_add(policy->policy, preset_or_file, &here.context, err);
	here_done(&here);
	return lib_result(r, err);
}

int cloche_policy_add_path(struct cloche_policy *policy, enum cloche_path how, const char *path,
			   struct cloche_err *err)
{
	static_assert(CLOCHE_PATH_HIDE == (int)PATH_HIDE, "the same classes");
	static_assert(CLOCHE_PATH_READ == (int)PATH_READ, "the same classes");
	static_assert(CLOCHE_PATH_COPY == (int)PATH_COPY, "the same classes");
	static_assert(CLOCHE_PATH_WRITE == (int)PATH_WRITE, "the same classes");
	static_assert(CLOCHE_PATH_PRIVATE == (int)PATH_PRIVATE, "the same classes");

	struct here here = {0};
	int r = begin(policy, path, err);

	if (r == 0 && (unsigned)how >= PATH_CLASS_COUNT)
		r = err_set(err, -EINVAL, "%d is no class of paths", (int)how);
	if (r == 0)
		r = here_init(&here, err);
	if (r == 0)
		r = policy_add_path(policy->policy, (enum path_class)how, path, "the program",
				    &here.context, err);
	here_done(&here);
	return lib_result(r, err);
}

int cloche_policy_add_env(struct cloche_policy *policy, const char *variable,
			  struct cloche_err *err)
{
	int r = begin(policy, variable, err);

	if (r == 0)
		r = policy_add_env(policy->policy, variable, err);
	return lib_result(r, err);
}

int cloche_policy_refuse(struct cloche_policy *policy, const char *call, struct cloche_err *err)
{
	int r = begin(policy, call, err);

	if (r == 0)
		r = policy_add_call(policy->policy, ANSWER_REFUSE, call, "the program", err);
	return lib_result(r, err);
}

int cloche_policy_allow(struct cloche_policy *policy, const char *call, struct cloche_err *err)
{
	int r = begin(policy, call, err);

	if (r == 0)
		r = policy_add_call(policy->policy, ANSWER_NATIVE, call, "the program", err);
	return lib_result(r, err);
}

int cloche_policy_set(struct cloche_policy *policy, const char *name, const char *value,
		      struct cloche_err *err)
{
	struct here here = {0};
	int r = begin(policy, name, err);

	if (r == 0 && value == NULL)
		r = err_set(err, -EINVAL, "%s: a value is needed", name);
	if (r == 0)
		r = here_init(&here, err);
	if (r == 0)
		r = policy_set(policy->policy, name, value, "the program", &here.context, err);
	here_done(&here);
	return lib_result(r, err);
}

/* The one file, where it is a program that this process might run and no rule says otherwise. */
static int show(struct policy *policy, const char *name, const struct policy_context *context,
		struct cloche_err *err)
{
	_own_(freep) char *found = program_find(name);
	_own_(freep) char *file = found != NULL ? realpath(found, NULL) : NULL;
	struct stat st;

	if (file == NULL || stat(file, &st) < 0 || !S_ISREG(st.st_mode) || access(file, X_OK) < 0)
		return 0;
	const struct path_rule *rule = policy_path_find(policy, file);
	if ((rule != NULL && rule->class != PATH_PRIVATE) || strchr(file, ':') != NULL ||
	    path_below(file, "/proc") || path_below(file, "/dev") || path_below(file, "/sys"))
		return 0;
	return policy_add_path(policy, PATH_READ, file, PROGRAM_ORIGIN, context, err);
}

int cloche_policy_show_program(struct cloche_policy *policy, const char *program,
			       struct cloche_err *err)
{
	struct here here = {0};
	int r = begin(policy, program, err);

	if (r == 0)
		r = here_init(&here, err);
	if (r == 0)
		r = show(policy->policy, program, &here.context, err);
	here_done(&here);
	return lib_result(r, err);
}
