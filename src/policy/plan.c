/* SPDX-License-Identifier: Apache-2.0
 *
 * Policy times call table. What the launcher settled about this run (plan_options) comes last and
 * wins over the policy, because it only ever tightens or watches.
 */
#include "policy/plan.h"

#include "base/own.h"
#include "calls/multiplex.h"
#include "policy/area.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* The ipc call of i386 carries the number of the real call in its first argument: 23 is SHMGET
 * (linux/ipc.h). The table has no rules for ipc that these could push aside. */
#define IS_SHMGET .arg = 0, .op = TEST_EQ, .mask = 0xffff, .value = 23
static const struct call_rule ipc_without_shmget[] = {
	{.tests = {{IS_SHMGET}},
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
		.hooks = entry->hooks,
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

#define HUGE_PAGES(call, words, ...)                                                               \
	{                                                                                          \
		.sc = (call), .rule = {                                                            \
			.tests = {__VA_ARGS__},                                                    \
			.answer = {.kind = ANSWER_REFUSE, .refuse = ENOMEM},                       \
			.text = "refuse ENOMEM when " words " (limit on memory)",                  \
		}                                                                                  \
	}
#define ANY_BIT(index, bits)                                                                       \
	{                                                                                          \
		.arg = (index), .op = TEST_ANY, .mask = (bits)                                     \
	}

/* The huge pages that a host keeps are in no count of what a box has, and few. i386's old mmap,
 * whose flags are in memory, the filter leaves out. */
static void refuse_huge_pages(struct plan *plan)
{
	static const struct {
		enum sc sc;
		struct call_rule rule;
	} rows[] = {
		HUGE_PAGES(SC_mmap, "flags any MAP_HUGETLB", ANY_BIT(3, MAP_HUGETLB)),
		HUGE_PAGES(SC_mmap2, "flags any MAP_HUGETLB", ANY_BIT(3, MAP_HUGETLB)),
		HUGE_PAGES(SC_memfd_create, "flags any MFD_HUGETLB", ANY_BIT(1, MFD_HUGETLB)),
		HUGE_PAGES(SC_shmget, "flags any SHM_HUGETLB", ANY_BIT(2, SHM_HUGETLB)),
		HUGE_PAGES(SC_ipc, "SHMGET and third any SHM_HUGETLB", {IS_SHMGET},
			   ANY_BIT(3, SHM_HUGETLB)),
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct plan_entry *entry = &plan->entries[rows[i].sc];

		if (entry->answer.kind == ANSWER_REFUSE || entry->rule_count > 0)
			continue; /* All of it is refused. */
		entry->rules = &rows[i].rule;
		entry->rule_count = 1;
	}
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

/* What is wanted of connect is wanted of socketcall too, and what is refused as connect must not go
 * through there. */
static void spread_to_multiplexer(struct plan *plan, enum sc outer)
{
	struct plan_entry *entry = &plan->entries[outer];
	enum sc sc;

	for (size_t i = 0; (sc = multiplex_member(outer, i)) != SC_COUNT; i++) {
		const struct plan_entry *inner = &plan->entries[sc];
		bool refused = inner->answer.kind == ANSWER_REFUSE && inner->rule_count == 0 &&
			       calls_table[sc].answer.kind != ANSWER_REFUSE;

		entry->hooks |= inner->hooks;
		if (sc == SC_shmget && entry->rules == ipc_without_shmget)
			continue; /* That has a rule of its own. */
		if (refused && entry->answer.kind == ANSWER_NATIVE)
			ask(entry, inner->origin);
	}
}

/* Notify where it can be had: it costs half of a stop. */
static uint8_t choose_route(const struct plan_entry *entry, enum sc sc,
			    const struct plan_options *options)
{
	if (options->route == FORCE_STOP)
		return ROUTE_STOP;
	if (entry->hooks == 0)
		return ROUTE_NOTIFY;
	/* Also where notify is wished for: a hook that is not asked lets everything pass. */
	if ((entry->hooks & HOOK_AFTER) != 0 || route_never_notified(sc))
		return ROUTE_STOP;
	if (options->route == FORCE_NOTIFY)
		return ROUTE_NOTIFY;
	if ((entry->hooks & HOOK_ON) == 0 || route_carried(sc) || !route_reads_memory(sc))
		return ROUTE_NOTIFY;
	return ROUTE_STOP;
}

static bool hooks_notify(const struct plan *plan)
{
	for (size_t i = 0; i < SC_COUNT; i++)
		if (plan->entries[i].hooks != 0 && plan->entries[i].route == ROUTE_NOTIFY)
			return true;
	return false;
}

/* A call that is notified can be broken by a signal unless the monitor sees to it. These calls are
 * themselves never broken: before the first of them there is no handler that could do it. */
static void watch_handlers(struct plan *plan)
{
	static const enum sc setters[] = {SC_rt_sigaction, SC_sigaction, SC_signal};

	for (size_t i = 0; i < ARRAY_LENGTH(setters); i++) {
		struct plan_entry *entry = &plan->entries[setters[i]];

		if (entry->answer.kind == ANSWER_NATIVE && entry->route == ROUTE_NOTIFY)
			entry->handlers = true;
	}
}

/* A guest can bind itself with Landlock, and what the monitor opens for it would not be bound so. A
 * kernel may have that switched off, and programs go on without. */
static void refuse_landlock(struct plan *plan)
{
	static const enum sc calls[] = {SC_landlock_create_ruleset, SC_landlock_add_rule,
					SC_landlock_restrict_self};

	for (size_t i = 0; i < ARRAY_LENGTH(calls); i++)
		refuse(&plan->entries[calls[i]], EOPNOTSUPP,
		       "hooks: the monitor makes calls for guests, without their own restrictions");
}

static bool hooks_carry(const struct plan *plan)
{
	for (size_t i = 0; i < SC_COUNT; i++)
		if ((plan->entries[i].hooks & HOOK_ON) != 0 &&
		    plan->entries[i].route == ROUTE_NOTIFY && route_carried((enum sc)i))
			return true;
	return false;
}

/* Calls are made with the caller's authority, which is remembered while nothing changes it. */
static void watch_authority(struct plan *plan)
{
	static const enum sc changers[] = {
		SC_setuid,     SC_setgid,     SC_setreuid,    SC_setregid,    SC_setresuid,
		SC_setresgid,  SC_setfsuid,   SC_setfsgid,    SC_setgroups,   SC_setuid32,
		SC_setgid32,   SC_setreuid32, SC_setregid32,  SC_setresuid32, SC_setresgid32,
		SC_setfsuid32, SC_setfsgid32, SC_setgroups32, SC_capset,      SC_execve,
		SC_execveat,   SC_chroot,
	};

	for (size_t i = 0; i < ARRAY_LENGTH(changers); i++)
		plan->entries[changers[i]].authority = true;
}

/* What is carried out for a thread is answered into its memory; another program's may take its
 * place (monitor/executing.h). */
static void watch_programs(struct plan *plan)
{
	plan->entries[SC_execve].authority = true;
	plan->entries[SC_execveat].authority = true;
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
		entry->hooks = policy->hooks[i];
		if (options->hooks != NULL)
			entry->hooks |= options->hooks[i];
	}
	if (options->count_memory)
		refuse_uncounted(plan);
	if (options->limit_memory)
		refuse_huge_pages(plan);
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
	if (options->sees_truncate) {
		ask(&plan->entries[SC_truncate], "the second wall of this kernel does not see it");
		ask(&plan->entries[SC_truncate64],
		    "the second wall of this kernel does not see it");
	}
	spread_to_multiplexer(plan, SC_sendmmsg);
	spread_to_multiplexer(plan, SC_socketcall);
	spread_to_multiplexer(plan, SC_ipc);
	for (size_t i = 0; i < SC_COUNT; i++)
		plan->entries[i].route = choose_route(&plan->entries[i], (enum sc)i, options);
	if (hooks_notify(plan))
		watch_handlers(plan);
	if (hooks_notify(plan) && options->capable)
		watch_authority(plan);
	if (hooks_carry(plan)) {
		refuse_landlock(plan);
		watch_programs(plan);
	}
	if (plan_binds(plan))
		area_protect(plan);
}

static bool test_holds(const struct arg_test *test, const uint64_t args[CALL_ARGS_MAX])
{
	uint32_t masked;

	if (test->op == TEST_NONE)
		return true;
	if (test->arg >= CALL_ARGS_MAX)
		return false;
	if (test->op == TEST_HIGH)
		return (uint32_t)(args[test->arg] >> 32) == test->value;
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
	const struct plan_entry *entry = &plan->entries[sc];
	bool stop = entry->route == ROUTE_STOP;
	bool heard = false;

	switch ((enum answer_kind)answer.kind) {
	case ANSWER_REFUSE:
		heard = entry->hooks != 0 || plan->options.report_refusals;
		heard = heard && (stop || !route_never_notified(sc));
		break;
	case ANSWER_NATIVE:
		heard = entry->hooks != 0 || entry->handlers || entry->authority;
		break;
	case ANSWER_ASK:
	case ANSWER_STOP:
		heard = true;
		break;
	}
	if (!heard)
		return answer;
	return (struct answer){.kind = stop ? ANSWER_STOP : ANSWER_ASK};
}

bool plan_traces(const struct plan *plan)
{
	return plan_binds(plan) || plan_uses(plan, ROUTE_STOP) ||
	       plan->entries[SC_rt_sigaction].handlers;
}

/* The box itself decides it, whoever else looks. */
static bool is_asked(const struct plan_entry *entry)
{
	bool asked = entry->answer.kind == ANSWER_ASK;

	for (size_t i = 0; i < entry->rule_count; i++)
		asked |= entry->rules[i].answer.kind == ANSWER_ASK;
	return asked;
}

bool plan_binds(const struct plan *plan)
{
	if (plan->options.route != CHOOSE_ROUTE)
		return true;
	for (size_t i = 0; i < SC_COUNT; i++) {
		const struct plan_entry *entry = &plan->entries[i];

		if ((entry->hooks & HOOK_ON) != 0 ||
		    (entry->route == ROUTE_STOP && is_asked(entry)))
			return true;
	}
	return false;
}

bool plan_uses(const struct plan *plan, enum call_route route)
{
	for (size_t i = 0; i < SC_COUNT; i++) {
		const struct plan_entry *entry = &plan->entries[i];

		if (entry->route == route &&
		    (entry->hooks != 0 || entry->answer.kind == ANSWER_ASK ||
		     plan->options.report_refusals))
			return true;
	}
	return false;
}
