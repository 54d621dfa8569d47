/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of system calls. Its numbers are compared with the host's kernel headers by the test
 * calls-headers; here are its order, its searches, the sense of its rules, and a list of calls that
 * must stay refused whatever else is edited. Numbers are written out where the table has names.
 */
#include "base/own.h"
#include "calls/calls.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct call_info *known(const char *name)
{
	const struct call_info *call = call_find_name(name, strlen(name));

	if (call == NULL)
		fail_msg("no call %s", name);
	return call;
}

static bool holds(const struct arg_test *test, const uint64_t *args)
{
	uint32_t value = (uint32_t)args[test->arg] & test->mask;

	if (test->op == TEST_EQ)
		return value == test->value;
	return test->op == TEST_NONE || value != 0;
}

static struct answer answer(const char *name, const uint64_t *args)
{
	const struct call_info *call = known(name);

	for (size_t i = 0; i < call->rule_count; i++) {
		const struct call_rule *rule = &call->rules[i];

		if (holds(&rule->tests[0], args) && holds(&rule->tests[1], args))
			return rule->answer;
	}
	return call->answer;
}

/* The answer as one number: 0 native, -1 ask, else the errno. */
static int answer_number(const char *name, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	struct answer got = answer(name, (const uint64_t[CALL_ARGS_MAX]){a, b, c, d});

	if (got.kind == ANSWER_REFUSE)
		return got.refuse == 0 ? ENOSYS : got.refuse;
	return got.kind == ANSWER_NATIVE ? 0 : -1;
}

#define native(...)	   assert_int_equal(answer_number(__VA_ARGS__), 0)
#define asked(...)	   assert_int_equal(answer_number(__VA_ARGS__), -1)
#define refused(code, ...) assert_int_equal(answer_number(__VA_ARGS__), code)

static void names_are_sorted_and_unique(void **state)
{
	(void)state;
	for (size_t i = 1; i < SC_COUNT; i++)
		assert_true(strcmp(calls_table[i - 1].name, calls_table[i].name) < 0);
	assert_string_equal(calls_table[SC_openat].name, "openat");
	assert_string_equal(calls_table[SC__llseek].name, "_llseek");
}

static void every_number_finds_its_row_and_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < SC_COUNT; i++) {
		const struct call_info *call = &calls_table[i];

		assert_true(call->number[ABI_X86_64] >= 0 || call->number[ABI_I386] >= 0);
		for (int abi = 0; abi < ABI_COUNT; abi++)
			if (call->number[abi] >= 0)
				assert_ptr_equal(call_find(abi, call->number[abi]), call);
	}
	for (int abi = 0; abi < ABI_COUNT; abi++)
		for (uint32_t number = 0; number < 1000; number++) {
			const struct call_info *call = call_find(abi, number);

			assert_true(call == NULL || call->number[abi] == (int)number);
		}
}

