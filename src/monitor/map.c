/* SPDX-License-Identifier: Apache-2.0
 *
 * Giving a guest the argument area. The thread is had to make a few calls of ours, at the very
 * instruction with which it called the kernel: it gets the memfd (through a call that the guard
 * always notifies), maps it where both ABIs can point and closes the descriptor; then it makes its
 * own call. Its other threads may interfere with all of that, so what came of it is looked at in
 * the end, when nothing can change it any more: the guard lets nobody change what is mapped there
 * (policy/area.h).
 */
#include "monitor/stop.h"
#include "monitor/tracee.h"

#include "base/own.h"
#include "guard/filter.h"
#include "sys/sys.h"

#include <errno.h>
#include <linux/audit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

/* "syscall", "int $0x80", and what the kernel goes back to after "sysenter". */
#define INSTRUCTION_LENGTH 2

static void inject(struct tracee *t, long number, const uint64_t args[CALL_ARGS_MAX])
{
	struct user_regs_struct registers = t->entry;

	registers.rip -= INSTRUCTION_LENGTH;
	registers.rax = (uint64_t)number;
	registers.orig_rax = (uint64_t)-1;
	for (unsigned i = 0; i < CALL_ARGS_MAX; i++)
		tracee_set_argument(&registers, t->call.abi, i, args[i]);
	tracee_expect(t, number, &registers);
	(void)tracee_set_registers(t, &registers);
	tracee_resume(t, PTRACE_SYSCALL, 0);
}

/* The call fails as if the kernel had said so. */
static void give_up(struct monitor *monitor, struct tracee *t, int error)
{
	t->call.result = error;
	monitor_after(monitor, &t->call);
	t->entry.rax = (uint64_t)(int64_t)error;
	t->entry.orig_rax = (uint64_t)-1;
	(void)tracee_set_registers(t, &t->entry);
	tracee_unblock_signals(t);
	tracee_forget_call(t);
	t->state = TRACEE_RUNS;
	if (t->for_good)
		tracee_resume(t, PTRACE_CONT, 0);
	else
		tracee_detach(monitor->stops, t, 0);
}

/* "00010000-00400000 r--s 00000000 00:01 1234 ..." with our file in it. */
static bool is_ours(const struct area *area, const char *line)
{
	char wanted[96];
	int length = snprintf(wanted, sizeof(wanted), "%08x-%08x r--s 00000000 %02x:%02x %lu ",
			      AREA_ADDRESS, AREA_END, major(area->device), minor(area->device),
			      (unsigned long)area->inode);

	return strncmp(line, wanted, (size_t)length) == 0;
}

/* It is the lowest mapping, so it is the first line. What follows is not looked at: lines end in
 * names of files, which guests choose, and which may look like a line of their own. */
static bool is_mapped(const struct monitor *monitor, struct tracee *t)
{
	char path[64];
	char text[256];

	(void)snprintf(path, sizeof(path), "%d/maps", t->tid);
	_own_(closep) int fd = sys_openat(rights_proc(monitor->proc), path, O_RDONLY);
	ssize_t n = fd < 0 ? fd : SYS_RESULT(read(fd, text, sizeof(text) - 1));
	text[n > 0 ? n : 0] = '\0';
	return is_ours(&monitor->stops->area, text);
}

/* The decided call, from its instruction on. */
static void remake(struct monitor *monitor, struct tracee *t)
{
	struct user_regs_struct registers = t->entry;
	int r = tracee_place_arguments(monitor->stops, t, &registers);

	if (r < 0) {
		give_up(monitor, t, r);
		return;
	}
	registers.rip -= INSTRUCTION_LENGTH;
	registers.rax = registers.orig_rax;
	registers.orig_rax = (uint64_t)-1;
	tracee_expect(t, (long)registers.rax, &registers);
	(void)tracee_set_registers(t, &registers);
	t->changed = true;
	t->state = TRACEE_REMAKES;
	tracee_resume(t, PTRACE_SYSCALL, 0);
}

