/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls that no signal may break. Until the monitor has received it, a call waits where a signal
 * can interrupt it; a handler without SA_RESTART then makes it fail with EINTR, which mkdir or
 * stat natively never do. The kernel has no way to say otherwise, but whoever traces a process sees
 * its signals first, while the call's result is still "restart me if the handler allows": that is
 * changed to "restart me always". So processes with such a handler are traced, for their signals
 * only, from the moment they ask for it until they execute another program.
 */
#include "base/own.h"
#include "monitor/stop.h"
#include "monitor/tracee.h"
#include "sys/sys.h"

#include <dirent.h>
#include <linux/audit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Does this call set a handler after which calls fail with EINTR? The guest may change what is read
 * here; it fools itself. */
static bool breaks_calls(const struct call *call)
{
	uint64_t words[4] = {0};
	uint32_t halves[4] = {0};
	bool i386 = call->abi == ABI_I386;
	uint64_t handler;
	uint64_t flags = 0;

	if (call->sc == SC_signal)
		return call_gaddr(call, 1).v > 1;
	if (call_gaddr(call, 1).v == 0 ||
	    task_read(&call->task, call_gaddr(call, 1), i386 ? (void *)halves : (void *)words,
		      i386 ? sizeof(halves) : sizeof(words)) < 0)
		return false;
	if (i386) {
		/* The old structure has its mask, of one word, before the flags. */
		handler = halves[0];
		flags = call->sc == SC_sigaction ? halves[2] : halves[1];
	} else {
		handler = words[0];
		flags = words[1];
	}
	return handler > 1 && (flags & SA_RESTART) == 0; /* 0: SIG_DFL; 1: SIG_IGN */
}

/* True when there was one that is not traced yet. */
static bool attach_threads(struct monitor *monitor, const struct call *call)
{
	char path[64];
	bool found = false;
	const struct dirent *entry;

	(void)snprintf(path, sizeof(path), "%d/task", call->task.tid);
	int fd = sys_openat(rights_proc(monitor->proc), path, O_RDONLY | O_DIRECTORY);
	_own_(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (tid <= 0 || tracee_find_traced(monitor->stops, tid) != NULL)
			continue;
		/* One that a debugger in the box has keeps its signals to itself. */
		found |= stop_seize(tid) == 0 && stop_attach(monitor, tid) == 0;
	}
	return found;
}

void restart_note(struct monitor *monitor, const struct call *call)
{
	const struct tracee *t = tracee_find_traced(monitor->stops, call->task.tid);

	if ((t != NULL && t->for_good) || !breaks_calls(call))
		return;
	/* Those that start while we look are found by looking again. */
	for (int i = 0; i < 100 && attach_threads(monitor, call); i++)
		;
	monitor->stops->more = true;
}

void restart_continued(struct monitor *monitor, pid_t tid, uint32_t number)
{
	struct tracee *t = monitor->stops == NULL ? NULL : tracee_find(monitor->stops, tid);

	if (t != NULL)
		t->continued = number;
}

static bool is_notified(const struct monitor *monitor, enum sc sc)
{
	struct answer native = {.kind = ANSWER_NATIVE};
	const struct plan_entry *entry = &monitor->plan->entries[sc];

	return entry->answer.kind == ANSWER_ASK || entry->rule_count > 0 ||
	       plan_guard_answer(monitor->plan, sc, native).kind == ANSWER_ASK;
}

void restart_at_signal(struct monitor *monitor, struct tracee *t)
{
	struct user_regs_struct registers;
	struct __ptrace_syscall_info info;

	if (t->state != TRACEE_RUNS || tracee_get_registers(t, &registers) < 0 ||
	    (int32_t)registers.rax != -ERESTARTSYS || (int64_t)registers.orig_rax < 0 ||
	    tracee_syscall_info(t, &info) < 0)
		return;
	uint32_t number = (uint32_t)registers.orig_rax;
	const struct call_info *call =
		call_find(info.arch == AUDIT_ARCH_I386 ? ABI_I386 : ABI_X86_64, number);
	if (call == NULL || !is_notified(monitor, (enum sc)(call - calls_table)))
		return;
	/* It may be the one that the kernel went on with, and may wait in it as it natively does;
	 * or the next of that number, which nobody has received yet. */
	if (number == t->continued && route_may_wait((enum sc)(call - calls_table)))
		return;
	registers.rax = (uint64_t)-ERESTARTNOINTR;
	(void)tracee_set_registers(t, &registers);
}