static void numbers_are_those_of_the_kernel(void **state)
{
	static const struct {
		const char *name;
		int number[ABI_COUNT];
	} rows[] = {
		{"read", {0, 3}},
		{"openat", {257, 295}},
		{"execve", {59, 11}},
		{"ptrace", {101, 26}},
		{"mmap", {9, 90}},
		{"mmap2", {-1, 192}},
		{"socket", {41, 359}},
		{"socketcall", {-1, 102}},
		{"accept", {43, -1}},
		{"rseq", {334, 386}},
		{"uretprobe", {335, -1}},
		{"pidfd_send_signal", {424, 424}},
		{"clone3", {435, 435}},
		{"mseal", {462, 462}},
		{"rseq_slice_yield", {471, 471}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		for (int abi = 0; abi < ABI_COUNT; abi++)
			assert_int_equal(known(rows[i].name)->number[abi], rows[i].number[abi]);
}

static void unknown_numbers_find_nothing(void **state)
{
	static const uint32_t holes[] = {
		222, 223,  251,	       285,	   387,	       392,	  CALL_NUMBER_MAX + 1,
		512, 1000, 0x40000000, 0x40000002, 0x80000000, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(holes); i++)
		assert_null(call_find(ABI_I386, holes[i]));
	for (uint32_t number = 337; number < 424; number++)
		assert_null(call_find(ABI_X86_64, number));
	assert_null(call_find(ABI_X86_64, CALL_NUMBER_MAX + 1));
	assert_null(call_find(ABI_X86_64, UINT32_MAX));
	assert_null(call_find(ABI_COUNT, 0));
}

static void names_are_found_by_their_length(void **state)
{
	(void)state;
	for (size_t i = 0; i < SC_COUNT; i++) {
		const char *name = calls_table[i].name;

		assert_ptr_equal(call_find_name(name, strlen(name)), &calls_table[i]);
	}
	assert_ptr_equal(call_find_name("openat, and more", 6), &calls_table[SC_openat]);
	assert_ptr_equal(call_find_name("openat, and more", 4), &calls_table[SC_open]);
	assert_null(call_find_name("openat, and more", 5));
	assert_null(call_find_name("openat3", 7));
	assert_null(call_find_name("open\0t", 6));
	assert_null(call_find_name("OPEN", 4));
	assert_null(call_find_name("", 0));
}

static void families_have_names(void **state)
{
	(void)state;
	for (int family = 0; family < FAMILY_COUNT; family++)
		assert_int_equal(call_family_find(call_family_name((uint8_t)family)), family);
	assert_int_equal(call_family_find("network"), FAMILY_net);
	assert_int_equal(call_family_find("process"), FAMILY_proc);
	assert_int_equal(call_family_find("-"), -1);
	assert_int_equal(call_family_find(""), -1);
	assert_int_equal(call_family_find("%file"), -1);
	assert_string_equal(call_family_name(FAMILY_COUNT), "?");
	for (size_t i = 0; i < SC_COUNT; i++)
		assert_true(calls_table[i].family < FAMILY_COUNT);
	assert_int_equal(calls_table[SC_openat].family, FAMILY_file);
	assert_int_equal(calls_table[SC_read].family, FAMILY_desc);
}

/* FAMILY_file is what an audit of names asks for, so it must have them all. */
static void calls_with_paths_are_of_families_that_name_things(void **state)
{
	(void)state;
	for (size_t i = 0; i < SC_COUNT; i++) {
		const struct call_info *call = &calls_table[i];
		bool path = memchr(call->roles, ROLE_path, sizeof(call->roles)) != NULL;

		if (path)
			assert_true(call->family == FAMILY_file || call->family == FAMILY_mount ||
				    call->family == FAMILY_proc || call->family == FAMILY_system);
	}
}

static void arguments_are_complete(void **state)
{
	(void)state;
	for (size_t i = 0; i < SC_COUNT; i++)
		for (int abi = 0; abi < ABI_COUNT; abi++) {
			struct call_args args = call_args(&calls_table[i], abi);

			assert_true(args.arg_count <= CALL_ARGS_MAX);
			for (uint8_t arg = 0; arg < CALL_ARGS_MAX; arg++) {
				bool used = arg < args.arg_count;
				uint8_t length = args.length_args[arg];

				assert_int_equal(args.arg_names[arg] != NULL, used);
				assert_int_equal(args.roles[arg] != ROLE_NONE, used);
				assert_string_not_equal(arg_role_name(args.roles[arg]), "?");
				assert_true(length == CALL_NO_ARG || length < args.arg_count);
			}
		}
	assert_string_equal(arg_role_name(ROLE_path), "path");
	assert_string_equal(arg_role_name(ROLE_COUNT), "?");
}

static void arguments_follow_the_abi(void **state)
{
	const struct call_info *pread = &calls_table[SC_pread64];
	struct call_args wide = call_args(pread, ABI_X86_64);
	struct call_args split = call_args(pread, ABI_I386);

	(void)state;
	assert_int_equal(wide.arg_count, 4);
	assert_int_equal(wide.roles[3], ROLE_offset);
	assert_int_equal(split.arg_count, 5);
	assert_int_equal(split.roles[4], ROLE_high);
	assert_int_equal(split.length_args[1], 2);
	assert_int_equal(call_args(&calls_table[SC_mmap], ABI_I386).arg_count, 1);
	assert_int_equal(call_args(&calls_table[SC_openat], ABI_I386).roles[1], ROLE_path);
	assert_string_equal(call_args(&calls_table[SC_openat], ABI_I386).flag_lists[2], "open");
	assert_string_equal(call_args(&calls_table[SC_stat], ABI_X86_64).arg_types[1], "stat");
}

static void check_answer(struct answer checked)
{
	assert_true(checked.kind <= ANSWER_ASK);
	assert_true(checked.refuse < 134);
	if (checked.kind != ANSWER_REFUSE)
		assert_int_equal(checked.refuse, 0);
}

static void rules_can_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < SC_COUNT; i++) {
		const struct call_info *call = &calls_table[i];

		check_answer(call->answer);
		assert_non_null(call->why);
		assert_int_equal(call->rules == NULL, call->rule_count == 0);
		for (size_t j = 0; call->rules != NULL && j < call->rule_count; j++) {
			const struct call_rule *rule = &call->rules[j];

			check_answer(rule->answer);
			assert_non_null(strstr(rule->text, " when "));
			assert_int_not_equal(rule->tests[0].op, TEST_NONE);
			for (size_t k = 0; k < RULE_TESTS_MAX; k++) {
				const struct arg_test *test = &rule->tests[k];

				if (test->op == TEST_NONE)
					continue;
				assert_true(test->op <= TEST_ANY);
				assert_true(test->arg < call->arg_count);
				assert_int_not_equal(test->mask, 0);
				assert_int_equal(test->value & ~test->mask, 0);
			}
		}
	}
}

