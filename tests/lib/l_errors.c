/* SPDX-License-Identifier: Apache-2.0
 *
 * What the functions say of nonsense, and of what cannot be.
 */
#include "boxed.h"

#include <stddef.h>

static int nothing(struct cloche_call *call, void *arg)
{
	(void)call;
	(void)arg;
	return CLOCHE_ALLOW;
}

struct longer {
	struct cloche_box_options options;
	long more;
};

static void sizes(void)
{
	struct boxed *boxed = boxed_new();
	struct longer longer = {.options = CLOCHE_BOX_OPTIONS_INIT};
	struct cloche_run_options run = CLOCHE_RUN_OPTIONS_INIT;
	struct cloche_box *box = NULL;
	char *argv[] = {(char *)"true", NULL};

	longer.options.policy = boxed->policy;
	longer.options.size = sizeof(longer);
	check(cloche_box_new(&longer.options, &box, NULL) == 0, "a_longer_one_of_zeros_is_taken");
	box = cloche_box_free(box);
	longer.more = 1;
	check(cloche_box_new(&longer.options, &box, &boxed->err) == -E2BIG &&
		      boxed->err.code == -E2BIG && boxed->err.text[0] != '\0' && box == NULL,
	      "a_longer_one_with_more_in_it_is_e2big");
	longer.options.size = offsetof(struct cloche_box_options, name);
	longer.options.name = (const char *)8;
	check(cloche_box_new(&longer.options, &box, NULL) == 0, "a_shorter_one_is_taken");
	run.size = sizeof(run.size) - 1;
	check(cloche_box_run(box, argv, &run, NULL, NULL) == -EINVAL, "one_without_a_size");
	run.size = sizeof(run.size);
	check(cloche_box_run(box, argv, &run, NULL, NULL) == 0, "the_shortest");
	box = cloche_box_free(box);
	longer.options = (struct cloche_box_options)CLOCHE_BOX_OPTIONS_INIT;
	check(cloche_box_new(&longer.options, &box, NULL) == -EINVAL, "a_box_without_a_policy");
	longer.options.policy = boxed->policy;
	longer.options.flags = 1ULL << 63;
	check(cloche_box_new(&longer.options, &box, NULL) == -EINVAL, "an_unknown_flag");
	check(cloche_box_new(NULL, &box, NULL) == -EINVAL, "no_options");
	boxed_free(boxed);
}

static void errors(void)
{
	struct boxed *boxed = boxed_new();
	struct cloche_err *err = &boxed->err;
	char *none[] = {NULL};
	char *argv[] = {(char *)"true", NULL};
	struct cloche_run_options run = CLOCHE_RUN_OPTIONS_INIT;
	unsigned when = CLOCHE_ON;

	boxed_make(boxed);
	check(cloche_box_hook(boxed->box, "opena", when, nothing, NULL, err) == -EINVAL &&
		      strstr(err->text, "did you mean 'open") != NULL,
	      "an_unknown_call_has_a_suggestion");
	check(cloche_box_hook(boxed->box, "%fil", when, nothing, NULL, err) == -EINVAL &&
		      strstr(err->text, "did you mean '%file'") != NULL,
	      "an_unknown_family_has_a_suggestion");
	check(cloche_box_hook(boxed->box, "", when, nothing, NULL, err) == -EINVAL &&
		      cloche_box_hook(boxed->box, NULL, when, nothing, NULL, err) == -EINVAL &&
		      cloche_box_hook(boxed->box, "open", when, NULL, NULL, err) == -EINVAL &&
		      cloche_box_hook(boxed->box, "open", 0, nothing, NULL, err) == -EINVAL &&
		      cloche_box_hook(boxed->box, "open", 8, nothing, NULL, err) == -EINVAL &&
		      cloche_box_hook(NULL, "open", when, nothing, NULL, err) == -EINVAL,
	      "a_hook_that_is_none");
	check(cloche_box_run(boxed->box, none, NULL, NULL, err) == -EINVAL &&
		      cloche_box_run(boxed->box, NULL, NULL, NULL, err) == -EINVAL &&
		      cloche_box_run(NULL, argv, NULL, NULL, err) == -EINVAL,
	      "a_run_of_nothing");
	check(cloche_box_wait(boxed->box, -1, NULL, err) == -ESRCH &&
		      cloche_box_kill(boxed->box) == -ESRCH &&
		      cloche_box_signal(boxed->box, SIGTERM) == -ESRCH &&
		      cloche_box_signal(boxed->box, 0) == -EINVAL &&
		      cloche_box_answer(boxed->box, 1, 0) == -ESRCH &&
		      cloche_box_fd(boxed->box) == -ESRCH,
	      "nothing_runs");
	run.flags = CLOCHE_RUN_IN_PROCESS;
	check(cloche_box_start(boxed->box, argv, &run, err) == -EINVAL, "start_is_not_in_process");
	check(cloche_box_free(NULL) == NULL && cloche_policy_free(NULL) == NULL, "null_is_freed");
	boxed->policy = cloche_policy_free(boxed->policy);
	boxed_shell(boxed, "true");
	check(ended(boxed, 0), "a_box_keeps_its_policy");
	boxed_free(boxed);
}