static void take_step(struct monitor *monitor, struct tracee *t, enum map_step step)
{
	bool i386 = t->call.abi == ABI_I386;
	const uint64_t none[CALL_ARGS_MAX] = {0};
	const uint64_t map[CALL_ARGS_MAX] = {
		AREA_ADDRESS,	      AREA_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE,
		(uint64_t)t->area_fd, 0};
	const uint64_t fd[CALL_ARGS_MAX] = {(uint64_t)t->area_fd};

	t->step = step;
	switch (step) {
	case STEP_LEAVE:
		return;
	case STEP_TAKE_FD:
		monitor->stops->awaited++;
		inject(t, FILTER_OWN_NUMBER, none);
		return;
	case STEP_MAP:
		inject(t, calls_table[i386 ? SC_mmap2 : SC_mmap].number[t->call.abi], map);
		return;
	case STEP_CLOSE:
		inject(t, calls_table[SC_close].number[t->call.abi], fd);
		return;
	}
}

static void step_done(struct monitor *monitor, struct tracee *t)
{
	struct user_regs_struct registers;

	if (tracee_get_registers(t, &registers) < 0)
		return;
	int64_t result = t->call.abi == ABI_I386 ? (int32_t)registers.rax : (int64_t)registers.rax;
	switch (t->step) {
	case STEP_LEAVE:
		take_step(monitor, t, STEP_TAKE_FD);
		return;
	case STEP_TAKE_FD:
		if (result < 0) {
			give_up(monitor, t, result == -EMFILE ? -EMFILE : -EPERM);
			return;
		}
		t->area_fd = (int)result;
		take_step(monitor, t, STEP_MAP);
		return;
	case STEP_MAP: /* Whether that has worked is seen in the end. */
		take_step(monitor, t, STEP_CLOSE);
		return;
	case STEP_CLOSE:
		t->space->mapped = is_mapped(monitor, t);
		if (t->space->mapped)
			remake(monitor, t);
		else
			give_up(monitor, t, -EPERM);
		return;
	}
}

void map_begin(struct monitor *monitor, struct tracee *t)
{
	struct user_regs_struct registers = t->entry;

	(void)monitor;
	if (tracee_block_signals(t) < 0)
		return; /* It was killed. */
	registers.orig_rax = (uint64_t)-1;
	(void)tracee_set_registers(t, &registers);
	t->state = TRACEE_MAPS;
	t->step = STEP_LEAVE;
	t->expected.number = UINT32_MAX; /* It leaves the call, and makes none. */
	tracee_resume(t, PTRACE_SYSCALL, 0);
}

void map_begin_again(struct monitor *monitor, struct tracee *t)
{
	if (tracee_get_registers(t, &t->entry) < 0 || tracee_block_signals(t) < 0)
		return; /* It was killed. */
	t->state = TRACEE_MAPS;
	if (!call_is_bound(&t->call) || t->space->mapped || is_mapped(monitor, t)) {
		t->space->mapped |= call_is_bound(&t->call);
		remake(monitor, t);
		return;
	}
	take_step(monitor, t, STEP_TAKE_FD);
}

bool map_step(struct monitor *monitor, struct tracee *t, const struct __ptrace_syscall_info *info)
{
	bool enters = info->op == PTRACE_SYSCALL_INFO_ENTRY;
	uint64_t args[CALL_ARGS_MAX];

	if (info->op == PTRACE_SYSCALL_INFO_EXIT) {
		step_done(monitor, t);
		return true;
	}
	for (size_t i = 0; i < CALL_ARGS_MAX; i++)
		args[i] = enters ? info->entry.args[i] : info->seccomp.args[i];
	if (!tracee_is_expected(t, info->arch == AUDIT_ARCH_I386 ? ABI_I386 : ABI_X86_64,
				enters ? info->entry.nr : info->seccomp.nr, args))
		return false;
	/* Its own call has begun, so a signal meets it there as it would have. */
	if (t->state == TRACEE_REMAKES) {
		tracee_unblock_signals(t);
		if (!enters)
			t->state = TRACEE_CALLS;
	}
	tracee_resume(t, PTRACE_SYSCALL, 0);
	return true;
}

/* ---- what notify has to do with it ---- */