static void some_calls_are_hot_and_native(void **state)
{
	int count[ABI_COUNT] = {0};

	(void)state;
	for (size_t i = 0; i < SC_COUNT; i++)
		if (calls_table[i].hot) {
			assert_int_equal(calls_table[i].answer.kind, ANSWER_NATIVE);
			for (int abi = 0; abi < ABI_COUNT; abi++)
				count[abi] += calls_table[i].number[abi] >= 0;
		}
	for (int abi = 0; abi < ABI_COUNT; abi++) {
		assert_true(count[abi] >= 20);
		assert_true(count[abi] <= 36);
	}
}

/* Each of these has broken a sandbox somewhere, or would give the guest a part of the host. Taking
 * one out of this list is a decision about security; it belongs in a commit of its own. */
static const char dangerous[] =
	"acct add_key bpf clock_adjtime clock_adjtime64 clock_settime clock_settime64 clone3 "
	"create_module delete_module fanotify_init fanotify_mark file_getattr file_setattr "
	"finit_module fsconfig fsmount fsopen fspick init_module io_uring_enter "
	"io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl "
	"listmount listns lookup_dcookie lsm_get_self_attr lsm_list_modules lsm_set_self_attr "
	"map_shadow_stack memfd_secret migrate_pages modify_ldt mount mount_setattr "
	"move_mount move_pages name_to_handle_at nfsservctl open_by_handle_at open_tree "
	"open_tree_attr perf_event_open pivot_root quotactl quotactl_fd reboot removexattrat "
	"request_key setdomainname sethostname setns settimeofday setxattrat statmount stime "
	"swapoff swapon syslog umount umount2 uselib userfaultfd vhangup vm86 vm86old _sysctl";

static void dangerous_calls_are_refused(void **state)
{
	(void)state;
	for (const char *name = dangerous; *name != '\0';) {
		size_t length = strcspn(name, " ");
		const struct call_info *call = call_find_name(name, length);

		if (call == NULL || call->answer.kind != ANSWER_REFUSE || call->rule_count != 0)
			fail_msg("%.*s is not refused", (int)length, name);
		name += length + (name[length] == ' ');
	}
}

static void attributes_are_asked(void **state)
{
	static const char *const names[] = {"setxattr",	   "lsetxattr",	   "fsetxattr",
					    "removexattr", "lremovexattr", "fremovexattr"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		asked(names[i], 0, 0, 0, 0);
}

static void terminals_cannot_be_typed_into(void **state)
{
	(void)state;
	native("ioctl", 0, 0x5401, 0, 0);
	native("ioctl", 0, 0x5413, 0, 0);
	native("ioctl", 0, 0x541b, 0, 0);
	native("ioctl", 0, 0x5421, 0, 0);
	native("ioctl", 0, 0x802c542a, 0, 0);
	native("ioctl", 0, 0x80045430, 0, 0);
	refused(EPERM, "ioctl", 0, 0x5412, 0, 0);
	refused(EPERM, "ioctl", 0, 0x100005412, 0, 0);
	refused(EPERM, "ioctl", 0, 0xffffffff00005412, 0, 0);
	refused(EPERM, "ioctl", 0, 0x541c, 0, 0);
	refused(EPERM, "ioctl", 0, 0x541d, 0, 0);
	refused(EPERM, "ioctl", 0, 0x5423, 0, 0);
	refused(EPERM, "ioctl", 0, 0x5437, 0, 0);
}

static void ioctl_lets_through_what_is_listed(void **state)
{
	static const uint32_t listed[] = {2,	      0x40049409, 0x4020940d, 0xc0189436,
					  0xc020660b, 0x80086601, 0x40086602, 0x80087601,
					  0x80046601, 0x40046602, 0x80047601, 0x801c581f,
					  0x8905,     0x8912,	  0x8933};
	/* Setting an address, bridges, tun, KVM, userfaultfd, seccomp, nsfs, loop, FIBMAP, btrfs.
	 */
	static const uint32_t others[] = {
		0x400454ca, 0xae01, 0xc018aa3f, 0xc0502100, 0xb701,	0x4c00,	    1,
		0x5000940f, 0x4b4e, 0x40085400, 0x82307201, 0x401c5820, 0xffffffff, 0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(listed); i++)
		native("ioctl", 0, listed[i], 0, 0);
	for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
		refused(ENOTTY, "ioctl", 0, others[i], 0, 0);
	refused(EPERM, "ioctl", 0, 0x8914, 0, 0);
	refused(EPERM, "ioctl", 0, 0x8941, 0, 0);
	refused(EPERM, "ioctl", 0, 0x89a0, 0, 0);
	refused(EOPNOTSUPP, "ioctl", 0, 0x8946, 0, 0);
}

static void namespaces_cannot_be_made(void **state)
{
	static const uint32_t flags[] = {0x00020000, 0x02000000, 0x04000000, 0x08000000,
					 0x10000000, 0x20000000, 0x40000000};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(flags); i++) {
		refused(EPERM, "clone", flags[i] | 17, 0, 0, 0);
		refused(EPERM, "unshare", flags[i], 0, 0, 0);
	}
	refused(EPERM, "unshare", 0x80, 0, 0, 0);
	refused(EINVAL, "clone", 0x00800000, 0, 0, 0);
	native("clone", 17, 0, 0, 0);
	native("clone", 0x01200000 | 17, 0, 0, 0);
	native("clone", 0x3d0f00, 0, 0, 0);
	native("unshare", 0x400 | 0x200 | 0x40000, 0, 0, 0);
}

