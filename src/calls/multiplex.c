/* SPDX-License-Identifier: Apache-2.0 */
#include "calls/multiplex.h"

#include "base/own.h"

#include <errno.h>

#include <string.h>

#define IPC_NEW_LAYOUT 0x100 /* IPC_64 of linux/ipc.h: every libc asks so */

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

static const struct multiplexed *find(const struct multiplexed *rows, size_t count, uint32_t number)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].number == number)
			return &rows[i];
	return NULL;
}

/* Arguments that are an array of words in memory. */
static int read_words(multiplex_read read, void *context, uint64_t address, uint64_t *words,
		      size_t count)
{
	uint32_t copy[CALL_ARGS_MAX] = {0};
	int r = read(context, (uint32_t)address, copy, count * sizeof(copy[0]));

	for (size_t i = 0; r == 0 && i < count; i++)
		words[i] = copy[i];
	return r;
}

static int expand_socketcall(const uint64_t args[CALL_ARGS_MAX], multiplex_read read, void *context,
			     struct multiplexed_call *ret)
{
	const struct multiplexed *row =
		find(socket_calls, ARRAY_LENGTH(socket_calls), (uint32_t)args[0]);

	if (row == NULL)
		return 0;
	ret->info = &calls_table[row->call];
	ret->from_memory = true;
	int r = read_words(read, context, args[1], ret->args, row->count);
	return r < 0 ? r : 1;
}

/* The arguments of msgrcv in its first version are partly in memory, and semctl's last one is. */
static int complete_ipc(const struct multiplexed *row, const uint64_t args[CALL_ARGS_MAX],
			multiplex_read read, void *context, struct multiplexed_call *ret)
{
	uint64_t words[2] = {0};
	int r = 0;
	bool led =
		(row->call == SC_msgrcv && (uint32_t)args[0] >> 16 == 0) || row->call == SC_semctl;

	if (led && (uint32_t)args[4] == 0)
		return -EINVAL; /* The kernel asks before it looks. */
	if (row->call == SC_msgrcv && (uint32_t)args[0] >> 16 == 0) {
		ret->from_memory = true;
		r = read_words(read, context, args[4], words, 2);
		ret->args[1] = words[0];
		ret->args[3] = words[1];
	} else if (row->call == SC_semctl) {
		ret->from_memory = true;
		r = read_words(read, context, args[4], words, 1);
		ret->args[3] = words[0];
	}
	return r;
}

static int expand_ipc(const uint64_t args[CALL_ARGS_MAX], multiplex_read read, void *context,
		      struct multiplexed_call *ret)
{
	/* The upper half is the version of msgrcv's arguments. */
	const struct multiplexed *row =
		find(ipc_calls, ARRAY_LENGTH(ipc_calls), (uint32_t)args[0] & 0xffff);

	if (row == NULL)
		return 0;
	ret->info = &calls_table[row->call];
	for (size_t i = 0; i < row->count; i++)
		ret->args[i] = args[row->args[i]];
	int r = complete_ipc(row, args, read, context, ret);
	return r < 0 ? r : 1;
}

int multiplex_expand(const struct call_info *info, const uint64_t args[CALL_ARGS_MAX],
		     multiplex_read read, void *context, struct multiplexed_call *ret)
{
	*ret = (struct multiplexed_call){0};
	if (info == &calls_table[SC_socketcall])
		return expand_socketcall(args, read, context, ret);
	if (info == &calls_table[SC_ipc])
		return expand_ipc(args, read, context, ret);
	return 0;
}

enum sc multiplex_member(enum sc outer, size_t index)
{
	if (outer == SC_socketcall && index < ARRAY_LENGTH(socket_calls))
		return (enum sc)socket_calls[index].call;
	if (outer == SC_sendmmsg && index == 0)
		return SC_sendmsg;
	if (outer == SC_ipc && index < ARRAY_LENGTH(ipc_calls))
		return (enum sc)ipc_calls[index].call;
	return SC_COUNT;
}

/* The direct calls only know the new layout of what the *ctl calls fill in. */
static int direct_control(const struct call_info *info, uint64_t *command)
{
	if ((*command & IPC_NEW_LAYOUT) == 0)
		return -1;
	*command &= ~(uint64_t)IPC_NEW_LAYOUT;
	return info->number[ABI_I386];
}

int multiplex_direct(const struct call_info *info, uint64_t args[CALL_ARGS_MAX])
{
	switch ((int)(info - calls_table)) {
	case SC_accept: /* i386 has no direct call without flags. */
		args[3] = 0;
		return calls_table[SC_accept4].number[ABI_I386];
	case SC_semop:
		args[3] = 0;
		return calls_table[SC_semtimedop_time64].number[ABI_I386];
	case SC_semctl:
		return direct_control(info, &args[2]);
	case SC_msgctl:
	case SC_shmctl:
		return direct_control(info, &args[1]);
	case SC_shmat: /* ipc writes the address to memory, the direct call returns it. */
		return -1;
	default:
		return info->number[ABI_I386];
	}
}

bool multiplex_whole(const struct call_info *info, const uint64_t args[CALL_ARGS_MAX],
		     struct multiplexed_whole *ret)
{
	const struct multiplexed *row = NULL;

	for (size_t i = 0; i < ARRAY_LENGTH(ipc_calls); i++)
		if (info == &calls_table[ipc_calls[i].call])
			row = &ipc_calls[i];
	/* In its first version msgrcv has more in memory than a word. */
	if (row == NULL || row->call == SC_msgrcv)
		return false;
	*ret = (struct multiplexed_whole){
		.number = calls_table[SC_ipc].number[ABI_I386],
		.args = {row->number},
		.known = 1,
		.word_arg = -1,
	};
	for (size_t i = 0; i < row->count; i++) {
		ret->args[row->args[i]] = args[i];
		ret->known |= (uint8_t)(1U << row->args[i]);
	}
	if (row->call == SC_semctl) {
		ret->word_arg = row->args[3];
		ret->word = (uint32_t)args[3];
	}
	return true;
}
