/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a policy file, with its hooks. Whatever they say: the loader ends, in an error that
 * has words, or in a policy whose paths are clean, whose plan never opens what no policy may open,
 * and whose environment can be made.
 */
#include "base/own.h"
#include "hooks/hooks.h"
#include "policy/explain.h"
#include "policy/model.h"

#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct policy_context context = {.home = "/home/user", .cwd = "/home/user/work"};

static void check_paths(const struct policy *policy)
{
	for (size_t i = 0; i < policy->path_count; i++) {
		const struct path_rule *rule = &policy->paths[i];
		_own_(freep) char *clean = NULL;

		assert(rule->class < PATH_CLASS_COUNT);
		assert(path_clean(rule->host, &context, &clean) == 0);
		assert(strcmp(clean, rule->host) == 0);
		assert(rule->guest[0] == '/');
		assert(!path_below(rule->guest, "/proc"));
		assert(policy_path_find(policy, rule->guest) != NULL);
	}
}

static void check_plan(const struct policy *policy)
{
	static struct plan plan;
	const struct plan_options options = {.count_memory = true};
	struct buf out;

	plan_make(&plan, policy, &options);
	assert(plan.entries[SC_io_uring_setup].answer.kind == ANSWER_REFUSE);
	assert(plan.entries[SC_mount].answer.kind == ANSWER_REFUSE);
	assert(plan.entries[SC_bpf].answer.kind == ANSWER_REFUSE);
	assert(plan.entries[SC_clone3].answer.kind == ANSWER_REFUSE);
	assert(plan.entries[SC_execve].answer.kind != ANSWER_REFUSE);
	buf_init(&out, 1 << 16);
	(void)plan_explain(&plan, policy, &out, true); /* Too long is fine. */
	buf_done(&out);
}

/* Hooks are asked about an open of this process. Whatever they do, they end, with a verdict. */
static void run_hooks(const struct policy *policy)
{
	static const char path[] = "/etc/hostname";
	const uint64_t args[CALL_ARGS_MAX] = {(uint64_t)AT_FDCWD, (uintptr_t)path, O_RDONLY};
	struct hooks *hooks = hooks_lua(policy);
	struct call call = {.task = {.tid = getpid(), .listener_fd = -1, .proc = {-1}}};

	if (hooks == NULL)
		return;
	assert(hooks->start(hooks) == 0);
	call_begin(&call, ABI_X86_64, (uint32_t)calls_table[SC_openat].number[ABI_X86_64], args);
	struct verdict verdict = hooks->decide(hooks, &call);
	assert(verdict.kind <= VERDICT_HOLD);
	assert(verdict.kind != VERDICT_DENY || verdict.value > 0);
	hooks->watch(hooks, &call);
	call.result = 3;
	hooks->after(hooks, &call);
	call_done(&call);
	hooks_lua_free(hooks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy *policy = policy_new();
	struct cloche_err err = {0};
	char *const caller[] = {(char[]){"LANG=C"}, (char[]){"A=1"}, NULL};
	char **environment = NULL;

	if (policy == NULL)
		return 0;
	int r = policy_add_text(policy, "fuzz.lua", (const char *)data, size, &context, &err);
	if (r < 0) {
		assert(err.code == r);
		assert(err.text[0] != '\0');
	} else {
		check_paths(policy);
		check_plan(policy);
		run_hooks(policy);
		if (policy_environment(policy, caller, &environment) == 0)
			free(environment);
	}
	policy_free(policy);
	return 0;
}
