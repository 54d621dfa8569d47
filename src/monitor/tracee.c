/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/tracee.h"

#include "base/own.h"
#include "calls/multiplex.h"
#include "monitor/deep.h"
#include "monitor/hear.h"
#include "sys/sys.h"

#include <linux/audit.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct tracee **bucket(struct stops *stops, pid_t tid)
{
	return &stops->buckets[(unsigned)tid % TRACEE_BUCKETS];
}

struct tracee *tracee_find(const struct stops *stops, pid_t tid)
{
	struct tracee *t = stops->buckets[(unsigned)tid % TRACEE_BUCKETS];

	while (t != NULL && t->tid != tid)
		t = t->next;
	return t;
}

static void put_in(struct stops *stops, struct tracee *t)
{
	struct tracee **head = bucket(stops, t->tid);

	t->next = *head;
	*head = t;
}

static void take_out(struct stops *stops, struct tracee *t)
{
	struct tracee **at = bucket(stops, t->tid);

	while (*at != NULL && *at != t)
		at = &(*at)->next;
	if (*at != NULL)
		*at = t->next;
}

struct tracee *tracee_add(struct stops *stops, pid_t tid)
{
	struct tracee *t = tracee_find(stops, tid);

	if (t != NULL)
		return t;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return NULL;
	t->tid = tid;
	t->continued = CONTINUED_NONE;
	put_in(stops, t);
	return t;
}

static void drop_space(struct tracee *t)
{
	if (t->space != NULL && --t->space->references == 0)
		free(t->space);
	t->space = NULL;
}

void tracee_remove(struct stops *stops, struct tracee *t)
{
	take_out(stops, t);
	tracee_release_arguments(stops, t);
	tracee_forget_call(t);
	drop_space(t);
	free(t);
}

struct tracee *tracee_succeed(struct stops *stops, struct tracee *t, pid_t former)
{
	struct tracee *heir = tracee_find(stops, former);
	pid_t tid = t->tid;

	if (heir == NULL)
		return t;
	tracee_remove(stops, t);
	take_out(stops, heir);
	heir->tid = tid;
	put_in(stops, heir);
	return heir;
}

void space_new(struct tracee *t)
{
	drop_space(t);
	t->space = calloc(1, sizeof(*t->space));
	if (t->space == NULL)
		_exit(125); /* A guest that cannot be kept track of: the box ends. */
	t->space->references = 1;
}

void space_inherit(struct tracee *child, const struct tracee *parent, enum kinship kinship)
{
	if (parent->space == NULL || kinship != KINSHIP_SHARED) {
		space_new(child);
		/* A copy of the memory has the mapping too. Where nothing is known it is tried, and
		 * seen, anew. */
		if (parent->space != NULL && kinship == KINSHIP_COPIED)
			child->space->mapped = parent->space->mapped;
		return;
	}
	drop_space(child);
	child->space = parent->space;
	child->space->references++;
}

struct tracee *tracee_find_traced(struct stops *stops, pid_t tid)
{
	struct tracee *t = tracee_find(stops, tid);
	siginfo_t info;

	if (t == NULL ||
	    sys_waitid(tid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) != -ECHILD)
		return t;
	tracee_remove(stops, t);
	return NULL;
}

uint64_t tracee_start(const struct task *task)
{
	char path[64];
	char text[1024];

	(void)snprintf(path, sizeof(path), "%d/stat", task->tid);
	if (sys_read_file(rights_proc(task->proc), path, text, sizeof(text)) < 0)
		return 0;
	/* The 22nd field; the second is a name, which may have anything in it. */
	const char *p = strrchr(text, ')');
	for (int i = 2; p != NULL && i < 22; i++)
		p = strchr(p + 1, ' ');
	return p != NULL ? strtoull(p + 1, NULL, 10) : 0;
}

/* ---- ptrace ---- */

static unsigned long long *argument(struct user_regs_struct *r, enum abi abi, unsigned index)
{
	static const size_t places[ABI_COUNT][CALL_ARGS_MAX] = {
		[ABI_X86_64] = {offsetof(struct user_regs_struct, rdi),
				offsetof(struct user_regs_struct, rsi),
				offsetof(struct user_regs_struct, rdx),
				offsetof(struct user_regs_struct, r10),
				offsetof(struct user_regs_struct, r8),
				offsetof(struct user_regs_struct, r9)},
		[ABI_I386] = {offsetof(struct user_regs_struct, rbx),
			      offsetof(struct user_regs_struct, rcx),
			      offsetof(struct user_regs_struct, rdx),
			      offsetof(struct user_regs_struct, rsi),
			      offsetof(struct user_regs_struct, rdi),
			      offsetof(struct user_regs_struct, rbp)},
	};

	return (unsigned long long *)(void *)((char *)r + places[abi][index]);
}

