/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/stop.h"

#include "base/own.h"
#include "guard/filter.h"
#include "monitor/carry.h"
#include "monitor/hear.h"
#include "monitor/hold.h"
#include "monitor/tracee.h"
#include "monitor/within.h"
#include "sys/sys.h"

#include <linux/audit.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>

#define ROUNDS_MAX 64 /* of stops, before others are looked at */
#define ORPHAN_MS  50 /* so long a child waits for its parent's word */

/* ---- telling hooks ---- */

static struct task task_of(const struct monitor *monitor, pid_t tid)
{
	return (struct task){.tid = tid, .listener_fd = -1, .proc = monitor->proc};
}

static void tell_began(struct monitor *monitor, pid_t tid)
{
	struct task task = task_of(monitor, tid);

	for (struct hooks *hooks = monitor->hooks; hooks != NULL; hooks = hooks->next)
		if (hooks->began != NULL)
			hooks->began(hooks, &task);
}

static void tell_ended(struct monitor *monitor, pid_t tid, int status)
{
	struct task task = task_of(monitor, tid);

	for (struct hooks *hooks = monitor->hooks; hooks != NULL; hooks = hooks->next)
		if (hooks->ended != NULL)
			hooks->ended(hooks, &task, status);
}

static void tell_succeeded(struct monitor *monitor, pid_t tid, pid_t former)
{
	struct task task = task_of(monitor, tid);

	for (struct hooks *hooks = monitor->hooks; hooks != NULL; hooks = hooks->next)
		if (hooks->succeeded != NULL)
			hooks->succeeded(hooks, &task, former);
}

static void tell_signal(struct monitor *monitor, pid_t tid)
{
	struct task task = task_of(monitor, tid);
	siginfo_t info;

	for (struct hooks *hooks = monitor->hooks; hooks != NULL; hooks = hooks->next)
		if (hooks->signalled != NULL && ptrace(PTRACE_GETSIGINFO, tid, NULL, &info) == 0)
			hooks->signalled(hooks, &task, &info);
}

int stop_init(struct monitor *monitor)
{
	_own_(freep) struct stops *stops = calloc(1, sizeof(*stops));

	if (stops == NULL)
		return -ENOMEM;
	int r = area_init(&stops->area);
	if (r == 0)
		r = hear_init();
	if (r == 0)
		monitor->stops = TAKE(stops);
	return r;
}

int stop_seize(pid_t pid)
{
	return hear_seize(pid, TRACE_OPTIONS);
}

int stop_await_call(pid_t pid)
{
	for (;;) {
		int status;
		int who = sys_wait4(-1, &status, __WALL, NULL);
		int event = status >> 16;

		if (who == -EINTR)
			continue;
		if (who != pid || !WIFSTOPPED(status))
			return -ESRCH;
		(void)ptrace(PTRACE_CONT, pid, NULL,
			     (void *)(intptr_t)(event == 0 ? WSTOPSIG(status) : 0));
		if (event == PTRACE_EVENT_SECCOMP)
			return 0;
	}
}

int stop_attach(struct monitor *monitor, pid_t pid)
{
	struct tracee *t = tracee_add(monitor->stops, pid);

	if (t == NULL)
		return -ENOMEM;
	t->for_good = true;
	t->seen = true;
	t->state = TRACEE_RUNS;
	const struct task task = task_of(monitor, pid);
	t->start = tracee_start(&task);
	space_new(t);
	tell_began(monitor, pid);
	near_begin(&monitor->stops->near, monitor->plan, pid);
	return 0;
}

static void set_counted(bool *flag, unsigned *count, bool value)
{
	if (*flag != value)
		*count += value ? 1U : -1U;
	*flag = value;
}

/* Nothing of it was changed. */
static void resume_near(struct stops *stops, struct tracee *t, unsigned request)
{
	struct near *near = &stops->near;
	bool runs = t->state == TRACEE_RUNS;

	set_counted(&t->tells, &near->telling, !runs && near_tells(near, &t->call));
	near_resume(near, t->tid);
	set_counted(&t->busy, &near->busy, runs);
	tracee_resume(t, request, 0);
}

