/* SPDX-License-Identifier: Apache-2.0
 *
 * The compiled filter says the same as the plan it was compiled from: for every number of both
 * ABIs, for arguments around every constant that a rule names, and for what is in no table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "calls/nt_mark.h"
#include "guard/filter.h"
#include "policy/area.h"
#include "policy/plan.h"
#include "policy/policy.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static const uint32_t architectures[ABI_COUNT] = {
	[ABI_X86_64] = AUDIT_ARCH_X86_64,
	[ABI_I386] = AUDIT_ARCH_I386,
};

struct world {
	struct policy *policy;
	struct plan plan;
	struct filter filter;
};

static struct world world;

static void compile(const struct plan_options *options)
{
	struct cloche_err err = {0};

	world.policy = policy_new();
	assert_non_null(world.policy);
	plan_make(&world.plan, world.policy, options);
	assert_int_equal(filter_compile(&world.plan, &world.filter, &err), 0);
}

static int done(void **state)
{
	(void)state;
	filter_done(&world.filter);
	world.policy = policy_free(world.policy);
	return 0;
}

static uint32_t expected(const struct call_info *call, const uint64_t args[CALL_ARGS_MAX])
{
	enum sc sc = (enum sc)(call - calls_table);
	struct answer answer =
		plan_guard_answer(&world.plan, sc, plan_answer(&world.plan, sc, args, NULL));

	switch ((enum answer_kind)answer.kind) {
	case ANSWER_STOP:
		return SECCOMP_RET_TRACE | FILTER_STOP_DATA;
	case ANSWER_NATIVE:
		return SECCOMP_RET_ALLOW;
	case ANSWER_ASK:
		return SECCOMP_RET_USER_NOTIF;
	case ANSWER_REFUSE:
		break;
	}
	return SECCOMP_RET_ERRNO | (answer.refuse != 0 ? answer.refuse : ENOSYS);
}

static void check(enum abi abi, int number, const uint64_t args[CALL_ARGS_MAX])
{
	struct seccomp_data data = {.nr = number, .arch = architectures[abi]};
	const struct call_info *call = call_find(abi, (uint32_t)number);
	uint32_t want = call != NULL ? expected(call, args) : SECCOMP_RET_ERRNO | ENOSYS;

	/* What the filter alone knows of the argument area. */
	if ((plan_binds(&world.plan) && number == FILTER_OWN_NUMBER) ||
	    (world.plan.options.hears_nt && number == NT_MARK_NUMBER))
		want = SECCOMP_RET_USER_NOTIF;
	if ((plan_binds(&world.plan) || world.plan.options.limit_memory) && abi == ABI_I386 &&
	    call == &calls_table[SC_mmap])
		want = SECCOMP_RET_ERRNO | ENOSYS;
	memcpy(data.args, args, sizeof(data.args));
	uint32_t got = filter_simulate(&world.filter, &data);
	if (got != want)
		fail_msg("%s %d (%s) args %llx %llx %llx: filter %#x, plan %#x", abi_name(abi),
			 number, call != NULL ? call->name : "?", (unsigned long long)args[0],
			 (unsigned long long)args[1], (unsigned long long)args[2], got, want);
}

/* One argument: as it is, nearly so, otherwise, each bit alone, and all that with the high half
 * set. */
static void check_around(enum abi abi, int number, uint64_t args[CALL_ARGS_MAX], unsigned index)
{
	static const uint64_t high[] = {0, 1ULL << 32, 0xffffffff00000000ULL};
	uint64_t saved = args[index];

	for (size_t h = 0; h < sizeof(high) / sizeof(high[0]); h++) {
		const uint32_t low[] = {(uint32_t)saved, (uint32_t)saved ^ 1, (uint32_t)saved + 1,
					~(uint32_t)saved};

		for (size_t i = 0; i < sizeof(low) / sizeof(low[0]); i++) {
			args[index] = low[i] | high[h];
			check(abi, number, args);
		}
		for (unsigned bit = 0; bit < 32; bit++) {
			args[index] = (1ULL << bit) | high[h];
			check(abi, number, args);
		}
	}
	args[index] = saved;
}

/* Each test of each rule made true, then what is around it. */
static void check_rules(enum abi abi, int number, const struct call_rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t args[CALL_ARGS_MAX] = {0};

		for (size_t k = 0; k < RULE_TESTS_MAX; k++) {
			const struct arg_test *test = &rules[i].tests[k];

			if (test->op != TEST_NONE)
				args[test->arg] = test->op == TEST_EQ ? test->value : test->mask;
		}
		for (size_t k = 0; k < RULE_TESTS_MAX; k++)
			check_around(abi, number, args, rules[i].tests[k].arg);
	}
}

static void check_all(const struct plan_options *options)
{
	static const uint64_t none[CALL_ARGS_MAX] = {0};
	static const uint64_t all[CALL_ARGS_MAX] = {~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL};

	compile(options);
	for (int abi = 0; abi < ABI_COUNT; abi++) {
		for (int number = 0; number < 2000; number++) {
			const struct call_info *call = call_find((enum abi)abi, (uint32_t)number);

			check((enum abi)abi, number, none);
			check((enum abi)abi, number, all);
			if (call == NULL)
				continue;
			const struct plan_entry *entry = &world.plan.entries[call - calls_table];
			check_rules((enum abi)abi, number, entry->rules, entry->rule_count);
			if (entry->before != NULL)
				check_rules((enum abi)abi, number, entry->before, 1);
		}
	}
}