static void tracing_cannot_suspend_the_guard(void **state)
{
	(void)state;
	native("ptrace", 0, 0, 0, 0);
	native("ptrace", 0x4200, 5, 0, 0x1f);
	native("ptrace", 0x4206, 5, 0, 0x100001);
	refused(EPERM, "ptrace", 0x4200, 5, 0, 1 << 21);
	refused(EPERM, "ptrace", 0x4206, 5, 0, 1 << 21 | 1);
	refused(EACCES, "ptrace", 0x420c, 5, 0, 0);
	refused(EACCES, "ptrace", 0x420d, 5, 0, 0);
	native("seccomp", 1, 0, 0, 0);
	native("seccomp", 1, 1, 0, 0);
	refused(EBUSY, "seccomp", 1, 8, 0, 0);
	refused(EBUSY, "seccomp", 1, 9, 0, 0);
}

static void devices_cannot_be_made(void **state)
{
	(void)state;
	native("mknod", 0, 0644, 0, 0);
	native("mknod", 0, 0100644, 0, 0);
	native("mknod", 0, 0010644, 0, 0);
	native("mknodat", 0, 0, 0140644, 0);
	refused(EPERM, "mknod", 0, 0020000, 0, 0);
	refused(EPERM, "mknod", 0, 0060644, 0, 0);
	refused(EPERM, "mknodat", 0, 0, 0020000, 0);
	refused(EPERM, "mknodat", 0, 0, 0x10000 | 0020000, 0);
	refused(EPERM, "mknodat", 0, 0, 0060644, 0);
}

static void sockets_are_of_few_families(void **state)
{
	(void)state;
	native("socket", 1, 1 | 02000000, 0, 0);
	native("socket", 1, 5, 0, 0);
	native("socket", 2, 1 | 04000, 6, 0);
	native("socket", 2, 2, 17, 0);
	native("socket", 10, 1, 0, 0);
	native("socket", 10, 2, 58, 0);
	native("socket", 16, 3, 0, 0);
	refused(EPROTONOSUPPORT, "socket", 16, 3, 15, 0);
	refused(EPROTONOSUPPORT, "socket", 2, 1, 132, 0);
	refused(EPROTONOSUPPORT, "socket", 2, 1, 262, 0);
	refused(ESOCKTNOSUPPORT, "socket", 2, 5, 0, 0);
	refused(ESOCKTNOSUPPORT, "socket", 10, 5 | 02000000, 0, 0);
	refused(ESOCKTNOSUPPORT, "socket", 2, 6, 0, 0);
	refused(ESOCKTNOSUPPORT, "socket", 2, 10, 0, 0);
	for (uint32_t domain = 0; domain < 64; domain++)
		if (domain != 1 && domain != 2 && domain != 10 && domain != 16) {
			refused(EAFNOSUPPORT, "socket", domain, 1, 0, 0);
			refused(EAFNOSUPPORT, "socketpair", domain, 1, 0, 0);
		}
	native("socketpair", 1, 1, 0, 0);
	refused(EOPNOTSUPP, "socketpair", 2, 1, 0, 0);
	asked("socketcall", 1, 0, 0, 0);
	asked("socketcall", 8, 0, 0, 0);
	native("socketcall", 2, 0, 0, 0);
}

