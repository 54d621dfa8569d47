/* SPDX-License-Identifier: Apache-2.0
 *
 * One call that the monitor decides, whichever route it came by. What its arguments point at is
 * copied here when somebody first looks, once; the copy is what is looked at, changed and in the
 * end carried out (notify) or put where the guest cannot write (stop). What nobody looked at stays
 * in the guest's memory and is the kernel's to read.
 */
#ifndef CLOCHE_MONITOR_CALL_H
#define CLOCHE_MONITOR_CALL_H

#include "calls/calls.h"
#include "monitor/task.h"
#include "policy/plan.h"

#include <sys/types.h>
#include <time.h>

/* More than this of one argument is not looked at: -E2BIG. */
#define CALL_MEMORY_MAX ((size_t)1 << 20)
#define CALL_PATH_MAX	4096
#define CALL_TEXTS_MAX	(65536 + 512) /* more are not read either; deep.c looks at whole pages */

/* A pointer within the copy: at `at` in it, to `target` in it. */
struct call_link {
	uint32_t at;
	uint32_t target;
};

/* What one argument points at. Where that points further (argv, a message with its buffers), all of
 * it is one copy: first what the argument points at, then what that leads to, with the pointers
 * listed in links and zero in bytes. */
struct call_memory {
	char *bytes;		 /* owned; a byte more than length, which is 0 */
	size_t length;		 /* of paths and strings: with the NUL */
	struct call_link *links; /* owned */
	size_t link_count;
	int error;   /* negative: it could not be read, and this is what the guest is told */
	bool looked; /* somebody asked for it: what it says now is what the kernel gets */
};

/* A file as it was at a moment. */
struct file_state {
	dev_t device;
	ino_t inode;
	struct timespec changed; /* st_ctim: no program can set it */
};

struct hooks;

struct call {
	const struct call_info *info; /* NULL: in no table */
	enum sc sc;
	enum abi abi;
	enum call_route route;
	uint32_t number;
	struct call_args shape; /* of info in this ABI */
	uint64_t args[CALL_ARGS_MAX];
	uint8_t changed_args; /* bit n: args[n] is no longer the guest's */
	struct call_memory memory[CALL_ARGS_MAX];
	struct task task;
	int64_t result; /* in after-hooks */
	bool result_changed;
	enum sc outer; /* sc, or socketcall or ipc of i386, where info is what they mean */
	uint64_t outer_args[CALL_ARGS_MAX];
	bool apart;	  /* outer is not sc */
	bool from_memory; /* args were read from the caller's memory: it can only be made directly
			   */
	struct gaddr first_message; /* of sendmmsg, where info is sendmsg; else 0 */
	int apart_error;	    /* negative: what outer means cannot be read */
	char *gathered;		    /* owned: what call_data put together */
	const char *rule;	    /* why it was refused; borrowed; NULL: nobody said */
	struct hooks *held_by;	    /* who had it wait; NULL: nobody */
	unsigned held_at;	    /* the holder's own note of where it goes on */
	uint64_t hold_id;	    /* while it is held */
	bool pinned; /* of an execve: these were looked at, and nothing else may run (image.h) */
	struct file_state named;
	struct file_state runs;
};

/* Fills in everything from number, abi and args; call->task is set. i386's socketcall and ipc
 * become the calls that they mean. */
void call_begin(struct call *call, enum abi abi, uint32_t number, const uint64_t *args);

/* sendmmsg becomes the sendmsg of its first message, for who decides: the kernel may send fewer
 * messages than it was asked to, and the caller comes again with the rest. */
void call_take_first_message(struct call *call);
/* What sendmmsg's caller is told when that message was sent. */
int64_t call_first_message_sent(const struct call *call, int64_t result);

/* The number as which the call is made when it is not the caller's own instruction that makes it,
 * with args then as that wants them; -1: only as the outer call (multiplex_whole), or not at all.
 */
int call_make_number(struct call *call);
void call_done(struct call *call);

/* The argument as an address: i386 uses the low half of its registers. */
static inline struct gaddr call_gaddr(const struct call *call, unsigned index)
{
	uint64_t address = call->args[index];

	return (struct gaddr){call->abi == ABI_I386 ? (uint32_t)address : address};
}

/* The copy of what this argument points at, by its role: a path or string with its NUL, a buffer, a
 * structure, an array of strings, a message. NULL with *ret_error set: -EFAULT, -ENAMETOOLONG,
 * -E2BIG as Linux has them; 0 for a null pointer or an argument that leads nowhere.
 * From then on the call is bound: the kernel gets this copy and nothing else. */
const char *call_look(struct call *call, unsigned index, size_t *ret_length, int *ret_error);

/* The same for who only watches: nothing is bound. */
const char *call_peek(struct call *call, unsigned index, size_t *ret_length, int *ret_error);

/* Of an argument of role strings that was looked or peeked at: the n-th string; NULL: no more. */
const char *call_text(const struct call *call, unsigned index, size_t n, size_t *ret_length);
/* Changes all of them. */
int call_set_texts(struct call *call, unsigned index, const char *const *texts, size_t count);

/* Where a socket address is named: in an argument of its own (connect, sendto ...), in a message
 * (sendmsg), or behind socketcall. Looked at, or for watchers peeked at. NULL: nowhere. */
const char *call_address(struct call *call, bool bind, size_t *ret_length);
/* Another address instead, of at most 128 bytes. -EINVAL: this call names none. */
int call_set_address(struct call *call, const void *bytes, size_t length);

/* The bytes that are written or sent: a buffer's, or all of several buffers' one after the other
 * (call_set_data replaces all by one). NULL: none, with *ret_error as above. Borrowed until the
 * call is over or changed. */
const char *call_data(struct call *call, bool bind, size_t *ret_length, int *ret_error);
int call_set_data(struct call *call, const void *bytes, size_t length);

/* What the caller is told instead of the result; only in after-hooks on the stop route. */
void call_set_result(struct call *call, int64_t result);

/* The index of the n-th argument of this role, or -1. */
int call_find_role(const struct call *call, uint8_t role, unsigned n);
int call_find_arg(const struct call *call, const char *name);

/* How many bytes the kernel reads or writes at a pointer to this structure; 0: not known. */
size_t call_struct_size(const struct call *call, unsigned index);

/* Changes what the kernel is going to see. -E2BIG: too long. */
int call_set_memory(struct call *call, unsigned index, const void *bytes, size_t length);
/* The argument's copy is this from now on; its memory is taken. */
void call_replace(struct call *call, unsigned index, struct call_memory take_memory);
void call_set_arg(struct call *call, unsigned index, uint64_t value);

/* Are the copies as long as the arguments that count them say? A hook may have changed those. */
bool call_fits(const struct call *call);

/* The kernel reads this call's memory after it is over, too; ours is another call's by then. 0: it
 * does not; else the errno with which programs make the call differently. */
int call_outlives(const struct call *call);

/* All of it is `to`'s now, but `from` still says what it was. */
void call_move(struct call *to, struct call *from);

/* Bytes of ours that it takes. */
size_t call_bytes(const struct call *call);

/* It writes to a file, which takes what can be read of the data; a pipe or socket takes none of it.
 */
bool call_writes_file(const struct call *call);
/* No memory of a process is there: the kernel does not even try. */
bool call_is_beyond(const struct call *call, uint64_t address, uint64_t length);

/* Somebody looked at or changed memory, so the guest's own must not be used again. */
bool call_is_bound(const struct call *call);

#endif