int tracee_seize(struct stops *stops, struct tracee *t, unsigned options)
{
	int r = hear_seize(t->tid, options);

	stops->more = true;
	if (r == 0)
		space_new(t);
	t->state = TRACEE_RUNS;
	return r;
}

/* ESRCH everywhere: it was killed, and its end comes next. */
void tracee_resume(struct tracee *t, unsigned request, int signal)
{
	(void)ptrace((enum __ptrace_request)request, t->tid, NULL, (void *)(intptr_t)signal);
	if (t->state == TRACEE_NEW && request == PTRACE_CONT)
		t->state = TRACEE_RUNS;
}

void tracee_detach(struct stops *stops, struct tracee *t, int signal)
{
	(void)ptrace(PTRACE_DETACH, t->tid, NULL, (void *)(intptr_t)signal);
	tracee_remove(stops, t);
}

int tracee_get_registers(const struct tracee *t, struct user_regs_struct *registers)
{
	return SYS_RESULT((int)ptrace(PTRACE_GETREGS, t->tid, NULL, registers));
}

int tracee_set_registers(const struct tracee *t, const struct user_regs_struct *registers)
{
	return SYS_RESULT((int)ptrace(PTRACE_SETREGS, t->tid, NULL, registers));
}

int tracee_syscall_info(const struct tracee *t, struct __ptrace_syscall_info *info)
{
	return SYS_RESULT(
		(int)ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, (void *)sizeof(*info), info));
}

int tracee_message(const struct tracee *t, unsigned long *message)
{
	return SYS_RESULT((int)ptrace(PTRACE_GETEVENTMSG, t->tid, NULL, message));
}

void tracee_expect(struct tracee *t, long number, const struct user_regs_struct *registers)
{
	struct user_regs_struct copy = *registers;

	t->expected.number = (uint32_t)number;
	for (unsigned i = 0; i < CALL_ARGS_MAX; i++)
		t->expected.args[i] = *argument(&copy, t->call.abi, i);
}

bool tracee_is_expected(const struct tracee *t, enum abi abi, uint64_t number,
			const uint64_t args[CALL_ARGS_MAX])
{
	if (abi != t->call.abi || (uint32_t)number != t->expected.number)
		return false;
	for (unsigned i = 0; i < CALL_ARGS_MAX; i++) {
		uint64_t different = args[i] ^ t->expected.args[i];

		if ((abi == ABI_I386 ? (uint32_t)different : different) != 0)
			return false;
	}
	return true;
}

int tracee_block_signals(struct tracee *t)
{
	uint64_t all = UINT64_MAX;
	int r;

	if (t->masked)
		return 0;
	r = SYS_RESULT((int)ptrace(PTRACE_GETSIGMASK, t->tid, (void *)sizeof(t->mask), &t->mask));
	if (r == 0)
		r = SYS_RESULT((int)ptrace(PTRACE_SETSIGMASK, t->tid, (void *)sizeof(all), &all));
	t->masked = r == 0;
	return r;
}

void tracee_unblock_signals(struct tracee *t)
{
	if (t->masked)
		(void)ptrace(PTRACE_SETSIGMASK, t->tid, (void *)sizeof(t->mask), &t->mask);
	t->masked = false;
}

/* ---- arguments ---- */

void tracee_set_argument(struct user_regs_struct *registers, enum abi abi, unsigned index,
			 uint64_t value)
{
	*argument(registers, abi, index) = value;
}

/* The flags decide, and not what the kernel reports: vfork's event comes with every CLONE_VFORK,
 * and fork's with CLONE_VM as well. */
enum kinship tracee_child_memory(const struct tracee *t)
{
	struct __ptrace_syscall_info info;
	struct user_regs_struct registers;

	if (tracee_get_registers(t, &registers) < 0 || tracee_syscall_info(t, &info) < 0)
		return KINSHIP_UNKNOWN;
	enum abi abi = info.arch == AUDIT_ARCH_I386 ? ABI_I386 : ABI_X86_64;
	const struct call_info *call = call_find(abi, (uint32_t)registers.orig_rax);
	if (call == &calls_table[SC_fork])
		return KINSHIP_COPIED;
	if (call == &calls_table[SC_vfork])
		return KINSHIP_SHARED;
	if (call != &calls_table[SC_clone])
		return KINSHIP_UNKNOWN;
	return (*argument(&registers, abi, 0) & CLONE_VM) != 0 ? KINSHIP_SHARED : KINSHIP_COPIED;
}

