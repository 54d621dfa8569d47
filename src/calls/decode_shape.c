/* SPDX-License-Identifier: Apache-2.0
 *
 * Which arguments a call has: by its ABI, by the value of one of them, or by what i386's
 * multiplexers stand for. Afterwards everything is in decode_call, and nobody looks at the
 * original again.
 */
#include "calls/decoder.h"

#include "base/own.h"
#include "calls/forms.h"

#include <string.h>

/* What ipc's and socketcall's first argument means: which call, and where its arguments are. */
struct multiplexed {
	uint8_t number;
	uint16_t call; /* enum sc */
	uint8_t args[CALL_ARGS_MAX];
	uint8_t count;
};

static const struct multiplexed ipc_calls[] = {
	{1, SC_semop, {1, 4, 2}, 3},	  {2, SC_semget, {1, 2, 3}, 3},
	{3, SC_semctl, {1, 2, 3, 4}, 4},  {4, SC_semtimedop, {1, 4, 2, 5}, 4},
	{11, SC_msgsnd, {1, 4, 2, 3}, 4}, {12, SC_msgrcv, {1, 4, 2, 5, 3}, 5},
	{13, SC_msgget, {1, 2}, 2},	  {14, SC_msgctl, {1, 2, 4}, 3},
	{21, SC_shmat, {1, 4, 2}, 3},	  {22, SC_shmdt, {4}, 1},
	{23, SC_shmget, {1, 2, 3}, 3},	  {24, SC_shmctl, {1, 2, 4}, 3},
};

/* send and recv are sendto and recvfrom without an address. */
static const struct multiplexed socket_calls[] = {
	{1, SC_socket, {0}, 3},	     {2, SC_bind, {0}, 3},	  {3, SC_connect, {0}, 3},
	{4, SC_listen, {0}, 2},	     {5, SC_accept, {0}, 3},	  {6, SC_getsockname, {0}, 3},
	{7, SC_getpeername, {0}, 3}, {8, SC_socketpair, {0}, 4},  {9, SC_sendto, {0}, 4},
	{10, SC_recvfrom, {0}, 4},   {11, SC_sendto, {0}, 6},	  {12, SC_recvfrom, {0}, 6},
	{13, SC_shutdown, {0}, 2},   {14, SC_setsockopt, {0}, 5}, {15, SC_getsockopt, {0}, 5},
	{16, SC_sendmsg, {0}, 3},    {17, SC_recvmsg, {0}, 3},	  {18, SC_accept4, {0}, 4},
	{19, SC_recvmmsg, {0}, 5},   {20, SC_sendmmsg, {0}, 4},
};

static const struct multiplexed *multiplexed_find(const struct multiplexed *rows, size_t count,
						  uint32_t number)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].number == number)
			return &rows[i];
	return NULL;
}

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

/* The call that i386 means, with its arguments; unchanged where that cannot be found out. */
static void expand_i386(struct decode_call *call, const struct decode_source *source)
{
	uint64_t args[CALL_ARGS_MAX] = {0};
	const struct call_info *info = call->info;
	const struct multiplexed *row;

	if (info == &calls_table[SC_socketcall]) {
		row = multiplexed_find(socket_calls, ARRAY_LENGTH(socket_calls),
				       (uint32_t)call->args[0]);
		if (row == NULL || !fetch_words(call, source, call->args[1], args, row->count))
			return;
		info = &calls_table[row->call];
	} else if (info == &calls_table[SC_ipc]) {
		/* The upper half is the version of msgrcv's arguments. */
		row = multiplexed_find(ipc_calls, ARRAY_LENGTH(ipc_calls),
				       (uint32_t)call->args[0] & 0xffff);
		if (row == NULL)
			return;
		for (size_t i = 0; i < row->count; i++)
			args[i] = call->args[row->args[i]];
		if (row->call == SC_msgrcv && call->args[0] >> 16 == 0) {
			uint64_t kludge[2];

			if (!fetch_words(call, source, call->args[4], kludge, 2))
				return;
			args[1] = kludge[0];
			args[3] = kludge[1];
		}
		info = &calls_table[row->call];
	} else if (info == &calls_table[SC_mmap] || info == &calls_table[SC_select]) {
		size_t count = info == &calls_table[SC_mmap] ? 6 : 5;

		if (!fetch_words(call, source, call->args[0], args, count))
			return;
		call->shape = call_args(info, ABI_X86_64);
		memcpy(call->args, args, sizeof(args));
		return;
	} else {
		return;
	}
	call->info = info;
	call->shape = call_args(info, ABI_I386);
	memcpy(call->args, args, sizeof(args));
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