/* ---- a call comes in ---- */

/* The call is not made: this is its result. */
static void end_here(struct monitor *monitor, struct tracee *t, int64_t result)
{
	if (tracee_get_registers(t, &t->entry) < 0)
		return; /* It was killed; its end comes next. */
	t->call.result = result;
	monitor_after(monitor, &t->call);
	result = t->call.result;
	/* Number -1 is no call: the kernel makes none and leaves the result alone. */
	t->entry.orig_rax = (uint64_t)-1;
	t->entry.rax = (uint64_t)result;
	(void)tracee_set_registers(t, &t->entry);
	tracee_forget_call(t);
	tracee_resume(t, PTRACE_CONT, 0);
}

/* The caller makes the call as it was decided. */
static void let_go(struct monitor *monitor, struct tracee *t)
{
	struct call *call = &t->call;

	t->changed = call->changed_args != 0 || call_is_bound(call);
	if (!t->changed) {
		bool after = monitor_wants_result(monitor, call);

		t->state = after ? TRACEE_CALLS : TRACEE_RUNS;
		if (!after)
			tracee_forget_call(t);
		resume_near(monitor->stops, t, after ? PTRACE_SYSCALL : PTRACE_CONT);
		return;
	}
	if (tracee_get_registers(t, &t->entry) < 0)
		return; /* It was killed; its end comes next. */
	if (call_is_bound(call) && !t->space->mapped) {
		map_begin(monitor, t);
		return;
	}
	struct user_regs_struct registers = t->entry;
	int r = tracee_place_arguments(monitor->stops, t, &registers);
	if (r == 0) {
		tracee_expect(t, (long)registers.orig_rax, &registers);
		r = tracee_set_registers(t, &registers);
	}
	if (r < 0) {
		end_here(monitor, t, r == -EFAULT || r == -ETXTBSY ? r : -EPERM);
		return;
	}
	t->state = TRACEE_CALLS;
	tracee_resume(t, PTRACE_SYSCALL, 0);
}

static void allow(struct monitor *monitor, struct tracee *t)
{
	/* The caller's wall would not see it. */
	if (carry_truncates(t->call.sc) && !within_sees_truncate()) {
		end_here(monitor, t, carry_out(&t->call));
		return;
	}
	let_go(monitor, t);
}

static void fulfil(struct monitor *monitor, struct tracee *t, struct verdict verdict)
{
	switch (verdict.kind) {
	case VERDICT_CONTINUE:
		t->call.from_memory = false; /* Nobody has decided on it: the original is made. */
		let_go(monitor, t);
		return;
	case VERDICT_ALLOW:
		allow(monitor, t);
		return;
	case VERDICT_ANSWER:
		end_here(monitor, t, verdict.value);
		return;
	case VERDICT_KILL:
		monitor_kill(t->tid);
		end_here(monitor, t, -EPERM);
		return;
	case VERDICT_HOLD:
		if (hold_begin(monitor, &t->call, verdict)) {
			t->state = TRACEE_HELD;
			return;
		}
		end_here(monitor, t, -EPERM);
		return;
	case VERDICT_DENY:
	case VERDICT_SENT:
		end_here(monitor, t, verdict.value > 0 ? -verdict.value : -EPERM);
		return;
	}
}

