/* SPDX-License-Identifier: Apache-2.0
 *
 * The system calls of both ABIs as data: what calls.tbl says, in C. Everything that speaks of
 * system calls (plan, guard, monitor, trace, documentation) reads it from here and nowhere else.
 *
 * A call has an answer that holds when none of its rules does. Rules look at the low 32 bits of
 * arguments only, because that is what the kernel uses of the arguments that they are about, and
 * because a seccomp filter can check them. They are tried in order; the first that holds decides.
 */
#ifndef CLOCHE_CALLS_CALLS_H
#define CLOCHE_CALLS_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum abi { ABI_X86_64, ABI_I386, ABI_COUNT };

/* Zero refuses, with ENOSYS where no errno is given. ANSWER_STOP is the guard's word alone (see
 * plan_guard_answer): the monitor decides too, with the caller stopped. */
enum answer_kind { ANSWER_REFUSE, ANSWER_NATIVE, ANSWER_ASK, ANSWER_STOP };

struct answer {
	uint8_t kind;	 /* enum answer_kind */
	uint16_t refuse; /* ANSWER_REFUSE: the errno, positive; 0 means ENOSYS */
};

enum test_op {
	TEST_NONE, /* always holds; unused slots of a rule */
	TEST_EQ,   /* (argument & mask) == value */
	TEST_ANY,  /* (argument & mask) != 0 */
	TEST_HIGH, /* its upper 32 bits == value: for addresses, and never in the table */
};

struct arg_test {
	uint8_t arg; /* 0..5 */
	uint8_t op;  /* enum test_op */
	uint32_t mask;
	uint32_t value;
};

#define RULE_TESTS_MAX 3

/* All tests must hold. */
struct call_rule {
	struct arg_test tests[RULE_TESTS_MAX];
	struct answer answer;
	const char *text; /* as written in the table, for people */
};

/* What an argument is; the generator emits enum arg_role and its names from the table's own list.
 */
#include "calls/roles.gen.h"

#define CALL_ARGS_MAX 6
#define CALL_NO_ARG   0xff

/* The arguments of a call in one ABI. Members as in struct call_info. */
struct call_args {
	uint8_t arg_count;
	uint8_t roles[CALL_ARGS_MAX];
	uint8_t length_args[CALL_ARGS_MAX];
	const char *arg_names[CALL_ARGS_MAX];
	const char *flag_lists[CALL_ARGS_MAX];
	const char *arg_types[CALL_ARGS_MAX];
};

/* What it means that a call is answered natively although it takes pointers is written in why. */
struct call_info {
	const char *name;
	int16_t number[ABI_COUNT]; /* -1: not in that ABI */
	uint8_t family;		   /* enum call_family */
	struct answer answer;
	uint8_t arg_count;
	uint8_t roles[CALL_ARGS_MAX];	       /* enum arg_role */
	uint8_t length_args[CALL_ARGS_MAX];    /* which one counts this buffer, or CALL_NO_ARG */
	const char *arg_names[CALL_ARGS_MAX];  /* for hooks and trace; not NULL below arg_count */
	const char *flag_lists[CALL_ARGS_MAX]; /* name of a list of flags, or NULL */
	const char *arg_types[CALL_ARGS_MAX];  /* name of the structure pointed at, or NULL */
	const struct call_args *i386_args;     /* where i386 passes them otherwise; else NULL */
	const struct call_rule *rules;
	uint8_t rule_count;
	bool hot;	 /* often called: must be decided without the filter, see guard/filter.c */
	const char *why; /* "" where nothing needs saying */
};

/* All calls, sorted by name; enum sc (calls.gen.h) indexes it: SC_openat etc., SC_COUNT. */
#include "calls/calls.gen.h"
extern const struct call_info calls_table[SC_COUNT];

/* NULL when there is none. */
const struct call_info *call_find(enum abi abi, uint32_t number);
const struct call_info *call_find_name(const char *name, size_t length);

/* The arguments as this ABI passes them: ten calls of one name have two shapes (pread64, mmap ...).
 * Rules are only ever about arguments that both have in the same place. */
struct call_args call_args(const struct call_info *call, enum abi abi);

/* "fd", "path" ...; "?" for a number that is none. */
const char *arg_role_name(uint8_t role);

/* The family's members are marked with it; "%file" style names, without the percent sign.
 * call_family_find knows strace's names too (process, network, memory) and returns -1 for none. */
const char *call_family_name(uint8_t family);
int call_family_find(const char *name);

/* The known name that is most like the given one, for "did you mean"; NULL when none is near. */
const char *call_suggest(const char *name);

const char *abi_name(enum abi abi);

#endif