static void process_properties_are_listed(void **state)
{
	static const uint32_t listed[] = {1,  3,  4,  8,  15, 22, 23, 24,	  26,
					  36, 38, 47, 52, 53, 59, 65, 0x53564d41, 0x59616d61};
	static const uint32_t others[] = {0,  9,  11, 19, 43,  57,	  62,
					  67, 68, 78, 79, 100, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(listed); i++)
		native("prctl", listed[i], 0, 0, 0);
	for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
		refused(EINVAL, "prctl", others[i], 0, 0, 0);
	refused(EPERM, "prctl", 35, 0, 0, 0);
	for (uint32_t code = 0x1001; code <= 0x1004; code++)
		native("arch_prctl", code, 0, 0, 0);
	native("arch_prctl", 0x1012, 0, 0, 0);
	native("arch_prctl", 0x1023, 0, 0, 0);
	refused(EINVAL, "arch_prctl", 0x5001, 0, 0, 0);
	refused(EINVAL, "arch_prctl", 0x3001, 0, 0, 0);
	refused(EINVAL, "arch_prctl", 0x2003, 0, 0, 0);
	refused(EINVAL, "madvise", 0, 0, 12, 0);
	refused(EINVAL, "process_madvise", 0, 0, 0, 12);
	native("madvise", 0, 0, 4, 0);
}

static void personality_is_plain(void **state)
{
	(void)state;
	native("personality", 0, 0, 0, 0);
	native("personality", 8, 0, 0, 0);
	native("personality", 0x40000, 0, 0, 0);
	native("personality", 0x40008, 0, 0, 0);
	native("personality", UINT32_MAX, 0, 0, 0);
	refused(EPERM, "personality", 0x100000, 0, 0, 0);
	refused(EPERM, "personality", 0x20000, 0, 0, 0);
	refused(EPERM, "personality", 0x400000, 0, 0, 0);
	refused(EPERM, "personality", 1, 0, 0, 0);
}

static void slips_are_recognised(void **state)
{
	(void)state;
	assert_string_equal(call_suggest("opnat"), "openat");
	assert_string_equal(call_suggest("fopen"), "open");
	assert_string_equal(call_suggest("exceve"), "execve");
	assert_string_equal(call_suggest("ptarce"), "ptrace");
	assert_string_equal(call_suggest("scoket"), "socket");
	assert_string_equal(call_suggest("io_uring_setpu"), "io_uring_setup");
	assert_string_equal(call_suggest("unlink"), "unlink");
	assert_null(call_suggest(""));
	assert_null(call_suggest("x"));
	assert_null(call_suggest("CreateFileW"));
	assert_null(call_suggest("foo"));
	assert_null(call_suggest("getenvironmentvariable"));
	assert_null(call_suggest("a_name_that_is_so_long_that_no_call_could_ever_be_meant_by_it"));
}

static void abis_have_names(void **state)
{
	(void)state;
	assert_string_equal(abi_name(ABI_X86_64), "x86_64");
	assert_string_equal(abi_name(ABI_I386), "i386");
	assert_string_equal(abi_name(ABI_COUNT), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_sorted_and_unique),
		cmocka_unit_test(every_number_finds_its_row_and_back),
		cmocka_unit_test(numbers_are_those_of_the_kernel),
		cmocka_unit_test(unknown_numbers_find_nothing),
		cmocka_unit_test(names_are_found_by_their_length),
		cmocka_unit_test(families_have_names),
		cmocka_unit_test(calls_with_paths_are_of_families_that_name_things),
		cmocka_unit_test(arguments_are_complete),
		cmocka_unit_test(arguments_follow_the_abi),
		cmocka_unit_test(rules_can_hold),
		cmocka_unit_test(some_calls_are_hot_and_native),
		cmocka_unit_test(dangerous_calls_are_refused),
		cmocka_unit_test(attributes_are_asked),
		cmocka_unit_test(terminals_cannot_be_typed_into),
		cmocka_unit_test(ioctl_lets_through_what_is_listed),
		cmocka_unit_test(namespaces_cannot_be_made),
		cmocka_unit_test(tracing_cannot_suspend_the_guard),
		cmocka_unit_test(devices_cannot_be_made),
		cmocka_unit_test(sockets_are_of_few_families),
		cmocka_unit_test(process_properties_are_listed),
		cmocka_unit_test(personality_is_plain),
		cmocka_unit_test(slips_are_recognised),
		cmocka_unit_test(abis_have_names),
	};

	return cmocka_run_group_tests_name("calls", tests, NULL, NULL);
}