static size_t rounded(size_t length)
{
	return (length + 15) & ~(size_t)15;
}

/* Room in the area for all that is to be there. */
static int take_area(struct stops *stops, struct tracee *t, const struct multiplexed_whole *whole)
{
	const struct call *call = &t->call;
	size_t total = whole->word_arg >= 0 ? rounded(sizeof(whole->word)) : 0;

	for (unsigned i = 0; i < CALL_ARGS_MAX; i++)
		total += call->memory[i].looked ? rounded(call->memory[i].length) : 0;
	if (total == 0)
		return 0;
	int64_t offset = area_take(&stops->area, total);
	if (offset < 0)
		return (int)offset;
	t->area_offset = (uint64_t)offset;
	t->area_length = total;
	return 0;
}

static int expect_image(struct tracee *t)
{
	if (t->image != NULL || !image_matters(&t->call))
		return 0;
	t->image = malloc(sizeof(*t->image));
	if (t->image == NULL)
		return -ENOMEM;
	return image_find(&t->call, t->image);
}

/* The arguments as they are to be, with what they point at in the area. How much of that is used.
 */
static size_t place_memory(struct stops *stops, const struct tracee *t,
			   struct multiplexed_whole *made)
{
	const struct call *call = &t->call;
	size_t used = 0;

	for (unsigned i = 0; i < CALL_ARGS_MAX; i++) {
		const struct call_memory *memory = &call->memory[i];
		uint64_t at = t->area_offset + used;

		made->args[i] = call->args[i];
		if (!memory->looked || memory->bytes == NULL)
			continue;
		deep_place(call, memory, stops->area.map + at, AREA_ADDRESS + at);
		made->args[i] = AREA_ADDRESS + at;
		made->known |= (uint8_t)(1U << i);
		used += rounded(memory->length);
	}
	return used;
}

/* It is made as ipc after all. */
static void place_whole(struct stops *stops, const struct tracee *t, size_t used,
			struct multiplexed_whole *made)
{
	uint64_t at = t->area_offset + used;
	uint64_t args[CALL_ARGS_MAX];

	memcpy(args, made->args, sizeof(args));
	(void)multiplex_whole(t->call.info, args, made); /* It said so before. */
	if (made->word_arg < 0)
		return;
	memcpy(stops->area.map + at, &made->word, sizeof(made->word));
	made->args[made->word_arg] = AREA_ADDRESS + at;
}

int tracee_place_arguments(struct stops *stops, struct tracee *t,
			   struct user_regs_struct *registers)
{
	struct call *call = &t->call;
	struct multiplexed_whole made = {.number = call_make_number(call), .word_arg = -1};
	bool whole = made.number < 0;

	if (whole && (!call->apart || !multiplex_whole(call->info, call->args, &made)))
		return -EPERM;
	int r = expect_image(t);
	if (r == 0)
		r = take_area(stops, t, &made);
	if (r < 0)
		return r;
	made.known = call->apart ? UINT8_MAX : call->changed_args;
	size_t used = place_memory(stops, t, &made);
	if (whole)
		place_whole(stops, t, used, &made);
	registers->orig_rax = (uint64_t)made.number;
	for (unsigned i = 0; i < CALL_ARGS_MAX; i++)
		if ((made.known & (1U << i)) != 0)
			tracee_set_argument(registers, call->abi, i, made.args[i]);
	return 0;
}

void tracee_restore_arguments(const struct tracee *t, struct user_regs_struct *registers)
{
	struct user_regs_struct entry = t->entry;

	/* Also the number: the kernel may be about to make the call again from the start. */
	registers->orig_rax = entry.orig_rax;
	for (unsigned i = 0; i < CALL_ARGS_MAX; i++)
		tracee_set_argument(registers, t->call.abi, i, *argument(&entry, t->call.abi, i));
}

void tracee_release_arguments(struct stops *stops, struct tracee *t)
{
	if (t->area_length > 0)
		area_give(&stops->area, t->area_offset, t->area_length);
	t->area_length = 0;
}

void tracee_forget_call(struct tracee *t)
{
	call_done(&t->call);
	t->call = (struct call){0};
	free(t->image);
	t->image = NULL;
	t->changed = false;
}
