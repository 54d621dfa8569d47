/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/filter.h"

#include "base/own.h"
#include "calls/nt_mark.h"
#include "sys/sys.h"

#include <assert.h>
#include <linux/audit.h>
#include <stddef.h>
#include <string.h>

#define X32_BIT 0x40000000U

/* Numbers at and above this are in no table; what lies below is searched. */
#define NUMBER_LIMIT 1024

#define ARG_LOW(index)                                                                             \
	((uint32_t)(offsetof(struct seccomp_data, args) + sizeof(uint64_t) * (index)))

#define ARG_HIGH(index) (ARG_LOW(index) + (uint32_t)sizeof(uint32_t))

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "ARG_LOW reads the low half first");

struct compiler {
	struct sock_filter *code; /* owned by filter_compile */
	size_t length;
	bool overflow;
	const struct plan *plan;
	bool own_number;
	enum abi abi;
	const struct plan_entry *entries[NUMBER_LIMIT]; /* of this ABI, by number; NULL: none */
};

static void emit(struct compiler *c, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	if (c->length == FILTER_LENGTH_MAX) {
		c->overflow = true;
		return;
	}
	c->code[c->length++] = (struct sock_filter){.code = code, .jt = jt, .jf = jf, .k = k};
}

static uint32_t answer_return(const struct compiler *c, const struct plan_entry *entry,
			      struct answer answer)
{
	if (entry != NULL)
		answer = plan_guard_answer(c->plan, (enum sc)(entry - c->plan->entries), answer);
	switch ((enum answer_kind)answer.kind) {
	case ANSWER_NATIVE:
		return SECCOMP_RET_ALLOW;
	case ANSWER_ASK:
		return SECCOMP_RET_USER_NOTIF;
	case ANSWER_STOP:
		return SECCOMP_RET_TRACE | FILTER_STOP_DATA; /* ENOSYS where nobody traces. */
	case ANSWER_REFUSE:
		break;
	}
	return SECCOMP_RET_ERRNO | (answer.refuse != 0 ? answer.refuse : ENOSYS);
}

static void emit_return(struct compiler *c, const struct plan_entry *entry, struct answer answer)
{
	emit(c, BPF_RET | BPF_K, answer_return(c, entry, answer), 0, 0);
}

/* What the accumulator holds while the rules of one call are tested. */
struct loaded {
	bool valid;
	bool high;
	uint8_t arg;
	uint32_t mask;
};

