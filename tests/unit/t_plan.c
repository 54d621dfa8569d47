/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_fixture.h"

#include "base/own.h"
#include "policy/explain.h"

#include <errno.h>
#include <fcntl.h>
#include <json.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>

static void make(struct fixture *fixture, struct plan_options options)
{
	plan_make(&fixture->plan, fixture->policy, &options);
}

static void say(struct fixture *fixture, enum answer_kind kind, const char *text)
{
	struct cloche_err err = {0};

	if (policy_add_call(fixture->policy, kind, text, "test", &err) != 0)
		fail_msg("%s", err.text);
}

static struct answer answer_of(const struct fixture *fixture, enum sc sc, uint64_t arg0)
{
	const uint64_t args[CALL_ARGS_MAX] = {arg0};

	return plan_answer(&fixture->plan, sc, args, NULL);
}

static void refuses(struct answer answer, int code)
{
	assert_int_equal(answer.kind, ANSWER_REFUSE);
	assert_int_equal(answer.refuse, code);
}

static void an_empty_policy_leaves_the_table_as_it_is(void **state)
{
	struct fixture *f = *state;

	make(f, (struct plan_options){0});
	for (enum sc sc = 0; sc < SC_COUNT; sc++) {
		const struct plan_entry *entry = &f->plan.entries[sc];

		assert_ptr_equal(entry->call, &calls_table[sc]);
		assert_int_equal(entry->answer.kind, calls_table[sc].answer.kind);
		assert_int_equal(entry->answer.refuse, calls_table[sc].answer.refuse);
		assert_ptr_equal(entry->rules, calls_table[sc].rules);
		assert_string_equal(entry->origin, "table");
	}
	refuses(plan_answer(&f->plan, SC_COUNT, (uint64_t[CALL_ARGS_MAX]){0}, NULL), 0);
}

static void rules_look_at_low_32_bits(void **state)
{
	struct fixture *f = *state;
	const char *rule = NULL;
	const uint64_t args[CALL_ARGS_MAX] = {0x100000000ULL | CLONE_NEWUSER};

	make(f, (struct plan_options){0});
	assert_int_equal(answer_of(f, SC_clone, CLONE_VM).kind, ANSWER_NATIVE);
	assert_int_equal(answer_of(f, SC_clone, 0x1000000000000000ULL).kind, ANSWER_NATIVE);
	refuses(plan_answer(&f->plan, SC_clone, args, &rule), EPERM);
	assert_non_null(rule);
	(void)plan_answer(&f->plan, SC_getpid, args, &rule);
	assert_null(rule);
}

static void a_refusal_pushes_rules_aside(void **state)
{
	struct fixture *f = *state;

	say(f, ANSWER_REFUSE, "clone=EAGAIN");
	make(f, (struct plan_options){0});
	refuses(answer_of(f, SC_clone, CLONE_VM), EAGAIN);
	refuses(answer_of(f, SC_clone, CLONE_NEWUSER), EAGAIN);
	assert_null(f->plan.entries[SC_clone].rules);
	assert_string_equal(f->plan.entries[SC_clone].origin, "test");
}

static void opening_keeps_the_rules_that_refuse(void **state)
{
	struct fixture *f = *state;

	say(f, ANSWER_REFUSE, "clone");
	say(f, ANSWER_NATIVE, "clone");
	make(f, (struct plan_options){0});
	assert_int_equal(answer_of(f, SC_clone, CLONE_VM).kind, ANSWER_NATIVE);
	refuses(answer_of(f, SC_clone, CLONE_NEWUSER), EPERM);
}

static void what_the_table_refuses_without_rules_can_be_opened(void **state)
{
	struct fixture *f = *state;

	say(f, ANSWER_NATIVE, "kcmp");
	make(f, (struct plan_options){0});
	assert_int_equal(answer_of(f, SC_kcmp, 0).kind, ANSWER_NATIVE);
}

static void truncate_is_asked_where_the_wall_misses_it(void **state)
{
	struct fixture *f = *state;

	make(f, (struct plan_options){0});
	assert_int_equal(answer_of(f, SC_truncate, 0).kind, ANSWER_NATIVE);
	make(f, (struct plan_options){.sees_truncate = true});
	assert_int_equal(answer_of(f, SC_truncate, 0).kind, ANSWER_ASK);
	assert_int_equal(answer_of(f, SC_truncate64, 0).kind, ANSWER_ASK);
	assert_int_equal(f->plan.entries[SC_truncate].route, ROUTE_NOTIFY);
	assert_false(plan_traces(&f->plan));
	say(f, ANSWER_REFUSE, "truncate");
	make(f, (struct plan_options){.sees_truncate = true});
	refuses(answer_of(f, SC_truncate, 0), EPERM);
}

