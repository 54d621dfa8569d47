/* SPDX-License-Identifier: Apache-2.0
 *
 * Policy times call table. What the launcher settled about this run (plan_options) comes last and
 * wins over the policy, because it only ever tightens or watches.
 */
#include "policy/plan.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* A call that is received by nobody yet can be interrupted, and these never are natively: their
 * refusals are not worth a wrong EINTR. */
static const enum sc never_notified[] = {
	SC_close,	  SC_close_range,   SC_dup,
	SC_dup2,	  SC_dup3,	    SC_fork,
	SC_vfork,	  SC_clone,	    SC_clone3,
	SC_exit,	  SC_futex,	    SC_exit_group,
	SC_munmap,	  SC_rt_sigaction,  SC_rt_sigprocmask,
	SC_rt_sigreturn,  SC_rt_sigsuspend, SC_rt_sigtimedwait,
	SC_rt_sigpending, SC_sigreturn,
};

/* The ipc call of i386 carries the number of the real call in its first argument: 23 is SHMGET
 * (linux/ipc.h). The table has no rules for ipc that these could push aside. */
static const struct call_rule ipc_without_shmget[] = {
	{.tests = {{.arg = 0, .op = TEST_EQ, .mask = 0xffff, .value = 23}},
	 .answer = {.kind = ANSWER_REFUSE, .refuse = ENOSYS},
	 .text = "refuse ENOSYS when call == SHMGET"},
};

static void apply_override(struct plan_entry *entry, const struct call_override *override)
{
	if (!override->set)
		return;
	entry->answer = override->answer;
	entry->origin = override->origin;
	if (override->answer.kind == ANSWER_REFUSE) {
		entry->rules = NULL;
		entry->rule_count = 0;
	}
}

static void refuse(struct plan_entry *entry, int code, const char *origin)
{
	if (entry->answer.kind == ANSWER_REFUSE && entry->rule_count == 0)
		return;
	*entry = (struct plan_entry){
		.call = entry->call,
		.answer = {.kind = ANSWER_REFUSE, .refuse = (uint16_t)code},
		.origin = origin,
	};
}

static void refuse_uncounted(struct plan *plan)
{
	struct plan_entry *ipc = &plan->entries[SC_ipc];
	const char *origin = "limit on memory: this memory would not be counted";

	refuse(&plan->entries[SC_memfd_create], ENOSYS, origin);
	refuse(&plan->entries[SC_memfd_secret], ENOSYS, origin);
	refuse(&plan->entries[SC_shmget], ENOSYS, origin);
	if (ipc->answer.kind == ANSWER_REFUSE)
		return;
	ipc->rules = ipc_without_shmget;
	ipc->rule_count = ARRAY_LENGTH(ipc_without_shmget);
	ipc->origin = origin;
}

static void ask(struct plan_entry *entry, const char *origin)
{
	if (entry->answer.kind != ANSWER_NATIVE)
		return;
	entry->answer = (struct answer){.kind = ANSWER_ASK};
	entry->origin = origin;
}

#define SET_ID	(S_ISUID | S_ISGID)
#define CREATES (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) /* the mode counts with these only */
#define REFUSE_SET_ID                                                                              \
	{                                                                                          \
		.kind = ANSWER_REFUSE, .refuse = EPERM                                             \
	}
#define SET_ID_TEST(index)                                                                         \
	{                                                                                          \
		.arg = (index), .op = TEST_ANY, .mask = SET_ID                                     \
	}
#define CREATE_TEST(index)                                                                         \
	{                                                                                          \
		.arg = (index), .op = TEST_ANY, .mask = CREATES                                    \
	}

/* A set-id program that a guest leaves in a directory of the host's would be somebody else's way to
 * its owner's rights. The argument that holds the mode is looked at; openat2 holds it in memory and
 * is refused, which programs know from old kernels. */
