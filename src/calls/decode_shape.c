/* SPDX-License-Identifier: Apache-2.0
 *
 * Which arguments a call has: by its ABI, by the value of one of them, or by what i386's
 * multiplexers stand for. Afterwards everything is in decode_call, and nobody looks at the
 * original again.
 */
#include "calls/decoder.h"

#include "base/own.h"
#include "calls/forms.h"
#include "calls/multiplex.h"

#include <errno.h>
#include <string.h>

/* i386 arguments that are an array of words in memory. */
static bool fetch_words(const struct decode_call *call, const struct decode_source *source,
			uint64_t address, uint64_t *words, size_t count)
{
	const struct decoder decoder = {.call = call, .source = source};
	uint32_t copy[CALL_ARGS_MAX] = {0};

	if (!fetch(&decoder, address, copy, count * sizeof(copy[0])))
		return false;
	for (size_t i = 0; i < count; i++)
		words[i] = copy[i];
	return true;
}

static int read_source(void *context, uint64_t address, void *to, size_t length)
{
	const struct decode_source *source = context;

	return source->read == NULL ? -EFAULT : source->read(source->context, address, to, length);
}

/* The call that i386 means, with its arguments; unchanged where that cannot be found out. */
static void expand_i386(struct decode_call *call, const struct decode_source *source)
{
	uint64_t args[CALL_ARGS_MAX] = {0};
	const struct call_info *info = call->info;
	struct multiplexed_call meant;

	if (info == &calls_table[SC_mmap] || info == &calls_table[SC_select]) {
		size_t count = info == &calls_table[SC_mmap] ? 6 : 5;

		if (!fetch_words(call, source, call->args[0], args, count))
			return;
		call->shape = call_args(info, ABI_X86_64);
		memcpy(call->args, args, sizeof(args));
		return;
	}
	if (multiplex_expand(info, call->args, read_source, (void *)(uintptr_t)source, &meant) != 1)
		return;
	call->info = meant.info;
	call->shape = call_args(meant.info, ABI_I386);
	memcpy(call->args, meant.args, sizeof(meant.args));
}

static bool test_holds(const struct arg_test *test, const uint64_t *args)
{
	uint32_t masked = (uint32_t)args[test->arg] & test->mask;

	return test->op == TEST_NONE || (test->op == TEST_EQ && masked == test->value) ||
	       (test->op == TEST_ANY && masked != 0);
}

/* Takes the argument out, and what counts others stays right. */
static void shape_remove(struct decode_call *call, unsigned int arg)
{
	struct call_args *shape = &call->shape;

	for (unsigned int i = arg; i + 1 < shape->arg_count; i++) {
		call->args[i] = call->args[i + 1];
		shape->roles[i] = shape->roles[i + 1];
		shape->length_args[i] = shape->length_args[i + 1];
		shape->arg_names[i] = shape->arg_names[i + 1];
		shape->flag_lists[i] = shape->flag_lists[i + 1];
		shape->arg_types[i] = shape->arg_types[i + 1];
	}
	shape->arg_count--;
	for (unsigned int i = 0; i < shape->arg_count; i++)
		if (shape->length_args[i] != CALL_NO_ARG && shape->length_args[i] > arg)
			shape->length_args[i]--;
}

/* The halves of a number become one. x86-64 has all of it in the lower one. */
static void join_halves(struct decode_call *call)
{
	struct call_args *shape = &call->shape;

	for (unsigned int i = 0; i + 1 < shape->arg_count; i++) {
		bool low_first = shape->roles[i] == ROLE_low && shape->roles[i + 1] == ROLE_high;
		unsigned int low = low_first ? i : i + 1;
		unsigned int high = low_first ? i + 1 : i;

		if (!low_first && (shape->roles[i] != ROLE_high || shape->roles[i + 1] != ROLE_low))
			continue;
		if (call->abi == ABI_I386)
			call->args[low] |= call->args[high] << 32;
		shape_remove(call, high);
	}
}

void decode_call_init(struct decode_call *call, const struct call_info *info, enum abi abi,
		      const uint64_t args[CALL_ARGS_MAX], const struct decode_source *source)
{
	const struct call_forms *forms;

	*call = (struct decode_call){.info = info, .abi = abi, .shape = call_args(info, abi)};
	for (unsigned int i = 0; i < CALL_ARGS_MAX; i++)
		call->args[i] = abi == ABI_I386 ? (uint32_t)args[i] : args[i];
	if (abi == ABI_I386)
		expand_i386(call, source);
	forms = &calls_forms[call->info - calls_table];
	for (unsigned int i = 0; i < forms->variant_count; i++)
		if (test_holds(&forms->variants[i].test, call->args)) {
			call->shape = forms->variants[i].args;
			break;
		}
	call->result_role = ROLE_NONE;
	for (unsigned int i = 0; i < forms->returns_count; i++)
		if (test_holds(&forms->returns[i].test, call->args)) {
			call->result_role = forms->returns[i].role;
			call->result_list = forms->returns[i].flag_list;
			break;
		}
	join_halves(call);
}

void decode_call_return(struct decode_call *call, int64_t result)
{
	bool address = call->result_role == ROLE_addr;

	call->result = result;
	if (call->abi == ABI_I386)
		call->result = address && decode_error(call->abi, result) == 0
				       ? (int64_t)(uint32_t)(uint64_t)result
				       : (int32_t)(uint32_t)(uint64_t)result;
}