static void counted_memory_cannot_be_had_elsewhere(void **state)
{
	struct fixture *f = *state;

	say(f, ANSWER_NATIVE, "shmget");
	say(f, ANSWER_NATIVE, "memfd_secret");
	make(f, (struct plan_options){.count_memory = true});
	refuses(answer_of(f, SC_memfd_create, 0), ENOSYS);
	refuses(answer_of(f, SC_memfd_secret, 0), ENOSYS);
	refuses(answer_of(f, SC_shmget, 0), ENOSYS);
	refuses(answer_of(f, SC_ipc, 23), ENOSYS);
	refuses(answer_of(f, SC_ipc, 23 | 1 << 16), ENOSYS);
	assert_int_equal(answer_of(f, SC_ipc, 2).kind, ANSWER_NATIVE);
	/* The rule for ipc replaces the table's, so there must be none. */
	assert_int_equal(calls_table[SC_ipc].rule_count, 0);
}

static void limited_memory_is_not_had_in_huge_pages(void **state)
{
	struct fixture *f = *state;
	const uint64_t map[CALL_ARGS_MAX] = {0, 4096, 3, MAP_PRIVATE | MAP_HUGETLB};
	const uint64_t get[CALL_ARGS_MAX] = {0, 4096, SHM_HUGETLB};
	const uint64_t ipc[CALL_ARGS_MAX] = {23 | 1 << 16, 0, 4096, SHM_HUGETLB};
	const uint64_t create[CALL_ARGS_MAX] = {0, MFD_HUGETLB | 21U << 26};

	make(f, (struct plan_options){.limit_memory = true});
	refuses(plan_answer(&f->plan, SC_mmap, map, NULL), ENOMEM);
	refuses(plan_answer(&f->plan, SC_mmap2, map, NULL), ENOMEM);
	refuses(plan_answer(&f->plan, SC_shmget, get, NULL), ENOMEM);
	refuses(plan_answer(&f->plan, SC_ipc, ipc, NULL), ENOMEM);
	refuses(plan_answer(&f->plan, SC_memfd_create, create, NULL), ENOMEM);
	assert_int_equal(answer_of(f, SC_mmap, 0).kind, ANSWER_NATIVE);
	assert_int_equal(answer_of(f, SC_ipc, 23).kind, ANSWER_NATIVE);
	make(f, (struct plan_options){.limit_memory = true, .count_memory = true});
	refuses(answer_of(f, SC_ipc, 23), ENOSYS);
	refuses(plan_answer(&f->plan, SC_memfd_create, create, NULL), ENOSYS);
}

static void a_refused_call_stays_refused_as_it_was(void **state)
{
	struct fixture *f = *state;

	say(f, ANSWER_REFUSE, "memfd_create=EACCES");
	say(f, ANSWER_REFUSE, "ipc=EACCES");
	say(f, ANSWER_REFUSE, "sched_setaffinity=EACCES");
	make(f, (struct plan_options){.count_memory = true, .fixed_affinity = true});
	refuses(answer_of(f, SC_memfd_create, 0), EACCES);
	refuses(answer_of(f, SC_ipc, 23), EACCES);
	refuses(answer_of(f, SC_ipc, 2), EACCES);
	refuses(answer_of(f, SC_sched_setaffinity, 0), EACCES);
}

static void affinity_is_fixed_when_it_limits_cpu(void **state)
{
	struct fixture *f = *state;

	make(f, (struct plan_options){.fixed_affinity = true});
	refuses(answer_of(f, SC_sched_setaffinity, 0), EPERM);
	assert_int_equal(answer_of(f, SC_sched_getaffinity, 0).kind, ANSWER_NATIVE);
}

static void set_id_bits_are_refused_where_host_files_are_written(void **state)
{
	const uint64_t open_args[CALL_ARGS_MAX] = {0, O_CREAT | O_WRONLY, 04755};
	const uint64_t look_args[CALL_ARGS_MAX] = {0, O_RDONLY | O_DIRECTORY, 0xffff};
	const uint64_t tmp_args[CALL_ARGS_MAX] = {0, 0, O_TMPFILE | O_RDWR, 02700};
	const uint64_t plain_args[CALL_ARGS_MAX] = {0, 0, O_TMPFILE | O_RDWR, 01700};
	const uint64_t mode_args[CALL_ARGS_MAX] = {0, S_IFREG | 06000, 06000, 0};
	static const enum sc calls[] = {SC_chmod, SC_fchmod, SC_fchmodat, SC_fchmodat2,
					SC_creat, SC_mknod,  SC_mknodat};
	struct fixture *f = *state;
	const char *rule;

	make(f, (struct plan_options){.refuse_set_id = true});
	refuses(plan_answer(&f->plan, SC_open, open_args, &rule), EPERM);
	assert_non_null(rule);
	assert_int_equal(plan_answer(&f->plan, SC_open, look_args, &rule).kind, ANSWER_NATIVE);
	refuses(plan_answer(&f->plan, SC_openat, tmp_args, NULL), EPERM);
	assert_int_equal(plan_answer(&f->plan, SC_openat, plain_args, NULL).kind, ANSWER_NATIVE);
	for (size_t i = 0; i < ARRAY_LENGTH(calls); i++)
		refuses(plan_answer(&f->plan, calls[i], mode_args, NULL), EPERM);
	refuses(answer_of(f, SC_openat2, 0), ENOSYS);
	make(f, (struct plan_options){0});
	assert_int_equal(plan_answer(&f->plan, SC_open, open_args, NULL).kind, ANSWER_NATIVE);
	assert_int_equal(answer_of(f, SC_openat2, 0).kind, ANSWER_NATIVE);
}