static void load(struct compiler *c, struct loaded *loaded, const struct arg_test *test)
{
	uint32_t mask = test->op == TEST_EQ ? test->mask : UINT32_MAX;
	bool high = test->op == TEST_HIGH;
	bool same = loaded->valid && loaded->arg == test->arg && loaded->high == high;

	if (same && loaded->mask == mask)
		return;
	if (!same || loaded->mask != UINT32_MAX)
		emit(c, BPF_LD | BPF_W | BPF_ABS, high ? ARG_HIGH(test->arg) : ARG_LOW(test->arg),
		     0, 0);
	if (mask != UINT32_MAX)
		emit(c, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
	*loaded = (struct loaded){.valid = true, .high = high, .arg = test->arg, .mask = mask};
}

static void emit_test(struct compiler *c, const struct arg_test *test)
{
	if (test->op != TEST_ANY)
		emit(c, BPF_JMP | BPF_JEQ | BPF_K, test->value, 0, 0);
	else
		emit(c, BPF_JMP | BPF_JSET | BPF_K, test->mask, 0, 0);
}

/* A rule of one test, and those after it that look at the same bits and give the same answer: a
 * chain of comparisons with one return. Returns how many rules it took. */
static size_t emit_chain(struct compiler *c, const struct plan_entry *entry,
			 const struct call_rule *rules, size_t count, struct loaded *loaded)
{
	const struct arg_test *first = &rules[0].tests[0];
	size_t taken = 1;

	while (taken < count && taken < 200 && first->op != TEST_HIGH &&
	       rules[taken].tests[1].op == TEST_NONE && rules[taken].tests[0].op == first->op &&
	       rules[taken].tests[0].arg == first->arg &&
	       (first->op == TEST_ANY || rules[taken].tests[0].mask == first->mask) &&
	       answer_return(c, entry, rules[taken].answer) ==
		       answer_return(c, entry, rules[0].answer))
		taken++;
	load(c, loaded, first);
	for (size_t i = 0; i < taken; i++)
		emit_test(c, &rules[i].tests[0]);
	emit_return(c, entry, rules[0].answer);
	if (c->overflow)
		return taken;
	struct sock_filter *last = &c->code[c->length - 2];
	for (size_t i = 0; i + 1 < taken; i++)
		last[-(ptrdiff_t)i - 1].jt = (uint8_t)(i + 1);
	last->jf = 1;
	return taken;
}

/* A rule of several tests: one that does not hold jumps over the rest. What the accumulator holds
 * depends on the way out, so nothing is known of it afterwards. */
static void emit_several(struct compiler *c, const struct plan_entry *entry,
			 const struct call_rule *rule, struct loaded *loaded)
{
	size_t places[RULE_TESTS_MAX];
	size_t count = 0;

	for (; count < RULE_TESTS_MAX && rule->tests[count].op != TEST_NONE; count++) {
		load(c, loaded, &rule->tests[count]);
		places[count] = c->length;
		emit_test(c, &rule->tests[count]);
	}
	emit_return(c, entry, rule->answer);
	*loaded = (struct loaded){0};
	for (size_t i = 0; i < count && !c->overflow; i++)
		c->code[places[i]].jf = (uint8_t)(c->length - places[i] - 1);
}

static void emit_rules(struct compiler *c, const struct plan_entry *entry,
		       const struct call_rule *rules, size_t count, struct loaded *loaded)
{
	for (size_t i = 0; i < count;) {
		if (rules[i].tests[0].op == TEST_NONE) {
			emit_return(c, entry, rules[i].answer); /* Always holds. */
			return;
		}
		if (rules[i].tests[1].op == TEST_NONE) {
			i += emit_chain(c, entry, rules + i, count - i, loaded);
		} else {
			emit_several(c, entry, rules + i, loaded);
			i++;
		}
	}
}

static bool same_answer(const struct compiler *c, const struct plan_entry *a,
			const struct plan_entry *b)
{
	if (a == b)
		return true;
	if (a == NULL || b == NULL)
		return false;
	if (a->before != NULL || b->before != NULL)
		return false;
	return a->rule_count == 0 && b->rule_count == 0 &&
	       answer_return(c, a, a->answer) == answer_return(c, b, b->answer);
}

static void emit_leaf(struct compiler *c, const struct plan_entry *entry)
{
	if (entry == NULL) {
		emit_return(c, NULL, (struct answer){.kind = ANSWER_REFUSE});
		return;
	}
	struct loaded loaded = {0};

	if (entry->before != NULL)
		emit_rules(c, entry, entry->before, 1, &loaded);
	emit_rules(c, entry, entry->rules, entry->rule_count, &loaded);
	emit_return(c, entry, entry->answer);
}

/* The numbers first..last, all answered; the accumulator holds the number. */
static void emit_range(struct compiler *c, uint32_t first, uint32_t last)
{
	uint32_t next = first + 1;

	while (next <= last && same_answer(c, c->entries[first], c->entries[next]))
		next++;
	if (next > last) {
		emit_leaf(c, c->entries[first]);
		return;
	}
	/* Split in the middle, but not inside a run of equals. */
	uint32_t middle = first + (last - first + 1) / 2;
	while (middle > next && same_answer(c, c->entries[middle - 1], c->entries[middle]))
		middle--;
	if (middle < next)
		middle = next;
	size_t jump = c->length;
	emit(c, BPF_JMP | BPF_JGE | BPF_K, middle, 0, 0);
	emit_range(c, first, middle - 1);
	if (c->overflow)
		return;
	if (c->length - jump - 1 > UINT8_MAX) {
		/* Too far for the jump itself: it takes a stepping stone. */
		emit(c, 0, 0, 0, 0);
		if (c->overflow)
			return;
		memmove(&c->code[jump + 2], &c->code[jump + 1],
			(c->length - jump - 2) * sizeof(*c->code));
		c->code[jump + 1] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA,
								 (uint32_t)(c->length - jump - 2));
		c->code[jump].jf = 1;
	} else {
		c->code[jump].jt = (uint8_t)(c->length - jump - 1);
	}
	emit_range(c, middle, last);
}