static void filter_is_the_plan(void **state)
{
	(void)state;
	check_all(&(struct plan_options){0});
	check_all(&(struct plan_options){.hears_nt = true});
	check_all(&(struct plan_options){.limit_memory = true});
}

static void filter_is_the_plan_with_every_option(void **state)
{
	(void)state;
	check_all(&(struct plan_options){
		.report_refusals = true,
		.audit_exec = true,
		.limit_memory = true,
		.count_memory = true,
		.fixed_affinity = true,
		.refuse_set_id = true,
	});
}

/* Everything is asked, on each route; with the rules that keep arguments where they lie. */
static void filter_is_the_plan_where_all_is_decided(void **state)
{
	uint8_t hooks[SC_COUNT];

	(void)state;
	memset(hooks, HOOK_ON | HOOK_WATCH, sizeof(hooks));
	check_all(&(struct plan_options){.hooks = hooks});
	check_all(&(struct plan_options){.hooks = hooks, .route = FORCE_NOTIFY});
	check_all(&(struct plan_options){.hooks = hooks, .route = FORCE_STOP});
}

static void nothing_is_mapped_over_decided_arguments(void **state)
{
	static const uint64_t inside[] = {AREA_ADDRESS, AREA_END - 1, 0};
	static const uint64_t outside[] = {AREA_END, 1ULL << 32 | AREA_ADDRESS, 1ULL << 46};
	uint8_t hooks[SC_COUNT] = {[SC_connect] = HOOK_ON};
	const uint64_t fixed[CALL_ARGS_MAX] = {0, 4096, 3, MAP_FIXED | MAP_PRIVATE};

	(void)state;
	compile(&(struct plan_options){.hooks = hooks});
	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
		for (int in = 0; in < 2; in++) {
			struct seccomp_data data = {.nr = SYS_mmap, .arch = AUDIT_ARCH_X86_64};
			uint32_t want = in == 1 ? SECCOMP_RET_ERRNO | EINVAL : SECCOMP_RET_ALLOW;

			memcpy(data.args, fixed, sizeof(fixed));
			data.args[0] = in == 1 ? inside[i] : outside[i];
			assert_int_equal(filter_simulate(&world.filter, &data), want);
			data.nr = SYS_munmap;
			assert_int_equal(filter_simulate(&world.filter, &data), want);
			data.nr = SYS_mremap;
			data.args[4] = data.args[0];
			data.args[0] = 1ULL << 40;
			data.args[3] = MREMAP_MAYMOVE | MREMAP_FIXED;
			assert_int_equal(filter_simulate(&world.filter, &data), want);
		}
	}
}

static uint32_t simulate(uint32_t architecture, int number)
{
	const struct seccomp_data data = {.nr = number, .arch = architecture};

	return filter_simulate(&world.filter, &data);
}

static void x32_is_refused_as_a_whole(void **state)
{
	(void)state;
	compile(&(struct plan_options){0});
	for (int number = 0; number < 1000; number++)
		assert_int_equal(simulate(AUDIT_ARCH_X86_64, number | 0x40000000),
				 SECCOMP_RET_ERRNO | ENOSYS);
}

static void negative_and_huge_numbers_are_refused(void **state)
{
	static const int numbers[] = {-1, -2, INT32_MIN, INT32_MAX, 1024, 1 << 20};

	(void)state;
	compile(&(struct plan_options){0});
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		assert_int_equal(simulate(AUDIT_ARCH_X86_64, numbers[i]),
				 SECCOMP_RET_ERRNO | ENOSYS);
		assert_int_equal(simulate(AUDIT_ARCH_I386, numbers[i]), SECCOMP_RET_ERRNO | ENOSYS);
	}
}

static void unknown_architectures_are_refused(void **state)
{
	static const uint32_t others[] = {0, AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM, UINT32_MAX};

	(void)state;
	compile(&(struct plan_options){0});
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(simulate(others[i], 0), SECCOMP_RET_ERRNO | ENOSYS);
}

static void default_filter_leaves_room(void **state)
{
	(void)state;
	compile(&(struct plan_options){.report_refusals = true, .refuse_set_id = true});
	assert_true(world.filter.length > 100);
	assert_true(world.filter.length < FILTER_LENGTH_MAX / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(filter_is_the_plan, done),
		cmocka_unit_test_teardown(filter_is_the_plan_with_every_option, done),
		cmocka_unit_test_teardown(filter_is_the_plan_where_all_is_decided, done),
		cmocka_unit_test_teardown(nothing_is_mapped_over_decided_arguments, done),
		cmocka_unit_test_teardown(x32_is_refused_as_a_whole, done),
		cmocka_unit_test_teardown(negative_and_huge_numbers_are_refused, done),
		cmocka_unit_test_teardown(unknown_architectures_are_refused, done),
		cmocka_unit_test_teardown(default_filter_leaves_room, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
