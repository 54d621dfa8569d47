/* SPDX-License-Identifier: Apache-2.0
 *
 * i386's socketcall and ipc: one number for many calls, with arguments behind a pointer or in
 * another order. Who decides or shows calls wants the one that is meant.
 */
#ifndef CLOCHE_CALLS_MULTIPLEX_H
#define CLOCHE_CALLS_MULTIPLEX_H

#include "calls/calls.h"

/* Exactly this many bytes of the caller's memory, or -EFAULT. */
typedef int (*multiplex_read)(void *context, uint64_t address, void *to, size_t length);

struct multiplexed_call {
	const struct call_info *info; /* what is meant */
	uint64_t args[CALL_ARGS_MAX];
	bool from_memory; /* some of args were read, so the original may mean something else soon */
};

/* 1: taken apart. 0: it is none of these calls, or means nothing. -EFAULT: its arguments cannot be
 * read. */
int multiplex_expand(const struct call_info *info, const uint64_t args[CALL_ARGS_MAX],
		     multiplex_read read, void *context, struct multiplexed_call *ret);

/* The calls that this one may mean: SC_COUNT after the last. Of sendmmsg it is sendmsg: who decides
 * takes its messages one by one. */
enum sc multiplex_member(enum sc outer, size_t index);

/* As which number, with which arguments, the call that was meant can be made directly; -1: it
 * cannot, and is made as a whole. */
int multiplex_direct(const struct call_info *info, uint64_t args[CALL_ARGS_MAX]);

/* The way back: ipc's own registers. What ipc itself reads from memory is a word, which is put
 * where nobody else can write. */
struct multiplexed_whole {
	int number;
	uint64_t args[CALL_ARGS_MAX];
	uint8_t known; /* bit n: args[n] is this; the others are as the caller has them */
	int word_arg;  /* this one is the address of `word`; -1: none is */
	uint32_t word;
};

/* What multiplex_direct cannot: old layouts, and a result in memory. False: nor can this. */
bool multiplex_whole(const struct call_info *info, const uint64_t args[CALL_ARGS_MAX],
		     struct multiplexed_whole *ret);

#endif
