/* SPDX-License-Identifier: Apache-2.0
 *
 * What the stop route knows of each traced thread, and what it does to one. For stop.c and map.c.
 */
#ifndef CLOCHE_MONITOR_TRACEE_H
#define CLOCHE_MONITOR_TRACEE_H

#include "monitor/call.h"
#include "monitor/image.h"
#include "monitor/near.h"
#include "monitor/page.h"

#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/user.h>

struct monitor;

#define TRACE_OPTIONS                                                                              \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK |  \
	 PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC)
/* One call of one thread: what it starts is not ours. */
#define TRACE_OPTIONS_ONCE (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEEXEC)

/* The memory of one or more threads. */
struct space {
	unsigned references;
	bool mapped; /* the argument area is there, and was seen to be */
};

enum kinship { KINSHIP_UNKNOWN, KINSHIP_COPIED, KINSHIP_SHARED };

enum tracee_state {
	TRACEE_NEW,	/* nothing is known yet */
	TRACEE_RUNS,	/* and will stop at calls that somebody wants to see */
	TRACEE_SEIZED,	/* waits in a notification, is to stop when that is answered */
	TRACEE_MAPS,	/* makes calls of ours, which give it the argument area */
	TRACEE_REMAKES, /* begins the decided call anew */
	TRACEE_CALLS,	/* makes the call; its end is waited for */
	TRACEE_HELD,	/* stopped at the call until somebody decides */
};

/* The call that a thread is going to make because we said so. Where it returns to lies in its own
 * memory, and others may have put another instruction there. */
struct expected {
	uint32_t number;
	uint64_t args[CALL_ARGS_MAX];
};

enum map_step { STEP_LEAVE, STEP_TAKE_FD, STEP_MAP, STEP_CLOSE };

struct tracee {
	struct tracee *next; /* in its bucket */
	pid_t tid;
	enum tracee_state state;
	bool busy;	    /* runs, and is counted in near.busy */
	bool tells;	    /* makes a call that is counted in near.telling */
	bool for_good;	    /* else for one call */
	bool seen;	    /* its first stop has come */
	uint64_t seen_ms;   /* when, if that was before its parent had told of it */
	bool executed;	    /* since the call began: the registers are another program's */
	bool changed;	    /* registers were changed and are to be changed back */
	uint32_t continued; /* number of the call that it notified last, if the kernel went on with
			       it; else CONTINUED_NONE */
	bool masked;	    /* its signals are blocked meanwhile, `mask` is its own */
	uint64_t mask;
	struct space *space; /* shared; NULL: its parent's word has not come */
	uint64_t start;	     /* when it was started, if it was there before we traced it; else 0 */
	struct call call;
	struct image *image;	       /* owned: what execve is to run; NULL: nobody decided */
	struct user_regs_struct entry; /* as the call began */
	uint64_t area_offset;
	size_t area_length; /* 0: none is taken */
	enum map_step step;
	int area_fd; /* in the guest */
	struct expected expected;
};

/* Of the kernel alone (linux/errno.h): results that a signal handler decides about, or not. */
#define ERESTARTSYS    512
#define ERESTARTNOINTR 513

#define CONTINUED_NONE UINT32_MAX

#define TRACEE_BUCKETS 256

struct stops {
	struct area area;
	struct near near;
	unsigned awaited; /* notifications that threads are to make, or were when they died */
	bool more;	  /* there was too much to look at for one go */
	unsigned waiting; /* children that have stopped before their parent's word came */
	struct tracee *buckets[TRACEE_BUCKETS];
};

/* ---- tracee.c ---- */

struct tracee *tracee_find(const struct stops *stops, pid_t tid);
/* The same, but only if we trace that thread indeed. A leader that another thread has taken the
 * place of (execve) is gone without a word; what is known of it is forgotten here. */
struct tracee *tracee_find_traced(struct stops *stops, pid_t tid);
struct tracee *tracee_add(struct stops *stops, pid_t tid); /* or the one that is there */
void tracee_remove(struct stops *stops, struct tracee *t);
/* `former` executed a program and has t's id now. Returns who goes on. */
struct tracee *tracee_succeed(struct stops *stops, struct tracee *t, pid_t former);

int tracee_seize(struct stops *stops, struct tracee *t, unsigned options);
void tracee_resume(struct tracee *t, unsigned request, int signal);
void tracee_detach(struct stops *stops, struct tracee *t, int signal);
int tracee_get_registers(const struct tracee *t, struct user_regs_struct *registers);
int tracee_set_registers(const struct tracee *t, const struct user_regs_struct *registers);
int tracee_syscall_info(const struct tracee *t, struct __ptrace_syscall_info *info);
int tracee_message(const struct tracee *t, unsigned long *message);
/* What is in these registers is what it is going to do next. */
void tracee_expect(struct tracee *t, long number, const struct user_regs_struct *registers);
bool tracee_is_expected(const struct tracee *t, enum abi abi, uint64_t number,
			const uint64_t args[CALL_ARGS_MAX]);
int tracee_block_signals(struct tracee *t);
void tracee_unblock_signals(struct tracee *t);

void tracee_set_argument(struct user_regs_struct *registers, enum abi abi, unsigned index,
			 uint64_t value);
/* What the memory of the child that it is making has to do with its own. */
enum kinship tracee_child_memory(const struct tracee *t);

/* Puts what was decided on into the area and its addresses, and changed numbers, into registers. */
int tracee_place_arguments(struct stops *stops, struct tracee *t,
			   struct user_regs_struct *registers);
void tracee_restore_arguments(const struct tracee *t, struct user_regs_struct *registers);
void tracee_release_arguments(struct stops *stops, struct tracee *t);
void tracee_forget_call(struct tracee *t);

void space_new(struct tracee *t);
void space_inherit(struct tracee *child, const struct tracee *parent, enum kinship kinship);

/* When the thread was started, in ticks; 0: it is gone. */
uint64_t tracee_start(const struct task *task);

/* ---- restart.c ---- */

/* A signal is about to be delivered. */
void restart_at_signal(struct monitor *monitor, struct tracee *t);

/* ---- map.c: giving a guest the argument area ---- */

/* The thread is at the beginning of the decided call, or (again) just after it. */
void map_begin(struct monitor *monitor, struct tracee *t);
void map_begin_again(struct monitor *monitor, struct tracee *t);
/* False: it makes another call than it was told to. */
bool map_step(struct monitor *monitor, struct tracee *t, const struct __ptrace_syscall_info *info);

#endif