static void enter_call(struct monitor *monitor, struct tracee *t,
		       const struct __ptrace_syscall_info *info)
{
	uint64_t args[CALL_ARGS_MAX];

	for (size_t i = 0; i < CALL_ARGS_MAX; i++)
		args[i] = info->seccomp.args[i];
	t->executed = false;
	tracee_release_arguments(monitor->stops, t);
	tracee_forget_call(t);
	if (info->seccomp.ret_data != FILTER_STOP_DATA) {
		/* A filter of the guest's own, which has no tracer that could answer it. */
		end_here(monitor, t, -ENOSYS);
		return;
	}
	t->call.route = ROUTE_STOP;
	t->call.task = task_of(monitor, t->tid);
	call_begin(&t->call, info->arch == AUDIT_ARCH_I386 ? ABI_I386 : ABI_X86_64,
		   (uint32_t)info->seccomp.nr, args);
	if (monitor_decides(monitor, &t->call))
		call_take_first_message(&t->call);
	if (t->call.sc == SC_sched_setaffinity)
		near_end(&monitor->stops->near);
	fulfil(monitor, t, monitor_decide(monitor, &t->call));
}

bool stop_is_held(const struct monitor *monitor, pid_t tid, uint64_t hold_id)
{
	const struct tracee *t = tracee_find(monitor->stops, tid);

	return t != NULL && t->state == TRACEE_HELD && t->call.hold_id == hold_id;
}

void stop_resume(struct monitor *monitor, pid_t tid, const struct stream_answer *answer)
{
	struct tracee *t = tracee_find(monitor->stops, tid);

	t->state = TRACEE_RUNS;
	fulfil(monitor, t, monitor_decided(monitor, &t->call, answer));
}

/* ---- and is over ---- */

/* Registers that were changed are as they were, but for the result. */
static void restore(struct tracee *t)
{
	struct user_regs_struct now;

	if (tracee_get_registers(t, &now) < 0)
		return; /* It was killed; its end comes next. */
	if (t->changed)
		tracee_restore_arguments(t, &now);
	if (t->call.result_changed)
		now.rax = (uint64_t)t->call.result;
	(void)tracee_set_registers(t, &now);
}

static void leave_call(struct monitor *monitor, struct tracee *t, int64_t result)
{
	result = t->call.abi == ABI_I386 ? (int32_t)result : result;
	t->call.task.tid = t->tid;
	t->call.result = call_first_message_sent(&t->call, result);
	t->call.result_changed = t->call.result != result;
	if (monitor_wants_result(monitor, &t->call))
		monitor_after(monitor, &t->call);
	if ((t->changed || t->call.result_changed) && !t->executed)
		restore(t);
	tracee_release_arguments(monitor->stops, t);
	tracee_forget_call(t);
	t->state = TRACEE_RUNS;
	t->executed = false;
	if (t->for_good)
		resume_near(monitor->stops, t, PTRACE_CONT);
	else
		tracee_detach(monitor->stops, t, 0);
}

/* Somebody has changed the instruction that it was had to begin again from. */
static void end_liar(struct monitor *monitor, struct tracee *t)
{
	(void)monitor_refuse(monitor, &t->call, EPERM, "another call than was decided on");
	monitor_kill(t->tid);
}

static void at_syscall(struct monitor *monitor, struct tracee *t)
{
	struct __ptrace_syscall_info info;

	if (tracee_syscall_info(t, &info) < 0)
		return;
	if (t->state == TRACEE_REMAKES && info.op == PTRACE_SYSCALL_INFO_EXIT) {
		/* Nobody was asked on its way: an own filter of the guest's has answered it. */
		tracee_unblock_signals(t);
		t->state = TRACEE_CALLS;
	}
	if (t->state == TRACEE_MAPS || t->state == TRACEE_REMAKES) {
		if (!map_step(monitor, t, &info))
			end_liar(monitor, t);
		return;
	}
	if (info.op == PTRACE_SYSCALL_INFO_SECCOMP)
		enter_call(monitor, t, &info);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->state == TRACEE_CALLS)
		leave_call(monitor, t, info.exit.rval);
	else
		tracee_resume(t, t->state == TRACEE_CALLS ? PTRACE_SYSCALL : PTRACE_CONT, 0);
}

/* ---- what else happens to a traced thread ---- */