static void refuse_set_id(struct plan *plan)
{
	static const struct {
		enum sc sc;
		struct call_rule rule;
	} rows[] = {
#define ROW(name, ...)                                                                             \
	{                                                                                          \
		SC_##name,                                                                         \
		{                                                                                  \
			.tests = {__VA_ARGS__},                                                    \
			.answer = REFUSE_SET_ID,                                                   \
			.text = "refuse EPERM when mode any S_ISUID|S_ISGID",                      \
		},                                                                                 \
	}
		ROW(chmod, SET_ID_TEST(1)),
		ROW(fchmod, SET_ID_TEST(1)),
		ROW(fchmodat, SET_ID_TEST(2)),
		ROW(fchmodat2, SET_ID_TEST(2)),
		ROW(creat, SET_ID_TEST(1)),
		ROW(open, SET_ID_TEST(2), CREATE_TEST(1)),
		ROW(openat, SET_ID_TEST(3), CREATE_TEST(2)),
		ROW(mknod, SET_ID_TEST(1)),
		ROW(mknodat, SET_ID_TEST(2)),
#undef ROW
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		plan->entries[rows[i].sc].before = &rows[i].rule;
	refuse(&plan->entries[SC_openat2], ENOSYS,
	       "host files can be written: its mode cannot be checked");
}

/* No network: Unix sockets, which reach no further than the box. */
static void refuse_network(struct plan *plan)
{
	static const struct call_rule unix_only[] = {{
		.tests = {{.arg = 0, .op = TEST_EQ, .mask = UINT32_MAX, .value = AF_UNIX}},
		.answer = {.kind = ANSWER_NATIVE},
		.text = "native when domain == AF_UNIX (no network)",
	}};
	struct plan_entry *entry = &plan->entries[SC_socket];

	if (entry->answer.kind == ANSWER_REFUSE && entry->rules == NULL)
		return;
	refuse(entry, EAFNOSUPPORT, "no network");
	entry->rules = unix_only;
	entry->rule_count = ARRAY_LENGTH(unix_only);
}

void plan_make(struct plan *plan, const struct policy *policy, const struct plan_options *options)
{
	memset(plan, 0, sizeof(*plan));
	plan->options = *options;
	for (size_t i = 0; i < SC_COUNT; i++) {
		const struct call_info *call = &calls_table[i];
		struct plan_entry *entry = &plan->entries[i];

		*entry = (struct plan_entry){
			.call = call,
			.answer = call->answer,
			.rules = call->rules,
			.rule_count = call->rule_count,
			.origin = "table",
		};
		apply_override(entry, &policy->calls[i]);
	}
	if (options->count_memory)
		refuse_uncounted(plan);
	if (options->fixed_affinity)
		refuse(&plan->entries[SC_sched_setaffinity], EPERM,
		       "limit on processors: held by affinity");
	if (policy->net == NET_NONE)
		refuse_network(plan);
	if (options->refuse_set_id)
		refuse_set_id(plan);
	if (options->audit_exec) {
		ask(&plan->entries[SC_execve], "audit of programs");
		ask(&plan->entries[SC_execveat], "audit of programs");
	}
}

static bool test_holds(const struct arg_test *test, const uint64_t args[CALL_ARGS_MAX])
{
	uint32_t masked;

	if (test->op == TEST_NONE)
		return true;
	if (test->arg >= CALL_ARGS_MAX)
		return false;
	masked = (uint32_t)args[test->arg] & test->mask;
	return test->op == TEST_EQ ? masked == test->value : test->op == TEST_ANY && masked != 0;
}

static bool rule_holds(const struct call_rule *rule, const uint64_t args[CALL_ARGS_MAX])
{
	for (size_t i = 0; i < RULE_TESTS_MAX; i++)
		if (!test_holds(&rule->tests[i], args))
			return false;
	return true;
}

struct answer plan_answer(const struct plan *plan, enum sc sc, const uint64_t args[CALL_ARGS_MAX],
			  const char **ret_rule)
{
	const char *text = NULL;
	struct answer answer = {0};

	if (sc >= 0 && sc < SC_COUNT) {
		const struct plan_entry *entry = &plan->entries[sc];

		if (entry->before != NULL && rule_holds(entry->before, args)) {
			if (ret_rule != NULL)
				*ret_rule = entry->before->text;
			return entry->before->answer;
		}
		answer = entry->answer;
		for (size_t i = 0; i < entry->rule_count; i++) {
			if (!rule_holds(&entry->rules[i], args))
				continue;
			answer = entry->rules[i].answer;
			text = entry->rules[i].text;
			break;
		}
	}
	if (ret_rule != NULL)
		*ret_rule = text;
	return answer;
}

struct answer plan_guard_answer(const struct plan *plan, enum sc sc, struct answer answer)
{
	if (answer.kind != ANSWER_REFUSE || !plan->options.report_refusals)
		return answer;
	for (size_t i = 0; i < ARRAY_LENGTH(never_notified); i++)
		if (never_notified[i] == sc)
			return answer;
	return (struct answer){.kind = ANSWER_ASK};
}