static void audited_programs_are_asked(void **state)
{
	struct fixture *f = *state;

	make(f, (struct plan_options){.audit_exec = true});
	assert_int_equal(answer_of(f, SC_execve, 0).kind, ANSWER_ASK);
	assert_int_equal(answer_of(f, SC_execveat, 0).kind, ANSWER_ASK);
}

static void reported_refusals_are_asked_of_the_monitor(void **state)
{
	struct fixture *f = *state;
	const struct answer native = {.kind = ANSWER_NATIVE};
	struct answer refusal;

	make(f, (struct plan_options){.report_refusals = true});
	refusal = answer_of(f, SC_bpf, 0);
	refuses(refusal, EPERM);
	assert_int_equal(plan_guard_answer(&f->plan, SC_bpf, refusal).kind, ANSWER_ASK);
	assert_int_equal(plan_guard_answer(&f->plan, SC_read, native).kind, ANSWER_NATIVE);
	make(f, (struct plan_options){0});
	assert_int_equal(plan_guard_answer(&f->plan, SC_bpf, refusal).kind, ANSWER_REFUSE);
}

/* A notified call can be interrupted before it is received, and these cannot bear that. */
static void some_refusals_are_never_reported(void **state)
{
	static const enum sc calls[] = {SC_clone, SC_clone3, SC_fork,  SC_vfork,
					SC_close, SC_dup2,   SC_futex, SC_munmap};
	const struct answer refusal = {.kind = ANSWER_REFUSE, .refuse = EPERM};
	struct fixture *f = *state;

	make(f, (struct plan_options){.report_refusals = true});
	for (size_t i = 0; i < ARRAY_LENGTH(calls); i++)
		assert_int_equal(plan_guard_answer(&f->plan, calls[i], refusal).kind,
				 ANSWER_REFUSE);
}

static void the_explanation_names_who_decided(void **state)
{
	struct fixture *f = *state;
	struct cloche_err err = {0};
	struct buf out;

	assert_int_equal(policy_add(f->policy, "default", &context, &err), 0);
	say(f, ANSWER_REFUSE, "ptrace");
	make(f, (struct plan_options){.count_memory = true});
	buf_init(&out, 1 << 20);
	assert_int_equal(plan_explain(&f->plan, f->policy, &out, false), 0);
	assert_non_null(strstr(buf_string(&out), "copy     /home/user/work"));
	assert_non_null(strstr(buf_string(&out), "ptrace                  EPERM"));
	assert_non_null(strstr(buf_string(&out), "limit on memory"));
	assert_null(strstr(buf_string(&out), "/etc/shadow"));
	buf_clear(&out);
	assert_int_equal(plan_explain(&f->plan, f->policy, &out, true), 0);
	assert_non_null(strstr(buf_string(&out), "hide     /etc/shadow*"));
	assert_non_null(strstr(buf_string(&out), "  read  "));
	buf_done(&out);
	buf_init(&out, 100);
	assert_int_equal(plan_explain(&f->plan, f->policy, &out, true), -E2BIG);
	buf_done(&out);
}

static void the_explanation_is_json(void **state)
{
	struct fixture *f = *state;
	struct cloche_err err = {0};
	struct buf out;
	json_object *calls;

	assert_int_equal(policy_add(f->policy, "build", &context, &err), 0);
	make(f, (struct plan_options){0});
	buf_init(&out, 1 << 20);
	assert_int_equal(plan_explain_json(&f->plan, f->policy, &out), 0);
	json_object *object = json_tokener_parse(buf_string(&out));
	assert_non_null(object);
	assert_true(json_object_object_get_ex(object, "calls", &calls));
	assert_int_equal(json_object_array_length(calls), SC_COUNT);
	json_object_put(object);
	buf_done(&out);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_empty_policy_leaves_the_table_as_it_is),
		CASE(rules_look_at_low_32_bits),
		CASE(a_refusal_pushes_rules_aside),
		CASE(opening_keeps_the_rules_that_refuse),
		CASE(what_the_table_refuses_without_rules_can_be_opened),
		CASE(truncate_is_asked_where_the_wall_misses_it),
		CASE(counted_memory_cannot_be_had_elsewhere),
		CASE(limited_memory_is_not_had_in_huge_pages),
		CASE(a_refused_call_stays_refused_as_it_was),
		CASE(affinity_is_fixed_when_it_limits_cpu),
		CASE(set_id_bits_are_refused_where_host_files_are_written),
		CASE(audited_programs_are_asked),
		CASE(reported_refusals_are_asked_of_the_monitor),
		CASE(some_refusals_are_never_reported),
		CASE(the_explanation_names_who_decided),
		CASE(the_explanation_is_json),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