/* The child's memory is known of. It may have stopped before. */
static void begin(struct monitor *monitor, struct tracee *child)
{
	child->for_good = true;
	near_born(&monitor->stops->near, child->tid);
	tell_began(monitor, child->tid);
	if (!child->seen)
		return;
	monitor->stops->waiting--;
	tracee_resume(child, PTRACE_CONT, 0);
}

static void at_birth(struct monitor *monitor, struct tracee *parent)
{
	unsigned long pid = 0;

	if (tracee_message(parent, &pid) == 0) {
		struct tracee *child = tracee_add(monitor->stops, (pid_t)pid);

		if (child == NULL)
			_exit(125); /* A guest that cannot be kept track of: the box ends. */
		if (child->space == NULL) {
			space_inherit(child, parent, tracee_child_memory(parent));
			begin(monitor, child);
		}
	}
	tracee_resume(parent, parent->state == TRACEE_CALLS ? PTRACE_SYSCALL : PTRACE_CONT, 0);
}

static void at_exec(struct monitor *monitor, struct tracee *t)
{
	unsigned long former = 0;

	/* A thread that led no group has the leader's id now; the others are gone. */
	if (tracee_message(t, &former) == 0 && (pid_t)former != t->tid) {
		tell_succeeded(monitor, t->tid, (pid_t)former);
		near_renamed(&monitor->stops->near, (pid_t)former, t->tid);
		t = tracee_succeed(monitor->stops, t, (pid_t)former);
	}
	space_new(t);
	t->executed = true;
	if (t->image != NULL &&
	    !image_runs(&(struct task){.tid = t->tid, .listener_fd = -1, .proc = monitor->proc},
			t->image)) {
		t->call.task.tid = t->tid;
		(void)monitor_refuse(monitor, &t->call, EACCES,
				     "another program than was decided on");
		monitor_kill(t->tid);
	}
	/* Who was traced for its handlers has none any more. */
	t->for_good = t->for_good && plan_uses(monitor->plan, ROUTE_STOP);
	if (t->for_good || t->state == TRACEE_CALLS)
		tracee_resume(t, t->state == TRACEE_CALLS ? PTRACE_SYSCALL : PTRACE_CONT, 0);
	else
		tracee_detach(monitor->stops, t, 0);
}

static struct tracee *renew(struct monitor *monitor, struct tracee *t)
{
	pid_t tid = t->tid;

	tracee_remove(monitor->stops, t);
	t = tracee_add(monitor->stops, tid);
	if (t == NULL)
		_exit(125); /* A guest that cannot be kept track of: the box ends. */
	return t;
}

static void at_stop(struct monitor *monitor, struct tracee *t, int signal)
{
	bool stopped =
		signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;

	if (t->start != 0) {
		/* Another thread with its id, and a new one, or it would not stop for us. */
		const struct task task = task_of(monitor, t->tid);

		if (tracee_start(&task) != t->start)
			t = renew(monitor, t);
	}
	if (t->space == NULL && !t->seen) {
		monitor->stops->waiting++;
		t->seen_ms = sys_now_ms();
	}
	t->seen = true;
	if (stopped && t->state != TRACEE_MAPS && t->state != TRACEE_REMAKES)
		tracee_resume(t, PTRACE_LISTEN, 0); /* Stays stopped, as job control wants it. */
	else if (t->state == TRACEE_SEIZED)
		map_begin_again(monitor, t);
	else if (t->state == TRACEE_RUNS && !t->for_good)
		tracee_detach(monitor->stops, t, 0); /* Seized instead of another. */
	else if (t->space == NULL)
		return; /* A child: its parent's word comes first, and then it goes on. */
	else
		tracee_resume(t,
			      t->state == TRACEE_RUNS || t->state == TRACEE_NEW ? PTRACE_CONT
										: PTRACE_SYSCALL,
			      0);
}