bool stop_make_again(struct monitor *monitor, struct call *call)
{
	struct tracee *t;
	struct seccomp_notif_resp *response = monitor->response;

	if (monitor->stops == NULL)
		return false;
	t = tracee_find_traced(monitor->stops, call->task.tid);
	if (t == NULL) {
		t = tracee_add(monitor->stops, call->task.tid);
		if (t == NULL)
			return false;
		if (tracee_seize(monitor->stops, t, TRACE_OPTIONS_ONCE) < 0) {
			/* A debugger in the box has it, or it is gone. */
			tracee_remove(monitor->stops, t);
			return false;
		}
		t->start = tracee_start(&call->task);
	}
	if (t->state != TRACEE_RUNS || ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL) < 0)
		return false;
	int listener_fd = call->task.listener_fd;

	call_move(&t->call, call);
	t->call.task.listener_fd = -1;
	t->state = TRACEE_SEIZED;
	memset(response, 0, sizeof(*response));
	response->id = call->task.id;
	/* Whatever comes between, a signal for one: the call begins anew and is decided anew. */
	response->error = -ERESTARTNOINTR;
	if (SYS_RESULT(ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_SEND, response)) < 0) {
		/* It was killed. Who was seized may be the program that took its place. */
		tracee_forget_call(t);
		t->state = TRACEE_RUNS;
	}
	return true;
}

/* Nothing may interrupt this: what was taken back half-way would answer without a descriptor. */
static int add_area(struct monitor *monitor, const struct task *task)
{
	struct seccomp_notif_addfd request = {
		.id = task->id,
		.srcfd = (uint32_t)monitor->stops->area.fd,
		.newfd_flags = O_CLOEXEC,
		.flags = SECCOMP_ADDFD_FLAG_SEND,
	};
	sigset_t all;
	sigset_t before;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &before);
	int r = SYS_RESULT(ioctl(task->listener_fd, SECCOMP_IOCTL_NOTIF_ADDFD, &request));
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

static void give_area(struct monitor *monitor, const struct task *task)
{
	int r = add_area(monitor, task);

	if (r >= 0)
		return;
	memset(monitor->response, 0, sizeof(*monitor->response));
	monitor->response->id = task->id;
	monitor->response->error = r;
	(void)SYS_RESULT(ioctl(task->listener_fd, SECCOMP_IOCTL_NOTIF_SEND, monitor->response));
}

/* Only the very call that we had it make: it may have been had to make another, and its place may
 * be another thread's now. */
static bool is_expected(const struct tracee *t, const struct seccomp_notif *request)
{
	uint64_t args[CALL_ARGS_MAX];

	for (size_t i = 0; i < CALL_ARGS_MAX; i++)
		args[i] = request->data.args[i];
	return tracee_is_expected(t, request->data.arch == AUDIT_ARCH_I386 ? ABI_I386 : ABI_X86_64,
				  (uint32_t)request->data.nr, args);
}

bool stop_expects(struct monitor *monitor, const struct task *task,
		  const struct seccomp_notif *request)
{
	struct tracee *t =
		monitor->stops == NULL ? NULL : tracee_find(monitor->stops, (pid_t)request->pid);

	/* In TRACEE_CALLS it is the decided call itself, under a number that is notified. */
	if (t == NULL ||
	    (t->state != TRACEE_REMAKES && t->state != TRACEE_MAPS && t->state != TRACEE_CALLS))
		return false;
	if (!is_expected(t, request) || tracee_find_traced(monitor->stops, t->tid) == NULL)
		return false;
	if (t->state == TRACEE_MAPS && t->step == STEP_TAKE_FD) {
		monitor->stops->awaited--;
		give_area(monitor, task);
		return true;
	}
	if (t->state == TRACEE_REMAKES)
		t->state = TRACEE_CALLS;
	memset(monitor->response, 0, sizeof(*monitor->response));
	monitor->response->id = request->id;
	monitor->response->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	(void)SYS_RESULT(ioctl(task->listener_fd, SECCOMP_IOCTL_NOTIF_SEND, monitor->response));
	return true;
}