static void policies(void)
{
	struct cloche_policy *policy = cloche_policy_new();
	struct cloche_err err = {0};

	check(cloche_policy_add(policy, "defualt", &err) == -EINVAL &&
		      strstr(err.text, "default") != NULL,
	      "an_unknown_preset");
	check(cloche_policy_add(policy, "./nowhere.lua", &err) == -ENOENT, "a_file_that_is_not");
	check(cloche_policy_set(policy, "memroy", "1M", &err) == -EINVAL &&
		      strstr(err.text, "memory") != NULL,
	      "an_unknown_setting");
	check(cloche_policy_set(policy, "memory", "much", &err) == -EINVAL &&
		      cloche_policy_set(policy, "memory", NULL, &err) == -EINVAL,
	      "a_value_that_is_none");
	check(cloche_policy_refuse(policy, "ptrac", &err) == -EINVAL &&
		      strstr(err.text, "'ptrace'") != NULL &&
		      cloche_policy_refuse(policy, "exit_group", &err) == -EPERM &&
		      cloche_policy_allow(policy, "reboot", &err) == -EPERM,
	      "calls_that_cannot_be");
	check(cloche_policy_add_path(policy, (enum cloche_path)9, "/usr", &err) == -EINVAL &&
		      cloche_policy_add_path(policy, CLOCHE_PATH_READ, "", &err) == -EINVAL &&
		      cloche_policy_add_path(policy, CLOCHE_PATH_READ, NULL, &err) == -EINVAL,
	      "paths_that_are_none");
	check(cloche_policy_add(NULL, "default", &err) == -EINVAL && err.text[0] != '\0',
	      "no_policy");
	check(cloche_policy_set(policy, "tasks", "10", &err) == 0 && err.code == 0 &&
		      err.text[0] == '\0',
	      "success_leaves_no_error");
	check(strcmp(cloche_version(), "0.1.0") == 0, "the_version");
	(void)cloche_policy_free(policy);
}

/* A path that the host does not have is found out when the box is built. */
static void cannot_be(void)
{
	struct boxed *boxed = boxed_new();
	char *argv[] = {(char *)"true", NULL};

	cloche_policy_add_path(boxed->policy, CLOCHE_PATH_READ, "/nowhere/at/all", NULL);
	boxed_make(boxed);
	int r = cloche_box_start(boxed->box, argv, NULL, &boxed->err);
	note("%d %s", r, boxed->err.text);
	check(r == -ENOENT && strstr(boxed->err.text, "/nowhere/at/all") != NULL,
	      "what_cannot_be_fulfilled_fails_at_the_start");
	boxed_free(boxed);
}

int main(void)
{
	find_guest();
	sizes();
	errors();
	policies();
	cannot_be();
	return done();
}