static void at_signal(struct monitor *monitor, struct tracee *t, int signal)
{
	if (t->state == TRACEE_SEIZED) {
		/* It came before the call could be made again. The handler first; then the call
		 * begins anew, and is decided anew. */
		tracee_forget_call(t);
		t->state = TRACEE_RUNS;
		if (!t->for_good) {
			tracee_detach(monitor->stops, t, signal);
			return;
		}
	}
	restart_at_signal(monitor, t);
	tracee_resume(
		t, t->state == TRACEE_RUNS || t->state == TRACEE_NEW ? PTRACE_CONT : PTRACE_SYSCALL,
		signal);
}

static void dispatch(struct monitor *monitor, pid_t tid, int status)
{
	struct tracee *t = tracee_find(monitor->stops, tid);
	int signal = WSTOPSIG(status);

	if (t != NULL) {
		set_counted(&t->busy, &monitor->stops->near.busy, false);
		set_counted(&t->tells, &monitor->stops->near.telling, false);
	}
	if (!WIFSTOPPED(status)) {
		if (t != NULL) {
			tell_ended(monitor, tid, status);
			near_gone(&monitor->stops->near, tid);
			if (t->seen && t->space == NULL)
				monitor->stops->waiting--;
			tracee_remove(monitor->stops, t);
		}
		return;
	}
	if (t == NULL)
		t = tracee_add(monitor->stops, tid);
	if (t == NULL)
		_exit(125); /* A guest that cannot be kept track of: the box ends. */
	switch (status >> 16) {
	case PTRACE_EVENT_SECCOMP:
		at_syscall(monitor, t);
		return;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		at_birth(monitor, t);
		return;
	case PTRACE_EVENT_EXEC:
		at_exec(monitor, t);
		return;
	case PTRACE_EVENT_STOP:
		at_stop(monitor, t, signal);
		return;
	default:
		break;
	}
	if (signal == (SIGTRAP | 0x80)) {
		at_syscall(monitor, t);
		return;
	}
	tell_signal(monitor, tid);
	at_signal(monitor, t, signal);
}

int stop_timeout_ms(const struct monitor *monitor)
{
	if (monitor->stops == NULL)
		return -1;
	if (monitor->stops->more)
		return 0;
	if (monitor->stops->waiting > 0)
		return ORPHAN_MS;
	return monitor->stops->near.guest != 0 ? NEAR_LONGEST_MS : -1;
}

void stop_check(struct monitor *monitor)
{
	struct stops *stops = monitor->stops;
	uint64_t now = stops->waiting > 0 ? sys_now_ms() : 0;

	if (stops->more)
		stop_serve(monitor);
	near_check(&stops->near);
	for (size_t i = 0; stops->waiting > 0 && i < TRACEE_BUCKETS; i++) {
		for (struct tracee *t = stops->buckets[i]; t != NULL; t = t->next) {
			if (!t->seen || t->space != NULL || now - t->seen_ms < ORPHAN_MS)
				continue;
			space_new(t);
			begin(monitor, t);
		}
	}
}

static bool dispatch_heard(struct monitor *monitor)
{
	bool any = false;
	int status;
	pid_t pid;

	while (hear_next(&pid, &status)) {
		dispatch(monitor, pid, status);
		any = true;
	}
	return any;
}

void stop_serve(struct monitor *monitor)
{
	struct near *near = &monitor->stops->near;
	bool more = true;

	near_wake(near);
	for (unsigned rounds = 0; more && rounds < ROUNDS_MAX; rounds++) {
		hear(false);
		more = dispatch_heard(monitor) || near_yield(near);
	}
	/* Guests that never cease to stop must not keep us from the limits of their box. */
	monitor->stops->more = more;
	if (!more)
		near_sleep(near);
}

bool stop_wait(struct monitor *monitor)
{
	struct near *near = &monitor->stops->near;

	hear(true);
	near_wake(near);
	if (!dispatch_heard(monitor))
		return false;
	if (near_yield(near))
		stop_serve(monitor);
	else
		near_sleep(near);
	return true;
}

bool stop_awaits_notification(const struct monitor *monitor)
{
	return monitor->stops->awaited > 0;
}