static void emit_asked_number(struct compiler *c, uint32_t number)
{
	emit(c, BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
	emit_return(c, NULL, (struct answer){.kind = ANSWER_ASK});
}

static void emit_abi(struct compiler *c, enum abi abi)
{
	c->abi = abi;
	memset(c->entries, 0, sizeof(c->entries));
	for (size_t i = 0; i < SC_COUNT; i++) {
		int number = c->plan->entries[i].call->number[abi];

		assert(number < NUMBER_LIMIT);
		/* Its arguments lie in memory: nobody could see where it maps, or what. */
		if ((c->own_number || c->plan->options.limit_memory) && abi == ABI_I386 &&
		    i == SC_mmap)
			continue;
		if (number >= 0)
			c->entries[number] = &c->plan->entries[i];
	}
	emit(c, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
	if (abi == ABI_X86_64) {
		/* x32, also where a policy makes other refusals heard of. */
		emit(c, BPF_JMP | BPF_JSET | BPF_K, X32_BIT, 0, 1);
		emit(c, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
	}
	/* No list of hot calls first: what is allowed whatever its arguments, the kernel itself has
	 * in a set (from 5.11; other needs make it 5.12 anyway) and asks no filter about. */
	emit(c, BPF_JMP | BPF_JGE | BPF_K, NUMBER_LIMIT, 0, 1);
	emit_return(c, NULL, (struct answer){.kind = ANSWER_REFUSE});
	if (c->own_number)
		emit_asked_number(c, FILTER_OWN_NUMBER);
	if (c->plan->options.hears_nt)
		emit_asked_number(c, NT_MARK_NUMBER);
	emit_range(c, 0, NUMBER_LIMIT - 1);
}

static void emit_program(struct compiler *c)
{
	emit(c, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
	emit(c, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 1);
	size_t jump = c->length;
	emit(c, BPF_JMP | BPF_JA, 0, 0, 0);
	emit(c, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 1, 0);
	emit(c, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
	emit_abi(c, ABI_I386);
	if (c->overflow)
		return;
	c->code[jump].k = (uint32_t)(c->length - jump - 1);
	emit_abi(c, ABI_X86_64);
}

int filter_compile(const struct plan *plan, struct filter *ret_filter, struct cloche_err *err)
{
	_own_(freep) struct compiler *c = calloc(1, sizeof(*c));
	_own_(freep) struct sock_filter *code = calloc(FILTER_LENGTH_MAX, sizeof(*code));

	if (c == NULL || code == NULL)
		return err_set(err, -ENOMEM, "guard: out of memory");
	c->plan = plan;
	c->code = code;
	c->own_number = plan_binds(plan);
	emit_program(c);
	if (c->overflow)
		return err_set(err, -E2BIG,
			       "guard: the policy needs a filter of more than %d instructions",
			       FILTER_LENGTH_MAX);
	ret_filter->length = (uint16_t)c->length;
	ret_filter->code = TAKE(code);
	return 0;
}

void filter_done(struct filter *filter)
{
	free(filter->code);
	*filter = (struct filter){0};
}

uint32_t filter_simulate(const struct filter *filter, const struct seccomp_data *data)
{
	uint32_t accumulator = 0;

	for (size_t pc = 0; pc < filter->length; pc++) {
		const struct sock_filter *f = &filter->code[pc];
		bool taken;

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert(f->k + sizeof(accumulator) <= sizeof(*data));
			memcpy(&accumulator, (const char *)data + f->k, sizeof(accumulator));
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			accumulator &= f->k;
			continue;
		case BPF_JMP | BPF_JA:
			pc += f->k;
			continue;
		case BPF_RET | BPF_K:
			return f->k;
		case BPF_JMP | BPF_JEQ | BPF_K:
			taken = accumulator == f->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			taken = accumulator >= f->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			taken = (accumulator & f->k) != 0;
			break;
		default:
			return SECCOMP_RET_KILL_PROCESS;
		}
		pc += taken ? f->jt : f->jf;
	}
	return SECCOMP_RET_KILL_PROCESS;
}

int filter_install(const struct filter *filter, bool *ret_killable)
{
	struct sock_fprog program = {.len = filter->length, .filter = filter->code};
	unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;

	/* Without WAIT_KILLABLE_RECV (5.19) a signal can abort a call after the monitor has carried
	 * it out, and it would be done twice. */
	int fd = sys_seccomp(SECCOMP_SET_MODE_FILTER,
			     flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
	*ret_killable = fd >= 0;
	if (fd == -EINVAL)
		fd = sys_seccomp(SECCOMP_SET_MODE_FILTER, flags, &program);
	return fd;
}
